// RUN: not %qzc-opt %s --qz-quantize="scheme=nf4" 2>&1 | FileCheck %s --check-prefix=REFUSED
// REFUSED: error: 'qz.param' op "l.0.q" is quantized already, by who made the checkpoint: leave it out of the selection, or decode it first with --requantize
// RUN: not %qzc-opt %s --qz-quantize="rules=l.0.q=nf4" 2>&1 | FileCheck %s --check-prefix=REFUSED
// RUN: %qzc-opt %s --qz-quantize="scheme=none" | FileCheck %s --check-prefix=KEPT
// RUN: %qzc-opt %s --qz-quantize="scheme=nf4 components=o" | FileCheck %s --check-prefix=KEPT
// KEPT: qz.param "l.0.q" packing {{.*}}> : !qz.packed<64x64, q4_0>
// RUN: %qzc-opt %s --qz-cast="dtype=bf16" | FileCheck %s --check-prefix=CAST
// CAST: qz.param "l.0.v" packing {{.*}}> : tensor<64x64xf32>
// RUN: %qzc-opt %s --qz-quantize="scheme=nf4 requantize" | FileCheck %s
// CHECK: qz.param "l.0.q" packing {{.*}}> source !qz.packed<64x64, q4_0> : !qz.packed<64x64, nf4, block = 64>
// CHECK: qz.param "l.0.v" packing {{.*}}> source tensor<64x64xf32> : !qz.packed<64x64, nf4, block = 64>
// CHECK: %[[WHOLE:.*]] = qz.param "l.0.kk" packing {{.*}}> source !qz.packed<128x64, q8_0> : !qz.packed<128x64, nf4, block = 64>
// CHECK: qz.rows %[[WHOLE]] {{\[\[}}0, 64]] : !qz.packed<128x64, nf4, block = 64>
// CHECK: qz.rows %[[WHOLE]] {{\[\[}}64, 128]] : !qz.packed<128x64, nf4, block = 64>
// RUN: %qzc-opt %s --qz-quantize="scheme=q8_0 components=k requantize" | FileCheck %s --check-prefix=ALIKE
// ALIKE: qz.param "l.0.kk" packing {{.*}}> : !qz.packed<128x64, q8_0>
// RUN: not %qzc-opt %s --qz-quantize="scheme=bf16 components=k requantize" 2>&1 | FileCheck %s --check-prefix=TOGETHER
// TOGETHER: error: 'qz.param' op "l.0.kk" is stored as one by who made the checkpoint: choose the same scheme for all its layers, or for none

qz.model @packed attributes {family = "f", layers = 1 : i64, hidden = 64 : i64, vocab = 8 : i64,
  context = 16 : i64, eos = array<i64: 2>, add_bos = false} {
  qz.file @m "m.safetensors" size 16384
    sha256 "9f00000000000000000000000000000000000000000000000000000000000000"
  qz.graph(%t : tensor<?xi32>) -> tensor<?x8xf32> {
    %e = qz.param "e" : tensor<8x64xf32>
    %x = qz.embed %t, %e : tensor<8x64xf32> -> tensor<?x64xf32>
    %y = qz.block 0 (%b = %x) : tensor<?x64xf32> {
      %wq = qz.param "l.0.q" packing <layout = "ggml",
              tensors = {codes = #qz.tensor<"l.0.q", "U8", [64, 36], @m, 8>}>
              : !qz.packed<64x64, q4_0>
      %q = qz.linear q %b, %wq : (tensor<?x64xf32>, !qz.packed<64x64, q4_0>) -> tensor<?x64xf32>
      %wv = qz.param "l.0.v" packing <layout = "gptq",
              tensors = {codes = #qz.tensor<"l.0.v.qweight", "I32", [8, 64], @m, 8>}>
              : tensor<64x64xf32>
      %v = qz.linear v %b, %wv : (tensor<?x64xf32>, tensor<64x64xf32>) -> tensor<?x64xf32>
      %kk = qz.param "l.0.kk" packing <layout = "ggml",
              tensors = {codes = #qz.tensor<"l.0.kk", "U8", [128, 68], @m, 8>}>
              : !qz.packed<128x64, q8_0>
      %k0 = qz.rows %kk [[0, 64]] : !qz.packed<128x64, q8_0>
      %k1 = qz.rows %kk [[64, 128]] : !qz.packed<128x64, q8_0>
      %a = qz.linear k %q, %k0 : (tensor<?x64xf32>, !qz.rows<64 of !qz.packed<128x64, q8_0>>) -> tensor<?x64xf32>
      %c = qz.linear k %v, %k1 : (tensor<?x64xf32>, !qz.rows<64 of !qz.packed<128x64, q8_0>>) -> tensor<?x64xf32>
      %s = qz.add %a, %c : tensor<?x64xf32>
      %wo = qz.param "l.0.o" : tensor<64x64xf32>
      %o = qz.linear o %s, %wo : (tensor<?x64xf32>, tensor<64x64xf32>) -> tensor<?x64xf32>
      qz.yield %o : tensor<?x64xf32>
    }
    %l = qz.linear head %y, %e : (tensor<?x64xf32>, tensor<8x64xf32>) -> tensor<?x8xf32>
    qz.return %l : tensor<?x8xf32>
  }
}
