// RUN: %qzc-opt %s --convert-qz-to-sched | FileCheck %s
// RUN: %qzc-opt %s --convert-qz-to-sched --sched-plan-memory --sched-verify-memory | FileCheck %s --check-prefix=PLAN

// PLAN: sched.body bytes
// PLAN: sched.head {{.*}} bytes

// CHECK: #[[ROPE:.+]] = #qz.rope
#rope = #qz.rope<dim = 2, theta = 1.0e4, style = half>
// CHECK-LABEL: sched.program @m attributes {add_bos = true, bos = 1 : i64, chat_template = "t", context = 16 : i64, eos = array<i64: 2>, family = "f", hidden = 4 : i64, layers = 2 : i64, special_tokens = {bos_token = "<s>"}, tokenizer = @tok, vocab = 8 : i64}
qz.model @m attributes {family = "f", layers = 2 : i64, hidden = 4 : i64, vocab = 8 : i64,
    context = 16 : i64, bos = 1 : i64, eos = array<i64: 2>, add_bos = true,
    chat_template = "t", special_tokens = {bos_token = "<s>"}, tokenizer = @tok} {
  // CHECK: sched.file @w "model.safetensors" size 500
  // CHECK: sched.file @tok
  qz.file @w "model.safetensors" size 500 sha256 "0000000000000000000000000000000000000000000000000000000000000000"
  qz.file @tok "tokenizer.json" size 5 sha256 "0000000000000000000000000000000000000000000000000000000000000000"
  // CHECK: %[[E:.*]] = sched.tensor "embed" "embed" : tensor<8x4xbf16> in @w at 100 as tensor<8x4xbf16>
  // CHECK: %[[WQ:.*]] = sched.tensor "q" block 0 "q" : tensor<4x4xbf16> as !qz.packed<4x4, int8>
  // CHECK: sched.tensor "bias" block 0 "bq"
  // CHECK: %[[WK:.*]] = sched.tensor "k" block 0 "k" transposed rows [0, 2]
  // CHECK: %[[WV:.*]] = sched.tensor "v" block 0 "k" transposed rows [2, 4]
  // CHECK: %[[G0:.*]] = sched.tensor "norm" block 1 "g"
  // CHECK: %[[WG:.*]] = sched.tensor "gate" block 1 "gate"
  // CHECK: %[[WU:.*]] = sched.tensor "up" block 1 "up"
  // The tied head has no entry of its own.
  // CHECK-NOT: sched.tensor
  // CHECK: sched.body {
  qz.graph(%t : tensor<?xi32>) -> tensor<?x8xf32> {
    %e = qz.param "embed" @w[100] : tensor<8x4xbf16>
    // CHECK: %[[X0:.*]] = sched.buffer : !sched.buffer<4>
    // CHECK: sched.launch embed weights(%[[E]] : tensor<8x4xbf16>) outs(%[[X0]] : !sched.buffer<4>)
    %x0 = qz.embed %t, %e : tensor<8x4xbf16> -> tensor<?x4xf32>
    %x1 = qz.block 0 (%x = %x0) : tensor<?x4xf32> {
      %wq = qz.param "q" source tensor<4x4xbf16> : !qz.packed<4x4, int8>
      %wk = qz.param "k" transposed rows [[0, 2]] source tensor<4x4xbf16> : tensor<2x4xbf16>
      %wv = qz.param "k" transposed rows [[2, 4]] source tensor<4x4xbf16> : tensor<2x4xbf16>
      %bq = qz.param "bq" : tensor<4xf32>
      // CHECK: %[[Q:.*]] = sched.buffer : !sched.buffer<4>
      // CHECK: sched.launch linear ins(%[[X0]] : !sched.buffer<4>) weights(%[[WQ]], %{{.*}} : !qz.packed<4x4, int8>, tensor<4xf32>) outs(%[[Q]] : !sched.buffer<4>) with {bias}
      %q = qz.linear q %x, %wq bias %bq : (tensor<?x4xf32>, !qz.packed<4x4, int8>, tensor<4xf32>) -> tensor<?x4xf32>
      // CHECK: %[[KV:.*]] = sched.buffer : !sched.buffer<4>
      // CHECK: sched.launch linear {{.*}} outs(%[[KV]] : !sched.buffer<4>) with {parts = 2 : i64}
      // CHECK: %[[K:.*]] = sched.view %[[KV]][0, 2]
      // CHECK: %[[V:.*]] = sched.view %[[KV]][2, 2]
      %k, %v = qz.linear_group %x roles [k, v] weights(%wk, %wv)
        : (tensor<?x4xf32>, tensor<2x4xbf16>, tensor<2x4xbf16>) -> (tensor<?x2xf32>, tensor<?x2xf32>)
      // CHECK: sched.launch attention ins(%[[Q]], %[[K]], %[[V]] : {{.*}} with {alibi = 8.000000e+00 : f32, head_dim = 2 : i64, heads = 2 : i64, kv_heads = 1 : i64, layer = 0 : i64, rope = #[[ROPE]], scale = 5.000000e-01 : f32, window = 3 : i64}
      %a = qz.attention %q, %k, %v rope #rope heads 2 kv_heads 1 scale 0.5 window 3 alibi 8.0
        : (tensor<?x4xf32>, tensor<?x2xf32>, tensor<?x2xf32>) -> tensor<?x4xf32>
      qz.yield %a : tensor<?x4xf32>
    }
    %x2 = qz.block 1 (%x = %x1) : tensor<?x4xf32> {
      %g = qz.param "g" : tensor<4xf32>
      // CHECK: sched.launch rms_norm {{.*}} weights(%[[G0]] : tensor<4xf32>) {{.*}} with {epsilon = {{.*}} : f32, unit_offset}
      %n = qz.rms_norm %x, %g unit_offset eps 1.0e-5 : tensor<?x4xf32>, tensor<4xf32>
      %wg = qz.param "gate" : tensor<4x4xbf16>
      %wu = qz.param "up" : tensor<4x4xbf16>
      // CHECK: sched.launch linear ins(%{{.*}}, %{{.*}} : !sched.buffer<4>, !sched.buffer<4>) weights(%[[WG]], %[[WU]] : {{.*}} with {activation = "silu", gated, parts = 2 : i64}
      %m = qz.gated_linear silu %n, %wg, %wu residual %x
        : (tensor<?x4xf32>, tensor<4x4xbf16>, tensor<4x4xbf16>, tensor<?x4xf32>) -> tensor<?x4xf32>
      // CHECK: sched.launch activate {{.*}} with {activation = "gelu_tanh"}
      %r = qz.activate gelu_tanh %m : tensor<?x4xf32>
      // CHECK: sched.launch mul
      %p = qz.mul %r, %m : tensor<?x4xf32>
      // CHECK: sched.launch clamp {{.*}} with {limit = 8.000000e+00 : f32}
      %c = qz.clamp %p limit 8.0 : tensor<?x4xf32>
      // CHECK: sched.launch add
      %y = qz.add %x, %c : tensor<?x4xf32>
      qz.yield %y : tensor<?x4xf32>
    }
    // CHECK: %[[H:.*]] = sched.buffer
    // CHECK: sched.launch scale {{.*}} outs(%[[H]] : !sched.buffer<4>) with {factor = 2.000000e+00 : f32}
    %s = qz.scale %x2 by 2.0 : tensor<?x4xf32>
    // CHECK: sched.yield %[[H]] : !sched.buffer<4>
    // CHECK: sched.head (%[[ROWS:.*]]: !sched.view<4>) {
    // CHECK: sched.launch linear ins(%[[ROWS]] : !sched.view<4>) weights(%[[E]] : tensor<8x4xbf16>) outs(%[[L:.*]] : !sched.buffer<8>)
    %l = qz.linear head %s, %e : (tensor<?x4xf32>, tensor<8x4xbf16>) -> tensor<?x8xf32>
    // CHECK: sched.launch soft_cap ins(%[[L]] : !sched.buffer<8>) outs(%[[C:.*]] : !sched.buffer<8>) with {cap = 3.000000e+01 : f32}
    %lc = qz.soft_cap %l cap 30.0 : tensor<?x8xf32>
    // CHECK: sched.yield %[[C]] : !sched.buffer<8>
    qz.return %lc : tensor<?x8xf32>
  }
}
