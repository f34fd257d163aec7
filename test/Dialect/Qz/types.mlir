// RUN: %qzc-opt %s | %qzc-opt | FileCheck %s

// CHECK: a = !qz.packed<3x5, int8>
// CHECK: b = !qz.packed<3x64, q8_0>
// CHECK: c = !qz.packed<3x64, q4_0>
// CHECK: d = !qz.packed<3x5, fp4, block = 64>
// CHECK: e = !qz.packed<3x5, fp4, block = 64, double>
// CHECK: f = !qz.packed<3x5, nf4, block = 4096>
// CHECK: g = !qz.packed<3x5, nf4, block = 32, double>
// CHECK: h = !qz.packed<3x128, int4, block = 128, asym>
// CHECK: i = !qz.packed<3x128, int3, block = 64>
// CHECK: j = !qz.packed<3x128, int4, block = 64, asym>
// CHECK: k = !qz.packed<3x256, q4_k>
// CHECK: l = !qz.packed<3x32, q5_1>
module attributes {qz.a = !qz.packed<3x5, int8>, qz.b = !qz.packed<3x64, q8_0>,
    qz.c = !qz.packed<3x64, q4_0>, qz.d = !qz.packed<3x5, fp4>,
    qz.e = !qz.packed<3x5, fp4, double>,
    qz.f = !qz.packed<3x5, nf4, block = 4096>,
    qz.g = !qz.packed<3x5, nf4, block = 32, double>,
    qz.h = !qz.packed<3x128, int4, block = 128, asym>,
    qz.i = !qz.packed<3x128, int3>, qz.j = !qz.packed<3x128, int4, asym>,
    qz.k = !qz.packed<3x256, q4_k>, qz.l = !qz.packed<3x32, q5_1>} {}
