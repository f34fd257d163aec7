// RUN: %qzc-opt %s --qz-quantize="scheme=nf4 rules=down=int8" | FileCheck %s --check-prefixes=ONE
// RUN: %qzc-opt %s --qz-quantize="scheme=nf4 components=ffn rules=^1[.]=int8,up=none,[.]q$=fp4/32" | FileCheck %s --check-prefixes=LAST
// RUN: %qzc-opt %s --qz-quantize="rules=embed=bf16" | FileCheck %s --check-prefixes=TIED
// RUN: %qzc-opt %s --qz-quantize="scheme=int8 components=head rules=embed=int8" | FileCheck %s --check-prefixes=SAME
// RUN: %qzc-opt %s --qz-quantize="scheme=f32 components=q" --qz-quantize="rules=0=int8" | FileCheck %s --check-prefixes=TYPE
// RUN: %qzc-opt %s --qz-cast="dtype=f32" --qz-quantize="rules=up=f16" | FileCheck %s --check-prefixes=CAST

// Rules choose over the selection, and for what it leaves out.
// ONE: qz.param "embed" : tensor<8x4xf32>
// ONE: qz.param "0.q" source tensor<4x4xf16> : !qz.packed<4x4, nf4, block = 64>
// ONE: qz.param "0.up" source tensor<4x4xf16> : !qz.packed<4x4, nf4, block = 64>
// ONE: qz.param "1.down" source tensor<4x4xf16> : !qz.packed<4x4, int8>

// Of several rules that match, the last counts; none is a choice.
// LAST: qz.param "0.q" source tensor<4x4xf16> : !qz.packed<4x4, fp4, block = 32>
// LAST: qz.param "0.up" : tensor<4x4xf16>
// LAST: qz.param "1.q" source tensor<4x4xf16> : !qz.packed<4x4, fp4, block = 32>
// LAST: qz.param "1.down" source tensor<4x4xf16> : !qz.packed<4x4, int8>

// A rule is about a weight: embedding and tied head keep sharing it.
// TIED: %[[E:.*]] = qz.param "embed" source tensor<8x4xf32> : tensor<8x4xbf16>
// TIED: qz.embed %{{.*}}, %[[E]] : tensor<8x4xbf16>
// TIED: qz.linear head %{{.*}}, %[[E]] : (tensor<?x4xf32>, tensor<8x4xbf16>)
// SAME: %[[E:.*]] = qz.param "embed" source tensor<8x4xf32> : !qz.packed<8x4, int8>
// SAME-NOT: "embed"
// SAME: qz.embed %{{.*}}, %[[E]] : !qz.packed<8x4, int8>
// SAME: qz.linear head %{{.*}}, %[[E]] : (tensor<?x4xf32>, !qz.packed<8x4, int8>)

// An element type can be chosen, and what has one be quantized from its source.
// TYPE: qz.param "0.q" source tensor<4x4xf16> : !qz.packed<4x4, int8>
// TYPE: qz.param "0.up" source tensor<4x4xf16> : !qz.packed<4x4, int8>
// TYPE: qz.param "1.q" source tensor<4x4xf16> : tensor<4x4xf32>
// TYPE: qz.param "1.down" : tensor<4x4xf16>

// What has its source's type again needs no other source.
// CAST: qz.param "0.q" source tensor<4x4xf16> : tensor<4x4xf32>
// CAST: qz.param "0.up" : tensor<4x4xf16>

qz.model @m attributes {family = "f", layers = 2 : i64, hidden = 4 : i64, vocab = 8 : i64,
    context = 16 : i64, eos = array<i64: 2>, add_bos = false} {
  qz.graph(%t : tensor<?xi32>) -> tensor<?x8xf32> {
    %e = qz.param "embed" : tensor<8x4xf32>
    %x0 = qz.embed %t, %e : tensor<8x4xf32> -> tensor<?x4xf32>
    %x1 = qz.block 0 (%x = %x0) : tensor<?x4xf32> {
      %wq = qz.param "0.q" : tensor<4x4xf16>
      %q = qz.linear q %x, %wq : (tensor<?x4xf32>, tensor<4x4xf16>) -> tensor<?x4xf32>
      %wu = qz.param "0.up" : tensor<4x4xf16>
      %u = qz.linear up %q, %wu : (tensor<?x4xf32>, tensor<4x4xf16>) -> tensor<?x4xf32>
      qz.yield %u : tensor<?x4xf32>
    }
    %x2 = qz.block 1 (%x = %x1) : tensor<?x4xf32> {
      %wq = qz.param "1.q" : tensor<4x4xf16>
      %q = qz.linear q %x, %wq : (tensor<?x4xf32>, tensor<4x4xf16>) -> tensor<?x4xf32>
      %wd = qz.param "1.down" : tensor<4x4xf16>
      %d = qz.linear down %q, %wd : (tensor<?x4xf32>, tensor<4x4xf16>) -> tensor<?x4xf32>
      qz.yield %d : tensor<?x4xf32>
    }
    %l = qz.linear head %x2, %e : (tensor<?x4xf32>, tensor<8x4xf32>) -> tensor<?x8xf32>
    qz.return %l : tensor<?x8xf32>
  }
}
