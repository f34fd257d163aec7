#rope = #qz.rope<dim = 4, theta = 10000.0, style = half>

qz.model @one_block attributes {
    family = "llama",
    layers = 1 : i64,
    hidden = 12 : i64,
    vocab = 20 : i64,
    context = 64 : i64,
    bos = 1 : i64,
    eos = array<i64: 2>,
    add_bos = false,
    gguf = #qz.gguf<architecture = "llama",
      tensors = {"embed_tokens" = "token_embd", "norm" = "output_norm", "lm_head" = "output", "layers.#.self_attn.q_proj" = "blk.#.attn_q", "layers.#.self_attn.k_proj" = "blk.#.attn_k", "layers.#.self_attn.v_proj" = "blk.#.attn_v", "layers.#.self_attn.o_proj" = "blk.#.attn_output", "layers.#.mlp.up_proj" = "blk.#.ffn_up", "layers.#.mlp.gate_proj" = "blk.#.ffn_gate", "layers.#.mlp.down_proj" = "blk.#.ffn_down", "layers.#.input_layernorm" = "blk.#.attn_norm", "layers.#.post_attention_layernorm" = "blk.#.ffn_norm"},
      metadata = {"llama.attention.head_count" = 3 : ui32, "llama.attention.head_count_kv" = 1 : ui32, "llama.attention.key_length" = 4 : ui32, "llama.attention.layer_norm_rms_epsilon" = 1.0e-05 : f32, "llama.attention.value_length" = 4 : ui32, "llama.block_count" = 1 : ui32, "llama.context_length" = 64 : ui32, "llama.embedding_length" = 12 : ui32, "llama.feed_forward_length" = 10 : ui32, "llama.rope.dimension_count" = 4 : ui32, "llama.rope.freq_base" = 10000.0 : f32, "llama.vocab_size" = 20 : ui32},
      interleaved = {"blk.#.attn_q" = 3 : i64, "blk.#.attn_k" = 1 : i64}>} {
  qz.graph(%tokens : tensor<?xi32>) -> tensor<?x20xf32> {
    %embed = qz.param "model.embed_tokens.weight" : tensor<20x12xbf16>
    %x0 = qz.embed %tokens, %embed : tensor<20x12xbf16> -> tensor<?x12xf32>
    %x1 = qz.block 0 (%x = %x0) : tensor<?x12xf32> {
      %gn = qz.param "model.layers.0.input_layernorm.weight" : tensor<12xbf16>
      %n = qz.rms_norm %x, %gn eps 1.0e-05 : tensor<?x12xf32>, tensor<12xbf16>
      %wq = qz.param "model.layers.0.self_attn.q_proj.weight" : tensor<12x12xbf16>
      %q = qz.linear q %n, %wq : (tensor<?x12xf32>, tensor<12x12xbf16>) -> tensor<?x12xf32>
      %wk = qz.param "model.layers.0.self_attn.k_proj.weight" : tensor<4x12xbf16>
      %k = qz.linear k %n, %wk : (tensor<?x12xf32>, tensor<4x12xbf16>) -> tensor<?x4xf32>
      %wv = qz.param "model.layers.0.self_attn.v_proj.weight" : tensor<4x12xbf16>
      %v = qz.linear v %n, %wv : (tensor<?x12xf32>, tensor<4x12xbf16>) -> tensor<?x4xf32>
      %qr = qz.rope %q, #rope heads 3 : tensor<?x12xf32>
      %kr = qz.rope %k, #rope heads 1 : tensor<?x4xf32>
      %a = qz.attention %qr, %kr, %v heads 3 kv_heads 1 scale 0.5 : (tensor<?x12xf32>, tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x12xf32>
      %wo = qz.param "model.layers.0.self_attn.o_proj.weight" : tensor<12x12xbf16>
      %o = qz.linear o %a, %wo : (tensor<?x12xf32>, tensor<12x12xbf16>) -> tensor<?x12xf32>
      %h = qz.add %x, %o : tensor<?x12xf32>
      %gm_in = qz.param "model.layers.0.post_attention_layernorm.weight" : tensor<12xbf16>
      %m_in = qz.rms_norm %h, %gm_in eps 1.0e-05 : tensor<?x12xf32>, tensor<12xbf16>
      %wgate = qz.param "model.layers.0.mlp.gate_proj.weight" : tensor<10x12xbf16>
      %bgate = qz.param "model.layers.0.mlp.gate_proj.bias" : tensor<10xbf16>
      %gate = qz.linear gate %m_in, %wgate bias %bgate : (tensor<?x12xf32>, tensor<10x12xbf16>, tensor<10xbf16>) -> tensor<?x10xf32>
      %wup = qz.param "model.layers.0.mlp.up_proj.weight" : tensor<10x12xbf16>
      %bup = qz.param "model.layers.0.mlp.up_proj.bias" : tensor<10xbf16>
      %up = qz.linear up %m_in, %wup bias %bup : (tensor<?x12xf32>, tensor<10x12xbf16>, tensor<10xbf16>) -> tensor<?x10xf32>
      %act = qz.activate silu %gate : tensor<?x10xf32>
      %m = qz.mul %act, %up : tensor<?x10xf32>
      %wdown = qz.param "model.layers.0.mlp.down_proj.weight" : tensor<12x10xbf16>
      %bdown = qz.param "model.layers.0.mlp.down_proj.bias" : tensor<12xbf16>
      %down = qz.linear down %m, %wdown bias %bdown : (tensor<?x10xf32>, tensor<12x10xbf16>, tensor<12xbf16>) -> tensor<?x12xf32>
      %y = qz.add %h, %down : tensor<?x12xf32>
      qz.yield %y : tensor<?x12xf32>
    }
    %gnf = qz.param "model.norm.weight" : tensor<12xbf16>
    %nf = qz.rms_norm %x1, %gnf eps 1.0e-05 : tensor<?x12xf32>, tensor<12xbf16>
    %logits = qz.linear head %nf, %embed : (tensor<?x12xf32>, tensor<20x12xbf16>) -> tensor<?x20xf32>
    qz.return %logits : tensor<?x20xf32>
  }
}
