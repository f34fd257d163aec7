// RUN: %qzc-opt %s | %qzc-opt | FileCheck %s

// CHECK: a = !qz.packed<3x5, int8>
// CHECK: b = !qz.packed<3x64, q8_0>
// CHECK: c = !qz.packed<3x64, q4_0>
// CHECK: d = !qz.packed<3x5, fp4, block = 64>
// CHECK: e = !qz.packed<3x5, fp4, block = 64, double>
// CHECK: f = !qz.packed<3x5, nf4, block = 4096>
// CHECK: g = !qz.packed<3x5, nf4, block = 32, double>
module attributes {qz.a = !qz.packed<3x5, int8>, qz.b = !qz.packed<3x64, q8_0>,
    qz.c = !qz.packed<3x64, q4_0>, qz.d = !qz.packed<3x5, fp4>,
    qz.e = !qz.packed<3x5, fp4, double>,
    qz.f = !qz.packed<3x5, nf4, block = 4096>,
    qz.g = !qz.packed<3x5, nf4, block = 32, double>} {}
