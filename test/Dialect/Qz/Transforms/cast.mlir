// RUN: %qzc-opt %s --qz-cast="dtype=f16" | FileCheck %s --check-prefix=F16
// RUN: %qzc-opt %s --qz-cast="dtype=f32" --qz-cast="dtype=bf16" | FileCheck %s --check-prefix=BACK
// RUN: not %qzc-opt %s --qz-cast="dtype=f8" 2>&1 | FileCheck %s --check-prefix=ERROR
// ERROR: error: unknown dtype 'f8'; known are f32, f16, bf16

// F16: qz.param "embed" source tensor<8x4xbf16> : tensor<8x4xf16>
// F16: qz.param "norm" source tensor<4xbf16> : tensor<4xf16>
// What is quantized stays, and so do rows and source.
// F16: qz.param "q" source tensor<4x4xbf16> : !qz.packed<4x4, int8>
// F16: qz.param "k" transposed rows {{\[}}[0, 4]] source tensor<4x8xbf16> : tensor<4x4xf16>

// BACK: qz.param "embed" : tensor<8x4xbf16>
// BACK: qz.param "norm" : tensor<4xbf16>
// BACK: qz.param "k" transposed rows {{\[}}[0, 4]] source tensor<4x8xbf16> : tensor<4x4xbf16>
qz.model @m attributes {family = "f", layers = 1 : i64, hidden = 4 : i64, vocab = 8 : i64,
    context = 16 : i64, eos = array<i64: 2>, add_bos = false} {
  qz.graph(%t : tensor<?xi32>) -> tensor<?x8xf32> {
    %e = qz.param "embed" : tensor<8x4xbf16>
    %x0 = qz.embed %t, %e : tensor<8x4xbf16> -> tensor<?x4xf32>
    %x1 = qz.block 0 (%x = %x0) : tensor<?x4xf32> {
      %g = qz.param "norm" : tensor<4xbf16>
      %n = qz.rms_norm %x, %g eps 1.0e-5 : tensor<?x4xf32>, tensor<4xbf16>
      %wq = qz.param "q" source tensor<4x4xbf16> : !qz.packed<4x4, int8>
      %wk = qz.param "k" transposed rows [[0, 4]] source tensor<4x8xbf16> : tensor<4x4xbf16>
      %q = qz.linear q %n, %wq : (tensor<?x4xf32>, !qz.packed<4x4, int8>) -> tensor<?x4xf32>
      %k = qz.linear k %q, %wk : (tensor<?x4xf32>, tensor<4x4xbf16>) -> tensor<?x4xf32>
      qz.yield %k : tensor<?x4xf32>
    }
    %l = qz.linear head %x1, %e : (tensor<?x4xf32>, tensor<8x4xbf16>) -> tensor<?x8xf32>
    qz.return %l : tensor<?x8xf32>
  }
}
