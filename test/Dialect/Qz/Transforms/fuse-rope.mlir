// RUN: %qzc-opt %s --qz-fuse-rope | FileCheck %s

// CHECK-DAG: #[[ROPE:.+]] = #qz.rope<dim = 2, theta = 1.000000e+04, style = half>
// CHECK-DAG: #[[OTHER:.+]] = #qz.rope<dim = 2, theta = 1.000000e+05, style = half>
#rope = #qz.rope<dim = 2, theta = 1.0e4, style = half>
#other = #qz.rope<dim = 2, theta = 1.0e5, style = half>
qz.model @m attributes {family = "f", layers = 1 : i64, hidden = 4 : i64, vocab = 8 : i64,
    context = 16 : i64, eos = array<i64: 2>, add_bos = false} {
  qz.graph(%t : tensor<?xi32>) -> tensor<?x8xf32> {
    %e = qz.param "embed" : tensor<8x4xbf16>
    %x0 = qz.embed %t, %e : tensor<8x4xbf16> -> tensor<?x4xf32>
    // CHECK: qz.block 0 (%[[X:.*]] = %{{.*}})
    %x1 = qz.block 0 (%x = %x0) : tensor<?x4xf32> {
      %wk = qz.param "k" : tensor<2x4xbf16>
      // CHECK: %[[K:.*]] = qz.linear k
      %k = qz.linear k %x, %wk : (tensor<?x4xf32>, tensor<2x4xbf16>) -> tensor<?x2xf32>
      // CHECK-NEXT: qz.attention %[[X]], %[[K]], %[[K]] rope #[[ROPE]] heads 2 kv_heads 1
      %q0 = qz.rope %x, #rope heads 2 : tensor<?x4xf32>
      %k0 = qz.rope %k, #rope heads 1 : tensor<?x2xf32>
      %a0 = qz.attention %q0, %k0, %k heads 2 kv_heads 1 scale 0.5
        : (tensor<?x4xf32>, tensor<?x2xf32>, tensor<?x2xf32>) -> tensor<?x4xf32>

      // Different embeddings stay.
      // CHECK: %[[Q1:.*]] = qz.rope %{{.*}}, #[[OTHER]] heads 2
      // CHECK: %[[K1:.*]] = qz.rope %[[K]], #[[ROPE]] heads 1
      // CHECK: qz.attention %[[Q1]], %[[K1]], %[[K]] heads 2
      %q1 = qz.rope %a0, #other heads 2 : tensor<?x4xf32>
      %k1 = qz.rope %k, #rope heads 1 : tensor<?x2xf32>
      %a1 = qz.attention %q1, %k1, %k heads 2 kv_heads 1 scale 0.5
        : (tensor<?x4xf32>, tensor<?x2xf32>, tensor<?x2xf32>) -> tensor<?x4xf32>

      // So do those over other heads than attention's.
      // CHECK: %[[Q2:.*]] = qz.rope %{{.*}}, #[[ROPE]] heads 1
      // CHECK: qz.attention %[[Q2]], %[[K1]], %[[K]] heads 2
      %q2 = qz.rope %a1, #rope heads 1 : tensor<?x4xf32>
      %a2 = qz.attention %q2, %k1, %k heads 2 kv_heads 1 scale 0.5
        : (tensor<?x4xf32>, tensor<?x2xf32>, tensor<?x2xf32>) -> tensor<?x4xf32>

      // A value with other uses is kept for them.
      // CHECK: %[[Q3:.*]] = qz.rope %[[A2:.*]], #[[ROPE]] heads 2
      // CHECK: %[[A3:.*]] = qz.attention %[[A2]], %[[K]], %[[K]] rope #[[ROPE]] heads 2
      // CHECK: qz.add %[[Q3]], %[[A3]]
      %q3 = qz.rope %a2, #rope heads 2 : tensor<?x4xf32>
      %a3 = qz.attention %q3, %k1, %k heads 2 kv_heads 1 scale 0.5
        : (tensor<?x4xf32>, tensor<?x2xf32>, tensor<?x2xf32>) -> tensor<?x4xf32>
      %y = qz.add %q3, %a3 : tensor<?x4xf32>
      qz.yield %y : tensor<?x4xf32>
    }
    %l = qz.linear head %x1, %e : (tensor<?x4xf32>, tensor<8x4xbf16>) -> tensor<?x8xf32>
    qz.return %l : tensor<?x8xf32>
  }
}
