// Passes leave a model's meaning as it is, to the last bit.

// DEFINE: %{tokens} = --tokens 3,1,4,1,5,2,6
// DEFINE: %{passes} =
// DEFINE: %{check} = %qzc-opt %{passes} %s | %qz-interpret - %{tokens} --logits %t.npy && cmp %t.npy %t.plain.npy
// RUN: %qz-interpret %s %{tokens} --logits %t.plain.npy

// REDEFINE: %{passes} = --canonicalize --cse
// RUN: %{check}
// REDEFINE: %{passes} = --qz-fuse-rope
// RUN: %{check}
// REDEFINE: %{passes} = --qz-fuse-gated
// RUN: %{check}
// REDEFINE: %{passes} = --qz-fuse-activation
// RUN: %{check}
// REDEFINE: %{passes} = --qz-fuse-residual
// RUN: %{check}
// REDEFINE: %{passes} = --qz-group-linears
// RUN: %{check}
// REDEFINE: %{passes} = --canonicalize --qz-fuse
// RUN: %{check}

// What they have to leave as it is: everything was fused.
// RUN: %qzc-opt --canonicalize --qz-fuse %s | FileCheck %s
// CHECK-NOT: qz.rope %
// CHECK: qz.linear_group {{.*}} roles [q, k, v] {{.*}} biases
// CHECK: qz.attention {{.*}} rope
// CHECK: qz.linear o {{.*}} residual
// CHECK: qz.gated_linear silu
// CHECK: qz.linear down {{.*}} residual
// CHECK: qz.linear_group {{.*}} roles [q, v]
// CHECK: qz.attention {{.*}} rope {{.*}} window 3 soft_cap
// CHECK: qz.linear up {{.*}} activation gelu_tanh
// CHECK: qz.gated_linear relu {{.*}} residual

// The same of quantized and cast weights, which mean something else.
// RUN: %qzc-opt --qz-quantize="scheme=nf4 components=attn,up,head block-size=32" --qz-cast="dtype=f16" %s -o %t.mlir
// RUN: %qz-interpret %t.mlir %{tokens} --logits %t.quantized.npy
// RUN: not cmp %t.quantized.npy %t.plain.npy
// RUN: %qzc-opt --canonicalize --qz-fuse %t.mlir | %qz-interpret - %{tokens} --logits %t.npy
// RUN: cmp %t.npy %t.quantized.npy

// A line a token.
// RUN: %qz-interpret %s %{tokens} | FileCheck %s --check-prefix=TEXT
// RUN: %qz-interpret %s %{tokens} | count 7
// TEXT: row 0, argmax {{[0-8]}}:{{( -?0\.[0-9][0-9][0-9][0-9])+}} …
// TEXT-NEXT: row 1, argmax

// Weights without a file are those of the seed.
// RUN: %qz-interpret %s %{tokens} --seed 1 --logits %t.npy
// RUN: not cmp %t.npy %t.plain.npy

#half = #qz.rope<dim = 4, theta = 1.0e4, style = half>
#part = #qz.rope<dim = 2, theta = 1.0e2, style = interleaved>
qz.model @m attributes {family = "f", layers = 2 : i64, hidden = 8 : i64, vocab = 9 : i64,
    context = 8 : i64, eos = array<i64>, add_bos = false} {
  qz.graph(%tokens : tensor<?xi32>) -> tensor<?x9xf32> {
    %e = qz.param "embed" : tensor<9x6xf32>
    %p = qz.param "positions" : tensor<10x8xf32>
    %in = qz.param "in" : tensor<8x6xf32>
    %e0 = qz.embed %tokens, %e : tensor<9x6xf32> -> tensor<?x6xf32>
    %e1 = qz.scale %e0 by 300.0 : tensor<?x6xf32>
    %e2 = qz.linear proj %e1, %in : (tensor<?x6xf32>, tensor<8x6xf32>) -> tensor<?x8xf32>
    %x0 = qz.add_positions %e2, %p offset 2 : tensor<?x8xf32>, tensor<10x8xf32>
    // Norm, attention, norm, gated feed-forward; shared heads.
    %x1 = qz.block 0 (%x = %x0) : tensor<?x8xf32> {
      %g = qz.param "0.g" : tensor<8xf32>
      %n = qz.rms_norm %x, %g unit_offset eps 1.0e-5 : tensor<?x8xf32>, tensor<8xf32>
      %wq = qz.param "0.q" : tensor<16x8xbf16>
      %bq = qz.param "0.bq" : tensor<16xf32>
      %q = qz.linear q %n, %wq bias %bq : (tensor<?x8xf32>, tensor<16x8xbf16>, tensor<16xf32>) -> tensor<?x16xf32>
      %qr = qz.rope %q, #half heads 4 : tensor<?x16xf32>
      %wk = qz.param "0.k" : tensor<8x8xbf16>
      %bk = qz.param "0.bk" : tensor<8xf32>
      %k = qz.linear k %n, %wk bias %bk : (tensor<?x8xf32>, tensor<8x8xbf16>, tensor<8xf32>) -> tensor<?x8xf32>
      %kr = qz.rope %k, #half heads 2 : tensor<?x8xf32>
      %wv = qz.param "0.v" : tensor<8x8xbf16>
      %v = qz.linear v %n, %wv bias %bk : (tensor<?x8xf32>, tensor<8x8xbf16>, tensor<8xf32>) -> tensor<?x8xf32>
      %a = qz.attention %qr, %kr, %v heads 4 kv_heads 2 scale 200.0
        : (tensor<?x16xf32>, tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x16xf32>
      %wo = qz.param "0.o" : tensor<8x16xbf16>
      %o = qz.linear o %a, %wo : (tensor<?x16xf32>, tensor<8x16xbf16>) -> tensor<?x8xf32>
      %h = qz.add %x, %o : tensor<?x8xf32>
      %n2 = qz.layer_norm %h eps 1.0e-5 : tensor<?x8xf32>
      %wg = qz.param "0.gate" : tensor<5x8xf32>
      %wu = qz.param "0.up" : tensor<5x8xf32>
      %wd = qz.param "0.down" : tensor<8x5xf32>
      %gate = qz.linear gate %n2, %wg : (tensor<?x8xf32>, tensor<5x8xf32>) -> tensor<?x5xf32>
      %up = qz.linear up %n2, %wu : (tensor<?x8xf32>, tensor<5x8xf32>) -> tensor<?x5xf32>
      %act = qz.activate silu %gate : tensor<?x5xf32>
      %m = qz.mul %act, %up : tensor<?x5xf32>
      %m2 = qz.clamp %m limit 0.001 : tensor<?x5xf32>
      %d = qz.linear down %m2, %wd : (tensor<?x5xf32>, tensor<8x5xf32>) -> tensor<?x8xf32>
      %y = qz.add %d, %h : tensor<?x8xf32>
      qz.yield %y : tensor<?x8xf32>
    }
    // Attention and feed-forward side by side; a key layer stored otherwise.
    %x2 = qz.block 1 (%x = %x1) : tensor<?x8xf32> {
      %g = qz.param "1.g" : tensor<8xf32>
      %b = qz.param "1.b" : tensor<8xf32>
      %n = qz.layer_norm %x, %g bias %b eps 1.0e-5 : tensor<?x8xf32>, tensor<8xf32>, tensor<8xf32>
      %wq = qz.param "1.q" : tensor<8x8xf16>
      %wk = qz.param "1.k" : tensor<8x8xf32>
      %wv = qz.param "1.v" : tensor<8x8xf16>
      %q = qz.linear q %n, %wq : (tensor<?x8xf32>, tensor<8x8xf16>) -> tensor<?x8xf32>
      %k = qz.linear k %n, %wk : (tensor<?x8xf32>, tensor<8x8xf32>) -> tensor<?x8xf32>
      %v = qz.linear v %n, %wv : (tensor<?x8xf32>, tensor<8x8xf16>) -> tensor<?x8xf32>
      %qr = qz.rope %q, #part heads 2 : tensor<?x8xf32>
      %kr = qz.rope %k, #part heads 2 : tensor<?x8xf32>
      %a = qz.attention %qr, %kr, %v heads 2 kv_heads 2 scale 200.0 window 3 soft_cap 2.0
        : (tensor<?x8xf32>, tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
      %wu = qz.param "1.up" : tensor<6x8xf32>
      %bu = qz.param "1.bu" : tensor<6xf32>
      %wd = qz.param "1.down" : tensor<8x6xf32>
      %u = qz.linear up %n, %wu bias %bu : (tensor<?x8xf32>, tensor<6x8xf32>, tensor<6xf32>) -> tensor<?x6xf32>
      %act = qz.activate gelu_tanh %u : tensor<?x6xf32>
      %d = qz.linear down %act, %wd : (tensor<?x6xf32>, tensor<8x6xf32>) -> tensor<?x8xf32>
      %s = qz.add %a, %d : tensor<?x8xf32>
      %t = qz.add %x, %s : tensor<?x8xf32>
      %wg = qz.param "1.gate" : tensor<8x8xf32>
      %gate = qz.linear gate %t, %wg : (tensor<?x8xf32>, tensor<8x8xf32>) -> tensor<?x8xf32>
      %up = qz.linear up %t, %wk : (tensor<?x8xf32>, tensor<8x8xf32>) -> tensor<?x8xf32>
      %r = qz.activate relu %gate : tensor<?x8xf32>
      %m = qz.mul %up, %r : tensor<?x8xf32>
      %y = qz.add %t, %m : tensor<?x8xf32>
      qz.yield %y : tensor<?x8xf32>
    }
    %out = qz.param "out" : tensor<6x8xf32>
    %f = qz.linear proj %x2, %out : (tensor<?x8xf32>, tensor<6x8xf32>) -> tensor<?x6xf32>
    %l = qz.linear head %f, %e : (tensor<?x6xf32>, tensor<9x6xf32>) -> tensor<?x9xf32>
    %c = qz.soft_cap %l cap 0.1 : tensor<?x9xf32>
    qz.return %c : tensor<?x9xf32>
  }
}
