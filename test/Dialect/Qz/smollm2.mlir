// RUN: %qzc-opt %s | %qzc-opt | FileCheck %s
// RUN: %qzc-opt %s --canonicalize --qz-fuse --convert-qz-to-sched --sched-plan-memory --sched-verify-memory \
// RUN:   | FileCheck %s --check-prefix=PLAN

// One block of SmolLM2, which docs/architecture.md quotes.
// CHECK: qz.model @smollm2
// CHECK: qz.linear head
// PLAN: sched.program @smollm2
// PLAN: sched.head

#rope = #qz.rope<dim = 64, theta = 1.000000e+05, style = half>

qz.model @smollm2 attributes {
    family = "llama", layers = 1 : i64, hidden = 576 : i64, vocab = 49152 : i64,
    context = 8192 : i64, bos = 1 : i64, eos = array<i64: 2>, add_bos = false,
    chat_template = "{{ messages }}", tokenizer = @tokenizer} {
  qz.file @model "model.safetensors" size 269060552
    sha256 "9f00000000000000000000000000000000000000000000000000000000000000"
  qz.file @tokenizer "tokenizer.json" size 2104556
    sha256 "5c00000000000000000000000000000000000000000000000000000000000000"
  qz.graph(%tokens : tensor<?xi32>) -> tensor<?x49152xf32> {
    %embed = qz.param "model.embed_tokens.weight" @model[1032] : tensor<49152x576xbf16>
    %x0 = qz.embed %tokens, %embed : tensor<49152x576xbf16> -> tensor<?x576xf32>
    %x1 = qz.block 0 (%x = %x0) : tensor<?x576xf32> {
      %g = qz.param "model.layers.0.input_layernorm.weight" @model[56624136] : tensor<576xbf16>
      %n = qz.rms_norm %x, %g eps 1.0e-05 : tensor<?x576xf32>, tensor<576xbf16>
      %wq = qz.param "model.layers.0.self_attn.q_proj.weight" @model[56625288] : tensor<576x576xbf16>
      %q = qz.linear q %n, %wq : (tensor<?x576xf32>, tensor<576x576xbf16>) -> tensor<?x576xf32>
      %wk = qz.param "model.layers.0.self_attn.k_proj.weight" @model[57288840] : tensor<192x576xbf16>
      %k = qz.linear k %n, %wk : (tensor<?x576xf32>, tensor<192x576xbf16>) -> tensor<?x192xf32>
      %wv = qz.param "model.layers.0.self_attn.v_proj.weight" @model[57510024] : tensor<192x576xbf16>
      %v = qz.linear v %n, %wv : (tensor<?x576xf32>, tensor<192x576xbf16>) -> tensor<?x192xf32>
      %qr = qz.rope %q, #rope heads 9 : tensor<?x576xf32>
      %kr = qz.rope %k, #rope heads 3 : tensor<?x192xf32>
      %a = qz.attention %qr, %kr, %v heads 9 kv_heads 3 scale 0.125
             : (tensor<?x576xf32>, tensor<?x192xf32>, tensor<?x192xf32>) -> tensor<?x576xf32>
      %wo = qz.param "model.layers.0.self_attn.o_proj.weight" @model[57731208] : tensor<576x576xbf16>
      %o = qz.linear o %a, %wo : (tensor<?x576xf32>, tensor<576x576xbf16>) -> tensor<?x576xf32>
      %h = qz.add %x, %o : tensor<?x576xf32>
      %g2 = qz.param "model.layers.0.post_attention_layernorm.weight" @model[58394760] : tensor<576xbf16>
      %m = qz.rms_norm %h, %g2 eps 1.0e-05 : tensor<?x576xf32>, tensor<576xbf16>
      %wg = qz.param "model.layers.0.mlp.gate_proj.weight" @model[58395912] : tensor<1536x576xbf16>
      %gate = qz.linear gate %m, %wg : (tensor<?x576xf32>, tensor<1536x576xbf16>) -> tensor<?x1536xf32>
      %wu = qz.param "model.layers.0.mlp.up_proj.weight" @model[60165384] : tensor<1536x576xbf16>
      %up = qz.linear up %m, %wu : (tensor<?x576xf32>, tensor<1536x576xbf16>) -> tensor<?x1536xf32>
      %act = qz.activate silu %gate : tensor<?x1536xf32>
      %p = qz.mul %act, %up : tensor<?x1536xf32>
      %wd = qz.param "model.layers.0.mlp.down_proj.weight" @model[61934856] : tensor<576x1536xbf16>
      %d = qz.linear down %p, %wd : (tensor<?x1536xf32>, tensor<576x1536xbf16>) -> tensor<?x576xf32>
      %y = qz.add %h, %d : tensor<?x576xf32>
      qz.yield %y : tensor<?x576xf32>
    }
    %gf = qz.param "model.norm.weight" @model[63704328] : tensor<576xbf16>
    %nf = qz.rms_norm %x1, %gf eps 1.0e-05 : tensor<?x576xf32>, tensor<576xbf16>
    %logits = qz.linear head %nf, %embed : (tensor<?x576xf32>, tensor<49152x576xbf16>) -> tensor<?x49152xf32>
    qz.return %logits : tensor<?x49152xf32>
  }
}
