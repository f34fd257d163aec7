// RUN: %qzc-opt %s --qz-fuse-residual | FileCheck %s
qz.model @m attributes {family = "f", layers = 1 : i64, hidden = 4 : i64, vocab = 8 : i64,
    context = 16 : i64, eos = array<i64: 2>, add_bos = false} {
  qz.graph(%t : tensor<?xi32>) -> tensor<?x8xf32> {
    %e = qz.param "embed" : tensor<8x4xbf16>
    %x0 = qz.embed %t, %e : tensor<8x4xbf16> -> tensor<?x4xf32>
    // CHECK: qz.block 0 (%[[X:.*]] = %{{.*}})
    %x1 = qz.block 0 (%x = %x0) : tensor<?x4xf32> {
      // CHECK: %[[W:.*]] = qz.param
      %w = qz.param "w" : tensor<4x4xbf16>
      // CHECK-NEXT: %[[H:.*]] = qz.linear o %[[X]], %[[W]] residual %[[X]] :
      %o = qz.linear o %x, %w : (tensor<?x4xf32>, tensor<4x4xbf16>) -> tensor<?x4xf32>
      %h = qz.add %x, %o : tensor<?x4xf32>
      // CHECK-NEXT: %[[M:.*]] = qz.gated_linear silu %[[H]], %[[W]], %[[W]] residual %[[H]] :
      %g = qz.gated_linear silu %h, %w, %w : (tensor<?x4xf32>, tensor<4x4xbf16>, tensor<4x4xbf16>) -> tensor<?x4xf32>
      %m = qz.add %g, %h : tensor<?x4xf32>
      // A parallel block: the later layer takes the sum of both, and the input
      // follows; the layer moves behind what it adds.
      // CHECK-NEXT: %[[A:.*]] = qz.linear o %[[M]], %[[W]] activation relu :
      // CHECK-NEXT: %[[B:.*]] = qz.linear down %[[M]], %[[W]] residual %[[A]] :
      // CHECK-NEXT: %[[Y:.*]] = qz.add %[[M]], %[[B]]
      %a = qz.linear o %m, %w activation relu : (tensor<?x4xf32>, tensor<4x4xbf16>) -> tensor<?x4xf32>
      %b = qz.linear down %m, %w : (tensor<?x4xf32>, tensor<4x4xbf16>) -> tensor<?x4xf32>
      %s = qz.add %a, %b : tensor<?x4xf32>
      %y = qz.add %m, %s : tensor<?x4xf32>
      // CHECK-NEXT: %[[N:.*]] = qz.rms_norm %[[Y]]
      // CHECK-NEXT: %[[D:.*]] = qz.linear down %[[Y]], %[[W]] residual %[[N]] :
      %d = qz.linear down %y, %w : (tensor<?x4xf32>, tensor<4x4xbf16>) -> tensor<?x4xf32>
      %n = qz.rms_norm %y eps 1.0e-5 : tensor<?x4xf32>
      %z = qz.add %d, %n : tensor<?x4xf32>
      // Not where the layer's own value is used too.
      // CHECK-NEXT: %[[L:.*]] = qz.linear down %[[D]], %[[W]] :
      // CHECK-NEXT: %[[S:.*]] = qz.add %[[L]], %[[D]]
      // CHECK-NEXT: qz.mul %[[S]], %[[L]]
      %l0 = qz.linear down %z, %w : (tensor<?x4xf32>, tensor<4x4xbf16>) -> tensor<?x4xf32>
      %s0 = qz.add %l0, %z : tensor<?x4xf32>
      %p0 = qz.mul %s0, %l0 : tensor<?x4xf32>
      qz.yield %p0 : tensor<?x4xf32>
    }
    %l = qz.linear head %x1, %e : (tensor<?x4xf32>, tensor<8x4xbf16>) -> tensor<?x8xf32>
    qz.return %l : tensor<?x8xf32>
  }
}
