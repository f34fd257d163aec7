// RUN: %qzc-opt %s --qz-fuse | FileCheck %s
// RUN: %qzc-opt %s --qz-quantize="scheme=int8" --qz-fuse | FileCheck %s

// A llama block: five launches with weights and two norms remain.
// CHECK-DAG: #[[ROPE:.+]] = #qz.rope
#rope = #qz.rope<dim = 2, theta = 1.0e4, style = half>
qz.model @m attributes {family = "f", layers = 1 : i64, hidden = 4 : i64, vocab = 8 : i64,
    context = 16 : i64, eos = array<i64: 2>, add_bos = false} {
  qz.graph(%t : tensor<?xi32>) -> tensor<?x8xf32> {
    %e = qz.param "embed" : tensor<8x4xbf16>
    %x0 = qz.embed %t, %e : tensor<8x4xbf16> -> tensor<?x4xf32>
    // CHECK: qz.block 0 (%[[X:.*]] = %{{.*}})
    %x1 = qz.block 0 (%x = %x0) : tensor<?x4xf32> {
      // CHECK: %[[N:.*]] = qz.rms_norm %[[X]]
      // CHECK: %[[G:.*]]:3 = qz.linear_group %[[N]] roles [q, k, v]
      // CHECK: %[[A:.*]] = qz.attention %[[G]]#0, %[[G]]#1, %[[G]]#2 rope #[[ROPE]] heads 2 kv_heads 1
      // CHECK: %[[H:.*]] = qz.linear o %[[A]], %{{.*}} residual %[[X]]
      // CHECK-NEXT: %[[N2:.*]] = qz.rms_norm %[[H]]
      // CHECK: %[[M:.*]] = qz.gated_linear silu %[[N2]]
      // CHECK: %[[Y:.*]] = qz.linear down %[[M]], %{{.*}} residual %[[H]]
      // CHECK-NEXT: qz.yield %[[Y]]
      %n = qz.rms_norm %x eps 1.0e-5 : tensor<?x4xf32>
      %wq = qz.param "q" : tensor<4x4xbf16>
      %wk = qz.param "k" : tensor<2x4xbf16>
      %q = qz.linear q %n, %wq : (tensor<?x4xf32>, tensor<4x4xbf16>) -> tensor<?x4xf32>
      %k = qz.linear k %n, %wk : (tensor<?x4xf32>, tensor<2x4xbf16>) -> tensor<?x2xf32>
      %wv = qz.param "v" : tensor<2x4xbf16>
      %v = qz.linear v %n, %wv : (tensor<?x4xf32>, tensor<2x4xbf16>) -> tensor<?x2xf32>
      %qr = qz.rope %q, #rope heads 2 : tensor<?x4xf32>
      %kr = qz.rope %k, #rope heads 1 : tensor<?x2xf32>
      %a = qz.attention %qr, %kr, %v heads 2 kv_heads 1 scale 0.5
        : (tensor<?x4xf32>, tensor<?x2xf32>, tensor<?x2xf32>) -> tensor<?x4xf32>
      %wo = qz.param "o" : tensor<4x4xbf16>
      %o = qz.linear o %a, %wo : (tensor<?x4xf32>, tensor<4x4xbf16>) -> tensor<?x4xf32>
      %h = qz.add %x, %o : tensor<?x4xf32>
      %n2 = qz.rms_norm %h eps 1.0e-5 : tensor<?x4xf32>
      %wg = qz.param "gate" : tensor<6x4xbf16>
      %wu = qz.param "up" : tensor<6x4xbf16>
      %g = qz.linear gate %n2, %wg : (tensor<?x4xf32>, tensor<6x4xbf16>) -> tensor<?x6xf32>
      %u = qz.linear up %n2, %wu : (tensor<?x4xf32>, tensor<6x4xbf16>) -> tensor<?x6xf32>
      %act = qz.activate silu %g : tensor<?x6xf32>
      %m = qz.mul %act, %u : tensor<?x6xf32>
      %wd = qz.param "down" : tensor<4x6xbf16>
      %d = qz.linear down %m, %wd : (tensor<?x6xf32>, tensor<4x6xbf16>) -> tensor<?x4xf32>
      %y = qz.add %h, %d : tensor<?x4xf32>
      qz.yield %y : tensor<?x4xf32>
    }
    %l = qz.linear head %x1, %e : (tensor<?x4xf32>, tensor<8x4xbf16>) -> tensor<?x8xf32>
    qz.return %l : tensor<?x8xf32>
  }
}
