// RUN: %qzc-opt %s --qz-fuse-activation | FileCheck %s
qz.model @m attributes {family = "f", layers = 1 : i64, hidden = 4 : i64, vocab = 8 : i64,
    context = 16 : i64, eos = array<i64: 2>, add_bos = false} {
  qz.graph(%t : tensor<?xi32>) -> tensor<?x8xf32> {
    %e = qz.param "embed" : tensor<8x4xbf16>
    %x0 = qz.embed %t, %e : tensor<8x4xbf16> -> tensor<?x4xf32>
    %x1 = qz.block 0 (%x = %x0) : tensor<?x4xf32> {
      %w = qz.param "w" : tensor<4x4xbf16>
      // CHECK: %[[A:.*]] = qz.linear up %{{.*}}, %{{.*}} activation relu :
      %u0 = qz.linear up %x, %w : (tensor<?x4xf32>, tensor<4x4xbf16>) -> tensor<?x4xf32>
      %a0 = qz.activate relu %u0 : tensor<?x4xf32>
      // One activation a layer.
      // CHECK-NEXT: qz.activate silu %[[A]]
      %a1 = qz.activate silu %a0 : tensor<?x4xf32>
      // Not where the value before it is used too, nor after a residual.
      // CHECK-NEXT: %[[U1:.*]] = qz.linear up %{{.*}}, %{{[0-9]+}} :
      // CHECK-NEXT: qz.activate relu %[[U1]]
      %u1 = qz.linear up %a1, %w : (tensor<?x4xf32>, tensor<4x4xbf16>) -> tensor<?x4xf32>
      %a2 = qz.activate relu %u1 : tensor<?x4xf32>
      %s = qz.add %u1, %a2 : tensor<?x4xf32>
      // CHECK: %[[U2:.*]] = qz.linear up %{{.*}}, %{{.*}} residual %{{[a-z0-9]+}} :
      // CHECK-NEXT: qz.activate relu %[[U2]]
      %u2 = qz.linear up %s, %w residual %x : (tensor<?x4xf32>, tensor<4x4xbf16>, tensor<?x4xf32>) -> tensor<?x4xf32>
      %a3 = qz.activate relu %u2 : tensor<?x4xf32>
      qz.yield %a3 : tensor<?x4xf32>
    }
    %l = qz.linear head %x1, %e : (tensor<?x4xf32>, tensor<8x4xbf16>) -> tensor<?x8xf32>
    qz.return %l : tensor<?x8xf32>
  }
}
