// RUN: %qzc-opt %s | %qzc-opt | FileCheck %s
// RUN: %qzc-opt %s --mlir-print-op-generic | %qzc-opt | FileCheck %s

// One block each in the manner of the families that the dialect must express.

// CHECK-DAG: #[[HALF:.+]] = #qz.rope<dim = 4, theta = 1.000000e+05, style = half>
// CHECK-DAG: #[[INTER:.+]] = #qz.rope<dim = 2, theta = 1.000000e+04, style = interleaved>
// CHECK-DAG: #[[LINEAR:.+]] = #qz.rope<dim = 4, theta = 1.000000e+04, style = half, scaling = linear, factor = 2.000000e+00>
// CHECK-DAG: #[[LLAMA3:.+]] = #qz.rope<dim = 4, theta = 5.000000e+05, style = half, scaling = llama3, factor = 3.200000e+01, low_freq_factor = 1.000000e+00, high_freq_factor = 4.000000e+00, original_context = 8192>
// CHECK-DAG: #[[DYNAMIC:.+]] = #qz.rope<dim = 4, theta = 1.000000e+04, style = half, scaling = dynamic, factor = 2.000000e+00, original_context = 4096>
// CHECK-DAG: #[[GIVEN:.+]] = #qz.rope<dim = 4, theta = 1.000000e+04, style = half, scaling = explicit, magnitude = 1.190000e+00, frequencies = [1.000000e+00, 0.0333333351]>
// CHECK-DAG: #[[LONG:.+]] = #qz.rope<dim = 4, theta = 1.000000e+04, style = half, scaling = explicit, magnitude = 1.000000e+00, frequencies = [1.000000e+00, 0.000000e+00], original_context = 9, long_frequencies = [5.000000e-01, 2.500000e-01]>
#half = #qz.rope<dim = 4, theta = 1.0e5, style = half>
#interleaved = #qz.rope<dim = 2, theta = 1.0e4, style = interleaved>
#linear = #qz.rope<dim = 4, theta = 1.0e4, style = half, scaling = linear, factor = 2.0>
#dynamic = #qz.rope<dim = 4, theta = 1.0e4, style = half, scaling = dynamic, factor = 2.0,
                    original_context = 4096>
#given = #qz.rope<dim = 4, theta = 1.0e4, style = half, scaling = explicit, magnitude = 1.19,
                  frequencies = [1.0, 0.033333335]>
#long = #qz.rope<dim = 4, theta = 1.0e4, style = half, scaling = explicit, magnitude = 1.0,
                 frequencies = [1.0, 0.0], original_context = 9, long_frequencies = [0.5, 0.25]>
#llama3 = #qz.rope<dim = 4, theta = 5.0e5, style = half, scaling = llama3, factor = 32.0,
                   low_freq_factor = 1.0, high_freq_factor = 4.0, original_context = 8192>

// Grouped-query attention, gated feed-forward, tied embeddings, files, every fact.
// CHECK-LABEL: qz.model @llama
// CHECK-SAME: add_bos = true, bos = 1 : i64, chat_template = "{% x %}", context = 16 : i64, eos = array<i64: 2, 3>, family = "llama", hidden = 8 : i64, layers = 2 : i64, special_tokens = {bos_token = "<s>", "odd name" = "</s>"}, tokenizer = @tokenizer, vocab = 16 : i64
qz.model @llama attributes {
    family = "llama", layers = 2 : i64, hidden = 8 : i64, vocab = 16 : i64,
    context = 16 : i64, bos = 1 : i64, eos = array<i64: 2, 3>, add_bos = true,
    chat_template = "{% x %}",
    special_tokens = {bos_token = "<s>", "odd name" = "</s>"}, tokenizer = @tokenizer} {
  // CHECK-NEXT: qz.file @model "../weights/model.safetensors" size 4096 sha256 "{{0+}}"
  qz.file @model "../weights/model.safetensors" size 4096 sha256 "0000000000000000000000000000000000000000000000000000000000000000"
  qz.file @tokenizer "tokenizer.json" size 10 sha256 "00000000000000000000000000000000000000000000000000000000000000ff"
  // CHECK: qz.graph(%[[TOKENS:.*]]: tensor<?xi32>) -> tensor<?x16xf32> {
  qz.graph(%tokens : tensor<?xi32>) -> tensor<?x16xf32> {
    // CHECK-NEXT: %[[EMBED:.*]] = qz.param "embed" @model[8] : tensor<16x8xbf16>
    // CHECK-NEXT: %[[X:.*]] = qz.embed %[[TOKENS]], %[[EMBED]] : tensor<16x8xbf16> -> tensor<?x8xf32>
    // CHECK-NEXT: qz.block 0 (%[[B:.*]] = %[[X]]) : tensor<?x8xf32> {
    %embed = qz.param "embed" @model[8] : tensor<16x8xbf16>
    %x0 = qz.embed %tokens, %embed : tensor<16x8xbf16> -> tensor<?x8xf32>
    %x1 = qz.block 0 (%x = %x0) : tensor<?x8xf32> {
      // CHECK: qz.rms_norm %[[B]], %{{.*}} eps 1.000000e-05 : tensor<?x8xf32>, tensor<8xbf16>
      %g = qz.param "0.norm" @model[300] : tensor<8xbf16>
      %n = qz.rms_norm %x, %g eps 1.0e-05 : tensor<?x8xf32>, tensor<8xbf16>
      %wq = qz.param "0.q" @model[512] : tensor<8x8xbf16>
      // CHECK: qz.param "0.k" @model[640] source tensor<4x8xbf16> : !qz.packed<4x8, nf4, block = 64>
      %wk = qz.param "0.k" @model[640] source tensor<4x8xbf16> : !qz.packed<4x8, nf4>
      // CHECK: qz.param "0.v" @model[704] source tensor<4x8xbf16> : !qz.packed<4x8, int8>
      %wv = qz.param "0.v" @model[704] source tensor<4x8xbf16> : !qz.packed<4x8, int8>
      // CHECK: qz.linear q %{{.*}}, %{{.*}} : (tensor<?x8xf32>, tensor<8x8xbf16>) -> tensor<?x8xf32>
      // CHECK: qz.linear k %{{.*}}, %{{.*}} : (tensor<?x8xf32>, !qz.packed<4x8, nf4, block = 64>) -> tensor<?x4xf32>
      %q = qz.linear q %n, %wq : (tensor<?x8xf32>, tensor<8x8xbf16>) -> tensor<?x8xf32>
      %k = qz.linear k %n, %wk : (tensor<?x8xf32>, !qz.packed<4x8, nf4, block = 64>) -> tensor<?x4xf32>
      %v = qz.linear v %n, %wv : (tensor<?x8xf32>, !qz.packed<4x8, int8>) -> tensor<?x4xf32>
      // CHECK: qz.rope %{{.*}}, #[[HALF]] heads 2 : tensor<?x8xf32>
      %qr = qz.rope %q, #half heads 2 : tensor<?x8xf32>
      %kr = qz.rope %k, #half heads 1 : tensor<?x4xf32>
      // CHECK: qz.attention %{{.*}}, %{{.*}}, %{{.*}} heads 2 kv_heads 1 scale 5.000000e-01 : (tensor<?x8xf32>, tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x8xf32>
      %a = qz.attention %qr, %kr, %v heads 2 kv_heads 1 scale 0.5
        : (tensor<?x8xf32>, tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x8xf32>
      %h = qz.add %x, %a : tensor<?x8xf32>
      %wg = qz.param "0.gate" @model[768] : tensor<12x8xbf16>
      %wu = qz.param "0.up" @model[960] : tensor<12x8xbf16>
      %gate = qz.linear gate %h, %wg : (tensor<?x8xf32>, tensor<12x8xbf16>) -> tensor<?x12xf32>
      %up = qz.linear up %h, %wu : (tensor<?x8xf32>, tensor<12x8xbf16>) -> tensor<?x12xf32>
      // CHECK: qz.activate silu %{{.*}} : tensor<?x12xf32>
      // CHECK-NEXT: qz.mul %{{.*}}, %{{.*}} : tensor<?x12xf32>
      %act = qz.activate silu %gate : tensor<?x12xf32>
      %m = qz.mul %act, %up : tensor<?x12xf32>
      %wd = qz.param "0.down" @model[1152] : tensor<8x12xbf16>
      // CHECK: qz.linear down %{{.*}}, %{{.*}} residual %{{.*}} : (tensor<?x12xf32>, tensor<8x12xbf16>, tensor<?x8xf32>) -> tensor<?x8xf32>
      %y = qz.linear down %m, %wd residual %h : (tensor<?x12xf32>, tensor<8x12xbf16>, tensor<?x8xf32>) -> tensor<?x8xf32>
      // CHECK-NEXT: qz.yield %{{.*}} : tensor<?x8xf32>
      qz.yield %y : tensor<?x8xf32>
    }
    // What fusion makes.
    // CHECK: qz.block 1
    %x2 = qz.block 1 (%x = %x1) : tensor<?x8xf32> {
      %w = qz.param "1.w" @model[512] : tensor<8x8xbf16>
      %b = qz.param "1.b" @model[512] : tensor<8xbf16>
      // CHECK: %[[G:.*]]:3 = qz.linear_group %[[B1:.*]] roles [q, k, v] weights(%[[W:.*]], %[[W]], %[[W]]) biases(%[[BIAS:.*]], %[[BIAS]], %[[BIAS]]) :
      %q, %k, %v = qz.linear_group %x roles [q, k, v] weights(%w, %w, %w) biases(%b, %b, %b)
        : (tensor<?x8xf32>, tensor<8x8xbf16>, tensor<8x8xbf16>, tensor<8x8xbf16>, tensor<8xbf16>, tensor<8xbf16>, tensor<8xbf16>)
        -> (tensor<?x8xf32>, tensor<?x8xf32>, tensor<?x8xf32>)
      // CHECK: qz.attention %[[G]]#0, %[[G]]#1, %[[G]]#2 rope #[[LLAMA3]] heads 2 kv_heads 2 scale 5.000000e-01 :
      %a = qz.attention %q, %k, %v rope #llama3 heads 2 kv_heads 2 scale 0.5
        : (tensor<?x8xf32>, tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
      // CHECK: %[[K2:.*]]:2 = qz.linear_group %{{.*}} roles [k, v] weights(%[[W]], %[[W]]) :
      %k2, %v2 = qz.linear_group %x roles [k, v] weights(%w, %w)
        : (tensor<?x8xf32>, tensor<8x8xbf16>, tensor<8x8xbf16>) -> (tensor<?x8xf32>, tensor<?x8xf32>)
      // CHECK: qz.gated_linear gelu_tanh %{{.*}}, %[[W]], %[[W]] gate_bias %[[BIAS]] up_bias %[[BIAS]] residual %[[B1]] :
      %y = qz.gated_linear gelu_tanh %a, %w, %w gate_bias %b up_bias %b residual %x
        : (tensor<?x8xf32>, tensor<8x8xbf16>, tensor<8x8xbf16>, tensor<8xbf16>, tensor<8xbf16>, tensor<?x8xf32>) -> tensor<?x8xf32>
      // CHECK: qz.gated_linear silu %{{.*}}, %[[W]], %[[W]] :
      %z = qz.gated_linear silu %y, %w, %w : (tensor<?x8xf32>, tensor<8x8xbf16>, tensor<8x8xbf16>) -> tensor<?x8xf32>
      qz.yield %z : tensor<?x8xf32>
    }
    // CHECK: qz.linear head %{{.*}}, %[[EMBED]] :
    // CHECK-NEXT: qz.return %{{.*}} : tensor<?x16xf32>
    %logits = qz.linear head %x2, %embed : (tensor<?x8xf32>, tensor<16x8xbf16>) -> tensor<?x16xf32>
    qz.return %logits : tensor<?x16xf32>
  }
}

// Fused transposed qkv split by rows, learned positions, biases.
// CHECK-LABEL: qz.model @gpt2
qz.model @gpt2 attributes {family = "gpt2", layers = 1 : i64, hidden = 4 : i64, vocab = 8 : i64,
    context = 16 : i64, eos = array<i64>, add_bos = false} {
  qz.file @model "model.safetensors" size 4096 sha256 "0000000000000000000000000000000000000000000000000000000000000000"
  qz.graph(%t : tensor<?xi32>) -> tensor<?x8xf32> {
    %e = qz.param "wte" @model[0] : tensor<8x4xf32>
    %p = qz.param "wpe" @model[128] : tensor<16x4xf32>
    %x0 = qz.embed %t, %e : tensor<8x4xf32> -> tensor<?x4xf32>
    // CHECK: qz.add_positions %{{.*}}, %{{.*}} : tensor<?x4xf32>, tensor<16x4xf32>
    %x1 = qz.add_positions %x0, %p : tensor<?x4xf32>, tensor<16x4xf32>
    %x2 = qz.block 0 (%x = %x1) : tensor<?x4xf32> {
      %g = qz.param "ln.g" @model[0] : tensor<4xf32>
      %b = qz.param "ln.b" @model[0] : tensor<4xf32>
      // CHECK: qz.layer_norm %{{.*}}, %{{.*}} bias %{{.*}} eps 1.000000e-05 : tensor<?x4xf32>, tensor<4xf32>, tensor<4xf32>
      %n = qz.layer_norm %x, %g bias %b eps 1.0e-5 : tensor<?x4xf32>, tensor<4xf32>, tensor<4xf32>
      // CHECK: qz.param "c_attn.w" @model[1024] transposed rows {{\[}}[0, 4]] source tensor<4x12xf32> : tensor<4x4xf32>
      // CHECK: qz.param "c_attn.w" @model[1024] transposed rows {{\[}}[4, 6], [10, 12]] source tensor<4x12xf32> : !qz.packed<4x4, int8>
      // CHECK: qz.param "c_attn.b" @model[1216] rows {{\[}}[0, 4]] source tensor<12xf32> : tensor<4xf16>
      %wq = qz.param "c_attn.w" @model[1024] transposed rows [[0, 4]] source tensor<4x12xf32> : tensor<4x4xf32>
      %wk = qz.param "c_attn.w" @model[1024] transposed rows [[4, 6], [10, 12]] source tensor<4x12xf32> : !qz.packed<4x4, int8>
      %bq = qz.param "c_attn.b" @model[1216] rows [[0, 4]] source tensor<12xf32> : tensor<4xf16>
      // CHECK: qz.linear q %{{.*}}, %{{.*}} bias %{{.*}} : (tensor<?x4xf32>, tensor<4x4xf32>, tensor<4xf16>) -> tensor<?x4xf32>
      %q = qz.linear q %n, %wq bias %bq : (tensor<?x4xf32>, tensor<4x4xf32>, tensor<4xf16>) -> tensor<?x4xf32>
      %k = qz.linear k %n, %wk : (tensor<?x4xf32>, !qz.packed<4x4, int8>) -> tensor<?x4xf32>
      // CHECK: %[[C:.*]] = qz.param "c_attn.w" @model[1024] transposed source tensor<4x12xf32> : !qz.packed<12x4, nf4, block = 64, double>
      // CHECK: %[[V:.*]] = qz.rows %[[C]] {{\[}}[8, 10], [10, 12]] : !qz.packed<12x4, nf4, block = 64, double>
      // CHECK: qz.linear v %{{.*}}, %[[V]] : (tensor<?x4xf32>, !qz.rows<4 of !qz.packed<12x4, nf4, block = 64, double>>) -> tensor<?x4xf32>
      %c = qz.param "c_attn.w" @model[1024] transposed source tensor<4x12xf32> : !qz.packed<12x4, nf4, double>
      %wv = qz.rows %c [[8, 10], [10, 12]] : !qz.packed<12x4, nf4, double>
      %v = qz.linear v %n, %wv : (tensor<?x4xf32>, !qz.rows<4 of !qz.packed<12x4, nf4, block = 64, double>>) -> tensor<?x4xf32>
      %a = qz.attention %q, %k, %v heads 2 kv_heads 2 scale 0.7
        : (tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x4xf32>
      // CHECK: qz.linear up %{{.*}}, %{{.*}} bias %{{.*}} residual %{{.*}} activation gelu_tanh : (tensor<?x4xf32>, tensor<4x4xf32>, tensor<4xf16>, tensor<?x4xf32>) -> tensor<?x4xf32>
      %u = qz.linear up %a, %wq bias %bq residual %x activation gelu_tanh
        : (tensor<?x4xf32>, tensor<4x4xf32>, tensor<4xf16>, tensor<?x4xf32>) -> tensor<?x4xf32>
      qz.yield %u : tensor<?x4xf32>
    }
    %l = qz.linear head %x2, %e : (tensor<?x4xf32>, tensor<8x4xf32>) -> tensor<?x8xf32>
    qz.return %l : tensor<?x8xf32>
  }
}

// Narrow embeddings projected in and out, an offset of positions, post-norm,
// no weights file (OPT-350m); local windows (GPT-Neo).
// CHECK-LABEL: qz.model @opt
qz.model @opt attributes {family = "opt", layers = 2 : i64, hidden = 4 : i64, vocab = 8 : i64,
    context = 16 : i64, bos = 2 : i64, eos = array<i64: 2>, add_bos = true} {
  qz.graph(%t : tensor<?xi32>) -> tensor<?x8xf32> {
    // CHECK: qz.param "e" : tensor<8x2xf16>
    %e = qz.param "e" : tensor<8x2xf16>
    %p = qz.param "p" : tensor<18x4xf16>
    %in = qz.param "in" : tensor<4x2xf16>
    %out = qz.param "out" : tensor<2x4xf16>
    %x0 = qz.embed %t, %e : tensor<8x2xf16> -> tensor<?x2xf32>
    // CHECK: qz.linear proj
    %x1 = qz.linear proj %x0, %in : (tensor<?x2xf32>, tensor<4x2xf16>) -> tensor<?x4xf32>
    // CHECK: qz.add_positions %{{.*}}, %{{.*}} offset 2 :
    %x2 = qz.add_positions %x1, %p offset 2 : tensor<?x4xf32>, tensor<18x4xf16>
    %x3 = qz.block 0 (%x = %x2) : tensor<?x4xf32> {
      // CHECK: qz.attention %{{.*}} heads 2 kv_heads 2 scale 1.000000e+00 window 256 :
      %a = qz.attention %x, %x, %x heads 2 kv_heads 2 scale 1.0 window 256
        : (tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x4xf32>
      %h = qz.add %x, %a : tensor<?x4xf32>
      %g = qz.param "g" : tensor<4xf16>
      // CHECK: qz.layer_norm %{{.*}}, %{{.*}} eps 1.000000e-05 : tensor<?x4xf32>, tensor<4xf16>
      %n = qz.layer_norm %h, %g eps 1.0e-5 : tensor<?x4xf32>, tensor<4xf16>
      %r = qz.activate relu %n : tensor<?x4xf32>
      qz.yield %r : tensor<?x4xf32>
    }
    // Partial and interleaved rotary embeddings in a parallel block (CodeGen,
    // Phi); non-parametric norms and clipping (OLMo).
    // CHECK: qz.block 1
    %x4 = qz.block 1 (%x = %x3) : tensor<?x4xf32> {
      // CHECK: qz.layer_norm %{{.*}} eps 1.000000e-05 : tensor<?x4xf32>
      %n = qz.layer_norm %x eps 1.0e-5 : tensor<?x4xf32>
      // CHECK: qz.rms_norm %{{.*}} heads 2 eps 1.250000e+00 : tensor<?x4xf32>
      // CHECK: qz.layer_norm %{{.*}} heads 4 eps 1.250000e+00 : tensor<?x4xf32>
      %n1 = qz.rms_norm %n heads 2 eps 1.25 : tensor<?x4xf32>
      %n2 = qz.layer_norm %n1 heads 4 eps 1.25 : tensor<?x4xf32>
      // CHECK: qz.clamp %{{.*}} limit 8.000000e+00 : tensor<?x4xf32>
      %c = qz.clamp %n limit 8.0 : tensor<?x4xf32>
      // CHECK: qz.rope %{{.*}}, #[[INTER]] heads 1
      // CHECK: qz.rope %{{.*}}, #[[LINEAR]] heads 1
      // CHECK: qz.rope %{{.*}}, #[[DYNAMIC]] heads 1
      // CHECK: qz.rope %{{.*}}, #[[GIVEN]] heads 1
      // CHECK: qz.rope %{{.*}}, #[[LONG]] heads 1
      %q = qz.rope %c, #interleaved heads 1 : tensor<?x4xf32>
      %k = qz.rope %c, #linear heads 1 : tensor<?x4xf32>
      %k1 = qz.rope %c, #dynamic heads 1 : tensor<?x4xf32>
      %k2 = qz.rope %c, #given heads 1 : tensor<?x4xf32>
      %k3 = qz.rope %c, #long heads 1 : tensor<?x4xf32>
      %a = qz.attention %q, %k, %c heads 1 kv_heads 1 scale 0.5
        : (tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x4xf32>
      %w = qz.param "w" : tensor<4x4xf16>
      %m = qz.linear down %n, %w : (tensor<?x4xf32>, tensor<4x4xf16>) -> tensor<?x4xf32>
      // CHECK: qz.add
      // CHECK-NEXT: qz.add
      %s = qz.add %a, %m : tensor<?x4xf32>
      %y = qz.add %x, %s : tensor<?x4xf32>
      qz.yield %y : tensor<?x4xf32>
    }
    %x5 = qz.linear proj %x4, %out : (tensor<?x4xf32>, tensor<2x4xf16>) -> tensor<?x2xf32>
    %l = qz.linear head %x5, %e : (tensor<?x2xf32>, tensor<8x2xf16>) -> tensor<?x8xf32>
    qz.return %l : tensor<?x8xf32>
  }
}

// Scaled embeddings, norms with an offset, soft caps, norms after each part.
// CHECK-LABEL: qz.model @gemma
qz.model @gemma attributes {family = "gemma2", layers = 1 : i64, hidden = 4 : i64, vocab = 8 : i64,
    context = 16 : i64, bos = 2 : i64, eos = array<i64: 1>, add_bos = true} {
  qz.graph(%t : tensor<?xi32>) -> tensor<?x8xf32> {
    %e = qz.param "e" : tensor<8x4xbf16>
    %x0 = qz.embed %t, %e : tensor<8x4xbf16> -> tensor<?x4xf32>
    // CHECK: qz.scale %{{.*}} by 2.000000e+00 : tensor<?x4xf32>
    %x1 = qz.scale %x0 by 2.0 : tensor<?x4xf32>
    %x2 = qz.block 0 (%x = %x1) : tensor<?x4xf32> {
      %g = qz.param "g" : tensor<4xbf16>
      // CHECK: qz.rms_norm %{{.*}}, %{{.*}} unit_offset eps 9.9999999999999995E-7 : tensor<?x4xf32>, tensor<4xbf16>
      %n = qz.rms_norm %x, %g unit_offset eps 1.0e-6 : tensor<?x4xf32>, tensor<4xbf16>
      // CHECK: qz.attention %{{.*}} heads 2 kv_heads 2 scale 6.250000e-02 window 8 soft_cap 5.000000e+01 alibi 8.000000e+00 :
      %a = qz.attention %n, %n, %n heads 2 kv_heads 2 scale 0.0625 window 8 soft_cap 50.0 alibi 8.0
        : (tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x4xf32>
      // CHECK: qz.rms_norm %{{.*}} eps
      %pn = qz.rms_norm %a eps 1.0e-5 : tensor<?x4xf32>
      %y = qz.add %x, %pn : tensor<?x4xf32>
      qz.yield %y : tensor<?x4xf32>
    }
    %l = qz.linear head %x2, %e : (tensor<?x4xf32>, tensor<8x4xbf16>) -> tensor<?x8xf32>
    // CHECK: qz.soft_cap %{{.*}} cap 3.000000e+01 : tensor<?x8xf32>
    %c = qz.soft_cap %l cap 30.0 : tensor<?x8xf32>
    qz.return %c : tensor<?x8xf32>
  }
}
