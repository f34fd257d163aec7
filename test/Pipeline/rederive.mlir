// What --rederive goes with, and what it needs.
// REQUIRES: qzc
//
// RUN: %qzc %s --weights=synthetic --arch=none --quantize=int8 -o %t.bin
// RUN: not %qzc --rederive %t.bin %S 2>&1 | FileCheck %s --check-prefix=SYNTHETIC
// SYNTHETIC: qzc: error: '{{.*}}.bin' holds no weights: they are synthetic
//
// RUN: not %qzc --rederive %t.bin %S --quantize=nf4 2>&1 | FileCheck %s --check-prefix=OTHER
// OTHER: qzc: error: --quantize does not go with --rederive
//
// RUN: not %qzc --rederive %t.bin 2>&1 | FileCheck %s --check-prefix=FOLDER
// FOLDER: qzc: error: model is required
//
// RUN: not %qzc --rederive %s %S 2>&1 | FileCheck %s --check-prefix=IMAGE
// IMAGE: qzc: error: '{{.*}}rederive.mlir' does not end with an image's footer
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
