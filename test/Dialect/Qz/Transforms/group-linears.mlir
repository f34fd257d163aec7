// RUN: %qzc-opt %s --qz-group-linears | FileCheck %s
#rope = #qz.rope<dim = 4, theta = 1.0e4, style = half>
qz.model @m attributes {family = "f", layers = 1 : i64, hidden = 4 : i64, vocab = 8 : i64,
    context = 16 : i64, eos = array<i64: 2>, add_bos = false} {
  qz.graph(%t : tensor<?xi32>) -> tensor<?x8xf32> {
    %e = qz.param "embed" : tensor<8x4xbf16>
    %x0 = qz.embed %t, %e : tensor<8x4xbf16> -> tensor<?x4xf32>
    // CHECK: qz.block 0 (%[[X:.*]] = %{{.*}})
    %x1 = qz.block 0 (%x = %x0) : tensor<?x4xf32> {
      // Weights move up, users between the layers stay where they are.
      // CHECK-NEXT: %[[Q:.*]] = qz.param "q"
      // CHECK-NEXT: %[[K:.*]] = qz.param "k"
      // CHECK-NEXT: %[[V:.*]] = qz.param "v"
      // CHECK-NEXT: %[[G:.*]]:3 = qz.linear_group %[[X]] roles [q, k, v] weights(%[[Q]], %[[K]], %[[V]]) :
      // CHECK-NEXT: qz.rope %[[G]]#0
      // CHECK-NEXT: qz.rope %[[G]]#1
      // CHECK-NEXT: qz.attention %{{.*}}, %{{.*}}, %[[G]]#2
      %wq = qz.param "q" : tensor<4x4xbf16>
      %q = qz.linear q %x, %wq : (tensor<?x4xf32>, tensor<4x4xbf16>) -> tensor<?x4xf32>
      %qr = qz.rope %q, #rope heads 1 : tensor<?x4xf32>
      %wk = qz.param "k" : tensor<4x4xbf16>
      %k = qz.linear k %x, %wk : (tensor<?x4xf32>, tensor<4x4xbf16>) -> tensor<?x4xf32>
      %kr = qz.rope %k, #rope heads 1 : tensor<?x4xf32>
      %wv = qz.param "v" : tensor<4x4xbf16>
      %v = qz.linear v %x, %wv : (tensor<?x4xf32>, tensor<4x4xbf16>) -> tensor<?x4xf32>
      %a = qz.attention %qr, %kr, %v heads 1 kv_heads 1 scale 0.5
        : (tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x4xf32>

      // Two alike and one otherwise; biases come along.
      // CHECK: %[[H:.*]]:2 = qz.linear_group %{{.*}} roles [q, v] weights(%[[P:.*]], %[[P]]) biases(%[[B:.*]], %[[B]]) :
      // CHECK-NEXT: %[[L:.*]] = qz.linear k %{{.*}}, %[[K]] bias %[[B]]
      // CHECK-NEXT: qz.attention %[[H]]#0, %[[L]], %[[H]]#1
      %p = qz.param "p" source tensor<4x4xbf16> : !qz.packed<4x4, int8>
      %b = qz.param "b" : tensor<4xbf16>
      %q1 = qz.linear q %a, %p bias %b : (tensor<?x4xf32>, !qz.packed<4x4, int8>, tensor<4xbf16>) -> tensor<?x4xf32>
      %k1 = qz.linear k %a, %wk bias %b : (tensor<?x4xf32>, tensor<4x4xbf16>, tensor<4xbf16>) -> tensor<?x4xf32>
      %v1 = qz.linear v %a, %p bias %b : (tensor<?x4xf32>, !qz.packed<4x4, int8>, tensor<4xbf16>) -> tensor<?x4xf32>
      %a1 = qz.attention %q1, %k1, %v1 heads 1 kv_heads 1 scale 0.5
        : (tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x4xf32>

      // Rows of a weight come with what they are rows of, and go with weights
      // that are stored alike.
      // CHECK-NEXT: %[[F:.*]] = qz.param "f"
      // CHECK-NEXT: %[[R:.*]] = qz.rows %[[F]]
      // CHECK-NEXT: qz.linear_group %{{.*}} roles [k, v] weights(%[[P]], %[[R]]) :
      %k3 = qz.linear k %a1, %p : (tensor<?x4xf32>, !qz.packed<4x4, int8>) -> tensor<?x4xf32>
      %f = qz.param "f" source tensor<8x4xbf16> : !qz.packed<8x4, int8>
      %r = qz.rows %f [[0, 2], [4, 6]] : !qz.packed<8x4, int8>
      %v3 = qz.linear v %a1, %r : (tensor<?x4xf32>, !qz.rows<4 of !qz.packed<8x4, int8>>) -> tensor<?x4xf32>
      %m3 = qz.mul %k3, %v3 : tensor<?x4xf32>

      // Different inputs, other roles, activations: no group.
      // CHECK-NOT: qz.linear_group
      %q2 = qz.linear q %m3, %wq : (tensor<?x4xf32>, tensor<4x4xbf16>) -> tensor<?x4xf32>
      %k2 = qz.linear k %q2, %wk : (tensor<?x4xf32>, tensor<4x4xbf16>) -> tensor<?x4xf32>
      %v2 = qz.linear v %a1, %wv activation relu : (tensor<?x4xf32>, tensor<4x4xbf16>) -> tensor<?x4xf32>
      %o2 = qz.linear o %a1, %wv : (tensor<?x4xf32>, tensor<4x4xbf16>) -> tensor<?x4xf32>
      %s0 = qz.add %k2, %v2 : tensor<?x4xf32>
      %s1 = qz.add %s0, %o2 : tensor<?x4xf32>
      qz.yield %s1 : tensor<?x4xf32>
    }
    %l = qz.linear head %x1, %e : (tensor<?x4xf32>, tensor<8x4xbf16>) -> tensor<?x8xf32>
    qz.return %l : tensor<?x8xf32>
  }
}
