// REQUIRES: qzc
// RUN: %qzc %S/../Dialect/Qz/smollm2.mlir --quantize=nf4 --arch=80,86,90a --emit=program -o %t
// RUN: FileCheck %s --input-file=%t
// RUN: %qzc-opt %t -o %t.again
// RUN: diff %t %t.again
// RUN: not %qzc %S/../Dialect/Qz/smollm2.mlir --arch=80 --emit=cuda 2>&1 | FileCheck %s --check-prefix=REFUSED

// A program for each kind of GPU.
// CHECK: cuda.program for #cuda.gpu<processors = 108,
// CHECK-SAME: ["sm_80", "sm_86"]
// CHECK-SAME: scratch_bytes = {{[1-9][0-9]+}} : i64
// CHECK: cuda.kernel @matvec
// CHECK-NOT: gemmPanels
// CHECK: cuda.list decode {
// CHECK-NEXT: cuda.launch @embed_
// CHECK: cuda.list batch of 8 {
// CHECK: cuda.list batch of 64 {
// CHECK: cuda.list prefill {
// CHECK: cuda.list head {
// CHECK: cuda.list score {
// CHECK: cuda.list draw {
// CHECK: cuda.program for #cuda.gpu<processors = 132,
// CHECK-SAME: warpgroups> ["sm_90a"]
// CHECK: cuda.list prefill {
// CHECK: cuda.launch @gemmPanels
// CHECK: cuda.list losses {

// REFUSED: --arch is for executables and does not go with --emit of another stage
