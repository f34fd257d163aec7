// RUN: %qzc-opt %s --qz-quantize="scheme=nf4 double-quant=true components=qkv" | FileCheck %s --check-prefixes=ALL,DOUBLE
// RUN: %qzc-opt %s --qz-quantize="scheme=nf4 components=qkv block-size=32" | FileCheck %s --check-prefixes=ALL,EDGES
// RUN: %qzc-opt %s --qz-quantize="scheme=nf4 components=qkv block-size=64" | FileCheck %s --check-prefixes=ALL,CROSS
// RUN: %qzc-opt %s --qz-quantize="scheme=int8 components=qkv" | FileCheck %s --check-prefix=APART
// RUN: %qzc-opt %s --qz-quantize="scheme=q8_0 components=qkv" 2>&1 | FileCheck %s --check-prefix=APART
// RUN: %qzc-opt %s --qz-quantize="scheme=nf4 double-quant=true components=q,k" | FileCheck %s --check-prefix=SOME
// RUN: %qzc-opt %s --qz-quantize="scheme=nf4 components=qkv double-quant=true" --qz-fuse | FileCheck %s --check-prefix=FUSED
// RUN: %qzc-opt %s --qz-quantize="scheme=nf4 double-quant=true components=qkv" | not %qzc-opt --qz-quantize="scheme=int8 components=q" 2>&1 | FileCheck %s --check-prefix=AGAIN

// The parts of a fused tensor that is selected whole: one weight and its rows,
// where the parts' own codes or scales would differ from it.

// ALL-LABEL: qz.model @m
// All of it, transposed, behind each other. 1 x 32 elements are a block of 32, half a block of 64.
// DOUBLE: %[[W:.*]] = qz.param "h.0.qkv" @model[0] transposed source tensor<32x3xf32> : !qz.packed<3x32, nf4, block = 64, double>
// DOUBLE-NEXT: %[[Q:.*]] = qz.rows %[[W]] {{\[}}[0, 1]] : !qz.packed<3x32, nf4, block = 64, double>
// DOUBLE-NEXT: qz.linear q %{{.*}}, %[[Q]] : (tensor<?x32xf32>, !qz.rows<1 of !qz.packed<3x32, nf4, block = 64, double>>) -> tensor<?x1xf32>
// DOUBLE-NEXT: %[[K:.*]] = qz.rows %[[W]] {{\[}}[1, 2]] : !qz.packed<3x32, nf4, block = 64, double>
// DOUBLE-NEXT: qz.linear k %{{.*}}, %[[K]] :
// DOUBLE-NEXT: %[[V:.*]] = qz.rows %[[W]] {{\[}}[2, 3]] : !qz.packed<3x32, nf4, block = 64, double>
// DOUBLE-NEXT: qz.linear v %{{.*}}, %[[V]] :

// EDGES: qz.param "h.0.qkv" @model[0] transposed rows {{\[}}[0, 1]] source tensor<32x3xf32> : !qz.packed<1x32, nf4, block = 32>
// EDGES: qz.param "h.0.qkv" @model[0] transposed rows {{\[}}[1, 2]]
// EDGES: qz.param "h.0.qkv" @model[0] transposed rows {{\[}}[2, 3]]

// CROSS: qz.param "h.0.qkv" @model[0] transposed source tensor<32x3xf32> : !qz.packed<3x32, nf4, block = 64>

// Head by head; in another module's order the key comes first.
// ALL-LABEL: qz.block 1
// DOUBLE: %[[W1:.*]] = qz.param "h.1.qkv" source tensor<12x32xf32> : !qz.packed<12x32, nf4, block = 64, double>
// DOUBLE: qz.rows %[[W1]] {{\[}}[2, 4], [8, 10]] :
// DOUBLE: qz.rows %[[W1]] {{\[}}[0, 2], [6, 8]] :
// DOUBLE: qz.rows %[[W1]] {{\[}}[4, 6], [10, 12]] :
// EDGES: qz.param "h.1.qkv" rows {{\[}}[2, 4], [8, 10]] source tensor<12x32xf32> : !qz.packed<4x32, nf4, block = 32>
// Two rows are a block of 64.
// CROSS: qz.param "h.1.qkv" rows {{\[}}[2, 4], [8, 10]] source tensor<12x32xf32> : !qz.packed<4x32, nf4, block = 64>

// Rows that no part has: parts on their own.
// ALL-LABEL: qz.block 2
// DOUBLE: qz.param "h.2.qkv" rows {{\[}}[0, 1]] source tensor<4x32xf32> : !qz.packed<1x32, nf4, block = 64, double>
// DOUBLE: qz.param "h.2.qkv" rows {{\[}}[1, 2]]
// DOUBLE: qz.param "h.2.qkv" rows {{\[}}[2, 3]]

// Rows, or blocks of rows, that are encoded on their own.
// APART-NOT: qz.rows

// One part alone has blocks, groups and an offset of its own.
// SOME-NOT: qz.rows
// SOME: qz.param "h.0.qkv" @model[0] transposed rows {{\[}}[0, 1]] source tensor<32x3xf32> : !qz.packed<1x32, nf4, block = 64, double>
// SOME: qz.param "h.0.qkv" @model[0] transposed rows {{\[}}[1, 2]] source tensor<32x3xf32> : !qz.packed<1x32, nf4, block = 64, double>
// SOME: qz.param "h.0.qkv" @model[0] transposed rows {{\[}}[2, 3]] source tensor<32x3xf32> : tensor<1x32xf32>
// SOME-NOT: qz.rows

// Fusions take rows as they take weights.
// FUSED: qz.linear_group %{{.*}} roles [q, k, v] weights(%{{.*}}, %{{.*}}, %{{.*}}) : (tensor<?x32xf32>, !qz.rows<1 of !qz.packed<3x32, nf4, block = 64, double>>,

// AGAIN: error: 'qz.param' op "h.0.qkv" is quantized already
qz.model @m attributes {family = "f", layers = 3 : i64, hidden = 32 : i64, vocab = 8 : i64,
    context = 16 : i64, eos = array<i64: 2>, add_bos = false} {
  qz.file @model "model.safetensors" size 384 sha256 "0000000000000000000000000000000000000000000000000000000000000000"
  qz.graph(%t : tensor<?xi32>) -> tensor<?x8xf32> {
    %e = qz.param "embed" : tensor<8x32xf32>
    %x0 = qz.embed %t, %e : tensor<8x32xf32> -> tensor<?x32xf32>
    %x1 = qz.block 0 (%x = %x0) : tensor<?x32xf32> {
      %wq = qz.param "h.0.qkv" @model[0] transposed rows [[0, 1]] source tensor<32x3xf32> : tensor<1x32xf32>
      %q = qz.linear q %x, %wq : (tensor<?x32xf32>, tensor<1x32xf32>) -> tensor<?x1xf32>
      %wk = qz.param "h.0.qkv" @model[0] transposed rows [[1, 2]] source tensor<32x3xf32> : tensor<1x32xf32>
      %k = qz.linear k %x, %wk : (tensor<?x32xf32>, tensor<1x32xf32>) -> tensor<?x1xf32>
      %wv = qz.param "h.0.qkv" @model[0] transposed rows [[2, 3]] source tensor<32x3xf32> : tensor<1x32xf32>
      %v = qz.linear v %x, %wv : (tensor<?x32xf32>, tensor<1x32xf32>) -> tensor<?x1xf32>
      %a = qz.attention %q, %k, %v heads 1 kv_heads 1 scale 1.0 : (tensor<?x1xf32>, tensor<?x1xf32>, tensor<?x1xf32>) -> tensor<?x1xf32>
      %wo = qz.param "h.0.o" : tensor<32x1xf32>
      %o = qz.linear o %a, %wo : (tensor<?x1xf32>, tensor<32x1xf32>) -> tensor<?x32xf32>
      qz.yield %o : tensor<?x32xf32>
    }
    %x2 = qz.block 1 (%x = %x1) : tensor<?x32xf32> {
      %wk = qz.param "h.1.qkv" rows [[2, 4], [8, 10]] source tensor<12x32xf32> : tensor<4x32xf32>
      %k = qz.linear k %x, %wk : (tensor<?x32xf32>, tensor<4x32xf32>) -> tensor<?x4xf32>
      %wq = qz.param "h.1.qkv" rows [[0, 2], [6, 8]] source tensor<12x32xf32> : tensor<4x32xf32>
      %q = qz.linear q %x, %wq : (tensor<?x32xf32>, tensor<4x32xf32>) -> tensor<?x4xf32>
      %wv = qz.param "h.1.qkv" rows [[4, 6], [10, 12]] source tensor<12x32xf32> : tensor<4x32xf32>
      %v = qz.linear v %x, %wv : (tensor<?x32xf32>, tensor<4x32xf32>) -> tensor<?x4xf32>
      %a = qz.attention %q, %k, %v heads 2 kv_heads 2 scale 1.0 : (tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x4xf32>
      %wo = qz.param "h.1.o" : tensor<32x4xf32>
      %o = qz.linear o %a, %wo : (tensor<?x4xf32>, tensor<32x4xf32>) -> tensor<?x32xf32>
      qz.yield %o : tensor<?x32xf32>
    }
    %x3 = qz.block 2 (%x = %x2) : tensor<?x32xf32> {
      %wq = qz.param "h.2.qkv" rows [[0, 1]] source tensor<4x32xf32> : tensor<1x32xf32>
      %q = qz.linear q %x, %wq : (tensor<?x32xf32>, tensor<1x32xf32>) -> tensor<?x1xf32>
      %wk = qz.param "h.2.qkv" rows [[1, 2]] source tensor<4x32xf32> : tensor<1x32xf32>
      %k = qz.linear k %x, %wk : (tensor<?x32xf32>, tensor<1x32xf32>) -> tensor<?x1xf32>
      %wv = qz.param "h.2.qkv" rows [[2, 3]] source tensor<4x32xf32> : tensor<1x32xf32>
      %v = qz.linear v %x, %wv : (tensor<?x32xf32>, tensor<1x32xf32>) -> tensor<?x1xf32>
      %a = qz.attention %q, %k, %v heads 1 kv_heads 1 scale 1.0 : (tensor<?x1xf32>, tensor<?x1xf32>, tensor<?x1xf32>) -> tensor<?x1xf32>
      %wo = qz.param "h.2.o" : tensor<32x1xf32>
      %o = qz.linear o %a, %wo : (tensor<?x1xf32>, tensor<32x1xf32>) -> tensor<?x32xf32>
      qz.yield %o : tensor<?x32xf32>
    }
    %l = qz.linear head %x3, %e : (tensor<?x32xf32>, tensor<8x32xf32>) -> tensor<?x8xf32>
    qz.return %l : tensor<?x8xf32>
  }
}
