// RUN: %qzc-opt %s --qz-fuse-gated | FileCheck %s
qz.model @m attributes {family = "f", layers = 1 : i64, hidden = 4 : i64, vocab = 8 : i64,
    context = 16 : i64, eos = array<i64: 2>, add_bos = false} {
  qz.graph(%t : tensor<?xi32>) -> tensor<?x8xf32> {
    %e = qz.param "embed" : tensor<8x4xbf16>
    %x0 = qz.embed %t, %e : tensor<8x4xbf16> -> tensor<?x4xf32>
    // CHECK: qz.block 0 (%[[X:.*]] = %{{.*}})
    %x1 = qz.block 0 (%x = %x0) : tensor<?x4xf32> {
      // CHECK: %[[G:.*]] = qz.param "gate"
      // CHECK: %[[U:.*]] = qz.param "up"
      // CHECK: %[[B:.*]] = qz.param "bias"
      // CHECK: %[[P:.*]] = qz.param "packed"
      %g = qz.param "gate" : tensor<4x4xbf16>
      %u = qz.param "up" : tensor<4x4xbf16>
      %b = qz.param "bias" : tensor<4xbf16>
      %p = qz.param "packed" source tensor<4x4xbf16> : !qz.packed<4x4, nf4>
      // CHECK-NEXT: %[[Y0:.*]] = qz.gated_linear silu %[[X]], %[[G]], %[[U]] :
      %g0 = qz.linear gate %x, %g : (tensor<?x4xf32>, tensor<4x4xbf16>) -> tensor<?x4xf32>
      %u0 = qz.linear up %x, %u : (tensor<?x4xf32>, tensor<4x4xbf16>) -> tensor<?x4xf32>
      %a0 = qz.activate silu %g0 : tensor<?x4xf32>
      %y0 = qz.mul %a0, %u0 : tensor<?x4xf32>
      // The other way round, with biases.
      // CHECK-NEXT: %[[Y1:.*]] = qz.gated_linear gelu_tanh %[[Y0]], %[[G]], %[[U]] gate_bias %[[B]] up_bias %[[B]] :
      %u1 = qz.linear up %y0, %u bias %b : (tensor<?x4xf32>, tensor<4x4xbf16>, tensor<4xbf16>) -> tensor<?x4xf32>
      %g1 = qz.linear gate %y0, %g bias %b : (tensor<?x4xf32>, tensor<4x4xbf16>, tensor<4xbf16>) -> tensor<?x4xf32>
      %a1 = qz.activate gelu_tanh %g1 : tensor<?x4xf32>
      %y1 = qz.mul %u1, %a1 : tensor<?x4xf32>
      // Weights of different types stay apart.
      // CHECK-NEXT: qz.linear gate
      // CHECK-NEXT: qz.linear up
      // CHECK-NEXT: qz.activate
      // CHECK-NEXT: qz.mul
      %g2 = qz.linear gate %y1, %g : (tensor<?x4xf32>, tensor<4x4xbf16>) -> tensor<?x4xf32>
      %u2 = qz.linear up %y1, %p : (tensor<?x4xf32>, !qz.packed<4x4, nf4>) -> tensor<?x4xf32>
      %a2 = qz.activate silu %g2 : tensor<?x4xf32>
      %y2 = qz.mul %a2, %u2 : tensor<?x4xf32>
      // So do layers of different inputs, with one bias, with biases of
      // different types, or with another use.
      // CHECK-NOT: qz.gated_linear
      %g3 = qz.linear gate %y2, %g : (tensor<?x4xf32>, tensor<4x4xbf16>) -> tensor<?x4xf32>
      %u3 = qz.linear up %y1, %u : (tensor<?x4xf32>, tensor<4x4xbf16>) -> tensor<?x4xf32>
      %a3 = qz.activate silu %g3 : tensor<?x4xf32>
      %y3 = qz.mul %a3, %u3 : tensor<?x4xf32>
      %g4 = qz.linear gate %y3, %g bias %b : (tensor<?x4xf32>, tensor<4x4xbf16>, tensor<4xbf16>) -> tensor<?x4xf32>
      %u4 = qz.linear up %y3, %u : (tensor<?x4xf32>, tensor<4x4xbf16>) -> tensor<?x4xf32>
      %a4 = qz.activate silu %g4 : tensor<?x4xf32>
      %y4 = qz.mul %a4, %u4 : tensor<?x4xf32>
      %b6 = qz.param "wide" : tensor<4xf32>
      %g6 = qz.linear gate %y4, %g bias %b : (tensor<?x4xf32>, tensor<4x4xbf16>, tensor<4xbf16>) -> tensor<?x4xf32>
      %u6 = qz.linear up %y4, %u bias %b6 : (tensor<?x4xf32>, tensor<4x4xbf16>, tensor<4xf32>) -> tensor<?x4xf32>
      %a6 = qz.activate silu %g6 : tensor<?x4xf32>
      %y6 = qz.mul %a6, %u6 : tensor<?x4xf32>
      %g5 = qz.linear gate %y6, %g : (tensor<?x4xf32>, tensor<4x4xbf16>) -> tensor<?x4xf32>
      %u5 = qz.linear up %y6, %u : (tensor<?x4xf32>, tensor<4x4xbf16>) -> tensor<?x4xf32>
      %a5 = qz.activate silu %g5 : tensor<?x4xf32>
      %m5 = qz.mul %a5, %u5 : tensor<?x4xf32>
      %y5 = qz.add %m5, %u5 : tensor<?x4xf32>
      qz.yield %y5 : tensor<?x4xf32>
    }
    %l = qz.linear head %x1, %e : (tensor<?x4xf32>, tensor<8x4xbf16>) -> tensor<?x8xf32>
    qz.return %l : tensor<?x8xf32>
  }
}
