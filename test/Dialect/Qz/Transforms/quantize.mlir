// RUN: %qzc-opt %s --qz-quantize="scheme=nf4" | FileCheck %s --check-prefixes=ALL,DEFAULT
// RUN: %qzc-opt %s --qz-quantize="scheme=int8 blocks=0:1 components=attn" | FileCheck %s --check-prefixes=ALL,ATTN
// RUN: %qzc-opt %s --qz-quantize="scheme=nf4 blocks=-1: components=qkv,down block-size=128" | FileCheck %s --check-prefixes=ALL,BLOCK
// RUN: %qzc-opt %s --qz-quantize="scheme=int8 components=head" | FileCheck %s --check-prefix=HEAD
// RUN: %qzc-opt %s --qz-quantize="scheme=int8 components=embed" | FileCheck %s --check-prefix=EMBED
// RUN: %qzc-opt %s --qz-quantize="scheme=int8 components=head,embed" | FileCheck %s --check-prefix=BOTH
// RUN: %qzc-opt %s --qz-quantize="scheme=int8 blocks=1:2 components=all" | FileCheck %s --check-prefix=EVERY
// RUN: %qzc-opt %s --qz-quantize="scheme=nf4 components=q" --qz-quantize="scheme=int8 components=ffn" | FileCheck %s --check-prefix=TWICE
// RUN: %qzc-opt %s --qz-quantize="scheme=fp4 components=q double-quant=true" | FileCheck %s --check-prefix=DOUBLE
// RUN: %qzc-opt %s --qz-quantize="scheme=none" | FileCheck %s --check-prefix=NONE
// RUN: %qzc-opt %s --qz-quantize="scheme=nf4 blocks=:1,1:2" | FileCheck %s --check-prefix=DEFAULT

// ALL: qz.param "embed" @model[0] : tensor<8x4xbf16>
// DEFAULT: qz.param "in" source tensor<4x4xf32> : !qz.packed<4x4, nf4, block = 64>
// ATTN: qz.param "in" : tensor<4x4xf32>
// BLOCK: qz.param "in" : tensor<4x4xf32>

// DEFAULT: qz.block 0
// DEFAULT: qz.param "0.norm" : tensor<4xf32>
// DEFAULT: qz.param "0.q" transposed rows {{\[}}[0, 4]] source tensor<4x12xf16> : !qz.packed<4x4, nf4, block = 64>
// DEFAULT: qz.param "0.bias" : tensor<4xf32>
// DEFAULT: qz.param "0.o" source tensor<4x4xf16> : !qz.packed<4x4, nf4, block = 64>
// DEFAULT: qz.param "0.up" source tensor<4x4xf16> : !qz.packed<4x4, nf4, block = 64>
// DEFAULT: qz.block 1
// DEFAULT: qz.param "1.q" source tensor<4x4xf16> : !qz.packed<4x4, nf4, block = 64>
// DEFAULT: qz.param "1.down" source tensor<4x4xf16> : !qz.packed<4x4, nf4, block = 64>
// The tied embedding stays, and the head with it.
// DEFAULT: qz.linear head %{{.*}}, %{{.*}} : (tensor<?x4xf32>, tensor<8x4xbf16>)

// ATTN: qz.param "0.q" {{.*}} : !qz.packed<4x4, int8>
// ATTN: qz.param "0.o" {{.*}} : !qz.packed<4x4, int8>
// ATTN: qz.param "0.up" : tensor<4x4xf16>
// ATTN: qz.param "1.q" : tensor<4x4xf16>
// ATTN: qz.param "1.down" : tensor<4x4xf16>

// BLOCK: qz.param "0.q" {{.*}} : tensor<4x4xf16>
// BLOCK: qz.param "0.o" : tensor<4x4xf16>
// BLOCK: qz.param "1.q" source tensor<4x4xf16> : !qz.packed<4x4, nf4, block = 128>
// BLOCK: qz.param "1.down" source tensor<4x4xf16> : !qz.packed<4x4, nf4, block = 128>

// A tied head gets a weight of its own; the embedding is left as it is.
// HEAD: %[[E:.*]] = qz.param "embed" @model[0] : tensor<8x4xbf16>
// HEAD: %[[H:.*]] = qz.param "embed" @model[0] source tensor<8x4xbf16> : !qz.packed<8x4, int8>
// HEAD: qz.param "in" : tensor<4x4xf32>
// HEAD: qz.embed %{{.*}}, %[[E]] : tensor<8x4xbf16>
// HEAD: qz.param "0.q" {{.*}} : tensor<4x4xf16>
// HEAD: qz.linear head %{{.*}}, %[[H]] : (tensor<?x4xf32>, !qz.packed<8x4, int8>)

// EMBED: %[[E:.*]] = qz.param "embed" @model[0] : tensor<8x4xbf16>
// EMBED: %[[Q:.*]] = qz.param "embed" @model[0] source tensor<8x4xbf16> : !qz.packed<8x4, int8>
// EMBED: qz.embed %{{.*}}, %[[Q]] : !qz.packed<8x4, int8>
// EMBED: qz.linear head %{{.*}}, %[[E]] : (tensor<?x4xf32>, tensor<8x4xbf16>)

// Both together share one.
// BOTH: %[[E:.*]] = qz.param "embed" @model[0] source tensor<8x4xbf16> : !qz.packed<8x4, int8>
// BOTH-NOT: "embed"
// BOTH: qz.embed %{{.*}}, %[[E]] : !qz.packed<8x4, int8>
// BOTH: qz.linear head %{{.*}}, %[[E]] : (tensor<?x4xf32>, !qz.packed<8x4, int8>)

// Blocks leave proj, head and embed alone.
// EVERY: qz.param "embed" @model[0] source tensor<8x4xbf16> : !qz.packed<8x4, int8>
// EVERY: qz.param "in" source tensor<4x4xf32> : !qz.packed<4x4, int8>
// EVERY: qz.param "0.q" {{.*}} : tensor<4x4xf16>
// EVERY: qz.param "1.q" {{.*}} : !qz.packed<4x4, int8>

// TWICE: qz.param "0.q" {{.*}} : !qz.packed<4x4, nf4, block = 64>
// TWICE: qz.param "0.o" : tensor<4x4xf16>
// TWICE: qz.param "0.up" {{.*}} : !qz.packed<4x4, int8>
// TWICE: qz.param "1.down" {{.*}} : !qz.packed<4x4, int8>

// DOUBLE: qz.param "0.q" {{.*}} : !qz.packed<4x4, fp4, block = 64, double>
// DOUBLE: qz.param "0.o" : tensor<4x4xf16>
// DOUBLE: qz.param "1.q" {{.*}} : !qz.packed<4x4, fp4, block = 64, double>

// NONE-NOT: qz.packed
qz.model @m attributes {family = "f", layers = 2 : i64, hidden = 4 : i64, vocab = 8 : i64,
    context = 16 : i64, eos = array<i64: 2>, add_bos = false} {
  qz.file @model "model.safetensors" size 64 sha256 "0000000000000000000000000000000000000000000000000000000000000000"
  qz.graph(%t : tensor<?xi32>) -> tensor<?x8xf32> {
    %e = qz.param "embed" @model[0] : tensor<8x4xbf16>
    %in = qz.param "in" : tensor<4x4xf32>
    %x0 = qz.embed %t, %e : tensor<8x4xbf16> -> tensor<?x4xf32>
    %x1 = qz.linear proj %x0, %in : (tensor<?x4xf32>, tensor<4x4xf32>) -> tensor<?x4xf32>
    %x2 = qz.block 0 (%x = %x1) : tensor<?x4xf32> {
      %g = qz.param "0.norm" : tensor<4xf32>
      %n = qz.rms_norm %x, %g eps 1.0e-5 : tensor<?x4xf32>, tensor<4xf32>
      %wq = qz.param "0.q" transposed rows [[0, 4]] source tensor<4x12xf16> : tensor<4x4xf16>
      %b = qz.param "0.bias" : tensor<4xf32>
      %q = qz.linear q %n, %wq bias %b : (tensor<?x4xf32>, tensor<4x4xf16>, tensor<4xf32>) -> tensor<?x4xf32>
      %wo = qz.param "0.o" : tensor<4x4xf16>
      %o = qz.linear o %q, %wo : (tensor<?x4xf32>, tensor<4x4xf16>) -> tensor<?x4xf32>
      %wu = qz.param "0.up" : tensor<4x4xf16>
      %u = qz.linear up %o, %wu : (tensor<?x4xf32>, tensor<4x4xf16>) -> tensor<?x4xf32>
      qz.yield %u : tensor<?x4xf32>
    }
    %x3 = qz.block 1 (%x = %x2) : tensor<?x4xf32> {
      %wq = qz.param "1.q" : tensor<4x4xf16>
      %q = qz.linear q %x, %wq : (tensor<?x4xf32>, tensor<4x4xf16>) -> tensor<?x4xf32>
      %wd = qz.param "1.down" : tensor<4x4xf16>
      %d = qz.linear down %q, %wd : (tensor<?x4xf32>, tensor<4x4xf16>) -> tensor<?x4xf32>
      qz.yield %d : tensor<?x4xf32>
    }
    %l = qz.linear head %x3, %e : (tensor<?x4xf32>, tensor<8x4xbf16>) -> tensor<?x8xf32>
    qz.return %l : tensor<?x8xf32>
  }
}
