// RUN: %qzc-opt %s --qz-quantize="scheme=nf4 double-quant=true components=up,down" -verify-diagnostics | FileCheck %s

// Parts of one tensor in two blocks, one of them twice: the weight stands before both.
// CHECK: qz.graph
// CHECK-NEXT: %[[W:.*]] = qz.param "shared" source tensor<8x4xf32> : !qz.packed<8x4, nf4, block = 64, double>
// CHECK: qz.block 0
// CHECK: %[[UP:.*]] = qz.rows %[[W]] {{\[}}[0, 4]] : !qz.packed<8x4, nf4, block = 64, double>
// CHECK: qz.linear up %{{.*}}, %[[UP]] :
// CHECK: qz.block 1
// CHECK: qz.rows %[[W]] {{\[}}[0, 4]] :
// CHECK: qz.rows %[[W]] {{\[}}[4, 8]] :

// No view takes rows of two lengths.
// CHECK: qz.param "uneven" rows {{\[}}[0, 1], [3, 6]] source tensor<8x4xf32> : !qz.packed<4x4, nf4, block = 64, double>
// CHECK: qz.param "uneven" rows {{\[}}[1, 3], [6, 8]] source tensor<8x4xf32> : !qz.packed<4x4, nf4, block = 64, double>
qz.model @m attributes {family = "f", layers = 3 : i64, hidden = 4 : i64, vocab = 8 : i64,
    context = 16 : i64, eos = array<i64: 2>, add_bos = false} {
  qz.graph(%t : tensor<?xi32>) -> tensor<?x8xf32> {
    %e = qz.param "embed" : tensor<8x4xf32>
    %x0 = qz.embed %t, %e : tensor<8x4xf32> -> tensor<?x4xf32>
    %x1 = qz.block 0 (%x = %x0) : tensor<?x4xf32> {
      %w = qz.param "shared" rows [[0, 4]] source tensor<8x4xf32> : tensor<4x4xf32>
      %y = qz.linear up %x, %w : (tensor<?x4xf32>, tensor<4x4xf32>) -> tensor<?x4xf32>
      qz.yield %y : tensor<?x4xf32>
    }
    %x2 = qz.block 1 (%x = %x1) : tensor<?x4xf32> {
      %w = qz.param "shared" rows [[0, 4]] source tensor<8x4xf32> : tensor<4x4xf32>
      %y = qz.linear up %x, %w : (tensor<?x4xf32>, tensor<4x4xf32>) -> tensor<?x4xf32>
      %v = qz.param "shared" rows [[4, 8]] source tensor<8x4xf32> : tensor<4x4xf32>
      %z = qz.linear down %y, %v : (tensor<?x4xf32>, tensor<4x4xf32>) -> tensor<?x4xf32>
      qz.yield %z : tensor<?x4xf32>
    }
    %x3 = qz.block 2 (%x = %x2) : tensor<?x4xf32> {
      // expected-warning @+1 {{"uneven": its parts are quantized each on its own, since their rows are not evenly spaced}}
      %w = qz.param "uneven" rows [[0, 1], [3, 6]] source tensor<8x4xf32> : tensor<4x4xf32>
      %y = qz.linear up %x, %w : (tensor<?x4xf32>, tensor<4x4xf32>) -> tensor<?x4xf32>
      %v = qz.param "uneven" rows [[1, 3], [6, 8]] source tensor<8x4xf32> : tensor<4x4xf32>
      %z = qz.linear down %y, %v : (tensor<?x4xf32>, tensor<4x4xf32>) -> tensor<?x4xf32>
      qz.yield %z : tensor<?x4xf32>
    }
    %l = qz.linear head %x3, %e : (tensor<?x4xf32>, tensor<8x4xf32>) -> tensor<?x8xf32>
    qz.return %l : tensor<?x8xf32>
  }
}
