// RUN: %qzc-opt %s --canonicalize | FileCheck %s

qz.model @m attributes {family = "f", layers = 1 : i64, hidden = 4 : i64, vocab = 8 : i64,
    context = 16 : i64, eos = array<i64: 2>, add_bos = false} {
  // CHECK: qz.graph(%[[T:.*]]: tensor<?xi32>)
  qz.graph(%t : tensor<?xi32>) -> tensor<?x8xf32> {
    // A param without a use goes.
    // CHECK-NOT: "dead"
    %dead = qz.param "dead" : tensor<8x4xf32>
    %e = qz.param "e" : tensor<8x4xf32>
    // CHECK: %[[X:.*]] = qz.embed
    %x0 = qz.embed %t, %e : tensor<8x4xf32> -> tensor<?x4xf32>

    // Scaling by 1 and activating by none do nothing.
    // CHECK-NEXT: qz.block 0 (%[[B:.*]] = %[[X]])
    %x1 = qz.scale %x0 by 1.0 : tensor<?x4xf32>
    %x2 = qz.activate none %x1 : tensor<?x4xf32>
    %x3 = qz.block 0 (%x = %x2) : tensor<?x4xf32> {

      // Of two clamps the tighter remains, in either order.
      // CHECK-NEXT: %[[C1:.*]] = qz.clamp %[[B]] limit 4.000000e+00
      %a0 = qz.clamp %x limit 4.0 : tensor<?x4xf32>
      %a1 = qz.clamp %a0 limit 8.0 : tensor<?x4xf32>
      // CHECK-NEXT: %[[D:.*]] = qz.scale %[[C1]] by 2.000000e+00
      // CHECK-NEXT: %[[C2:.*]] = qz.clamp %[[D]] limit 2.000000e+00
      // CHECK-NEXT: %[[S:.*]] = qz.scale %[[C2]] by 5.000000e-01
      %s0 = qz.scale %a1 by 2.0 : tensor<?x4xf32>
      %b0 = qz.clamp %s0 limit 8.0 : tensor<?x4xf32>
      %b1 = qz.clamp %b0 limit 2.0 : tensor<?x4xf32>
      %s = qz.scale %b1 by 0.5 : tensor<?x4xf32>

      // One relu is enough; silu is not idempotent.
      // CHECK-NEXT: %[[R:.*]] = qz.activate relu %[[S]]
      // CHECK-NEXT: %[[S1:.*]] = qz.activate silu %[[R]]
      // CHECK-NEXT: %[[S2:.*]] = qz.activate silu %[[S1]]
      // CHECK-NEXT: qz.yield %[[S2]]
      %r0 = qz.activate relu %s : tensor<?x4xf32>
      %r1 = qz.activate relu %r0 : tensor<?x4xf32>
      %r2 = qz.activate silu %r1 : tensor<?x4xf32>
      %r3 = qz.activate silu %r2 : tensor<?x4xf32>
      qz.yield %r3 : tensor<?x4xf32>
    }
    %l = qz.linear head %x3, %e : (tensor<?x4xf32>, tensor<8x4xf32>) -> tensor<?x8xf32>
    qz.return %l : tensor<?x8xf32>
  }
}
