// qzc takes MLIR's own options, and qzc-opt runs the whole pipeline by name.
// REQUIRES: qzc
//
// RUN: %qzc %s --quantize=nf4 --emit=schedule -o %t.qzc
// RUN: %qzc-opt %s --qzc-compile="scheme=nf4" -o %t.opt
// RUN: diff %t.qzc %t.opt
//
// RUN: %qzc %s --emit=qz -o %t --mlir-print-ir-after-all 2>&1 | FileCheck %s --check-prefix=AFTER
// AFTER: IR Dump After QzQuantize (qz-quantize)
// AFTER: IR Dump After Canonicalizer
// AFTER: IR Dump After QzVerifyFused
// RUN: %qzc %s --emit=qz -o %t --mlir-print-ir-after=qz-group-linears --mlir-print-ir-module-scope 2>&1 | FileCheck %s --check-prefix=ONE --implicit-check-not="IR Dump"
// ONE: IR Dump After QzGroupLinears
//
// RUN: %qzc %s --emit=schedule -o %t --mlir-timing 2>&1 | FileCheck %s --check-prefix=TIMING
// TIMING: Execution time report
// TIMING: selection
// TIMING: QzQuantize
// TIMING: fusion
// TIMING: QzGroupLinears
// TIMING: scheduling
// TIMING: SchedPlanMemory
//
// What fails can be run again.
// RUN: not %qzc %s --quantize=q4_0 --emit=qz --mlir-pass-pipeline-crash-reproducer=%t.repro 2>&1 | FileCheck %s --check-prefix=REFUSED
// RUN: not %qzc-opt --run-reproducer %t.repro 2>&1 | FileCheck %s --check-prefix=REFUSED
// REFUSED: "q": q4_0 of 4x4: its blocks of 32 do not divide the rows
//
// RUN: not %qzc %s --mlir-none 2>&1 | FileCheck %s --check-prefix=UNKNOWN
// UNKNOWN: qzc: error: Unknown command line argument '--mlir-none'
// RUN: not %qzc %s --mlir-print-ir-after=none 2>&1 | FileCheck %s --check-prefix=VALUE
// VALUE: Cannot find option named 'none'
// VALUE: qzc: error: an option of MLIR has a wrong value

qz.model @m attributes {family = "f", layers = 1 : i64, hidden = 4 : i64, vocab = 8 : i64,
    context = 16 : i64, eos = array<i64: 2>, add_bos = false} {
  qz.graph(%t : tensor<?xi32>) -> tensor<?x8xf32> {
    %e = qz.param "embed" : tensor<8x4xbf16>
    %x0 = qz.embed %t, %e : tensor<8x4xbf16> -> tensor<?x4xf32>
    %x1 = qz.block 0 (%x = %x0) : tensor<?x4xf32> {
      %wq = qz.param "q" : tensor<4x4xbf16>
      %wk = qz.param "k" : tensor<4x4xbf16>
      %wv = qz.param "v" : tensor<4x4xbf16>
      %q = qz.linear q %x, %wq : (tensor<?x4xf32>, tensor<4x4xbf16>) -> tensor<?x4xf32>
      %k = qz.linear k %x, %wk : (tensor<?x4xf32>, tensor<4x4xbf16>) -> tensor<?x4xf32>
      %v = qz.linear v %x, %wv : (tensor<?x4xf32>, tensor<4x4xbf16>) -> tensor<?x4xf32>
      %a = qz.attention %q, %k, %v heads 2 kv_heads 2 scale 0.5
        : (tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x4xf32>
      qz.yield %a : tensor<?x4xf32>
    }
    %l = qz.linear head %x1, %e : (tensor<?x4xf32>, tensor<8x4xbf16>) -> tensor<?x8xf32>
    qz.return %l : tensor<?x8xf32>
  }
}
