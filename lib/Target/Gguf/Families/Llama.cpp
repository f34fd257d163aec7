//===- Llama.cpp - Llama as a GGUF ----------------------------------------===//

#include "../Family.h"

#include <cmath>

namespace qzc::gguf {

/// What llama.cpp divides Llama 3's frequencies by: scaled ones are plain ones
/// divided by 1 (short wavelengths), `factor` (long ones) or a blend.
static std::vector<float> frequencyDivisors(qz::RopeAttr rope) {
  constexpr double kTwoPi = 6.283185307179586;
  const double theta = rope.getTheta().convertToDouble();
  const double factor = rope.getFactor().convertToDouble();
  const double low = rope.getLowFreqFactor().convertToDouble();
  const double high = rope.getHighFreqFactor().convertToDouble();
  const auto context = static_cast<double>(rope.getOriginalContext());
  const auto dim = static_cast<double>(rope.getDim());
  std::vector<float> divisors;
  for (int64_t i = 0; i < rope.getDim(); i += 2) {
    const double turns =
        context / (kTwoPi * std::pow(theta, static_cast<double>(i) / dim));
    const double smooth = (turns - low) / (high - low);
    const double divisor = turns < low ? factor
                           : turns > high
                               ? 1
                               : 1 / ((1 - smooth) / factor + smooth);
    divisors.push_back(static_cast<float>(divisor));
  }
  return divisors;
}

/// Scalings that keys express, and Llama 3's, which is a tensor. Its parameters
/// cannot be told from the tensor: keys of our own keep them.
static void describeScaling(const Graph &graph, qz::RopeAttr rope, Plan &plan) {
  Metadata &out = plan.metadata;
  const auto number = [](const llvm::APFloat &value) {
    return static_cast<float>(value.convertToDouble());
  };
  switch (rope.getScaling()) {
  case qz::RopeScaling::None:
    return;
  case qz::RopeScaling::Linear:
    out.emplace_back("llama.rope.scaling.type", std::string("linear"));
    out.emplace_back("llama.rope.scaling.factor", number(rope.getFactor()));
    return;
  case qz::RopeScaling::Dynamic:
  case qz::RopeScaling::Explicit:
    graph.refuse("rotary embedding but plain, linear and llama3");
  case qz::RopeScaling::Llama3:
    Tensor divisors;
    divisors.info.name = "rope_freqs.weight";
    divisors.info.shape = {rope.getDim() / 2};
    divisors.values = frequencyDivisors(rope);
    plan.tensors.push_back(std::move(divisors));
    out.emplace_back("qzc.rope.factor", number(rope.getFactor()));
    out.emplace_back("qzc.rope.low_freq_factor",
                     number(rope.getLowFreqFactor()));
    out.emplace_back("qzc.rope.high_freq_factor",
                     number(rope.getHighFreqFactor()));
    out.emplace_back("qzc.rope.original_context",
                     static_cast<uint32_t>(rope.getOriginalContext()));
    return;
  }
}

static void describe(const Graph &graph, Plan &plan) {
  graph.allowOnly({"embed", "rms_norm", "linear", "rope", "attention", "add",
                   "activate", "mul"});
  if (graph.activation() != qz::Activation::Silu)
    graph.refuse("activation but SiLU");
  const Graph::Heads heads = graph.plainAttention();
  const auto rope = graph.uniform<qz::RopeOp>(
      "rotary embeddings", [](qz::RopeOp op) { return op.getRope(); });
  if (rope.getDim() != heads.dim)
    graph.refuse("rotary embedding of a part of each head");

  qz::ModelOp model = graph.model();
  const auto add = [&](const char *key, int64_t value) {
    plan.metadata.emplace_back(std::string("llama.") + key,
                               static_cast<uint32_t>(value));
  };
  add("vocab_size", model.getVocab());
  add("context_length", model.getContext());
  add("embedding_length", model.getHidden());
  add("block_count", model.getLayers());
  add("feed_forward_length", graph.feedForward());
  add("attention.head_count", heads.count);
  add("attention.head_count_kv", heads.keyValue);
  add("attention.key_length", heads.dim);
  add("attention.value_length", heads.dim);
  add("rope.dimension_count", rope.getDim());
  plan.metadata.emplace_back(
      "llama.rope.freq_base",
      static_cast<float>(rope.getTheta().convertToDouble()));
  plan.metadata.emplace_back("llama.attention.layer_norm_rms_epsilon",
                             static_cast<float>(graph.rmsNormEpsilon()));
  describeScaling(graph, rope, plan);
}

const Family kLlama = {
    "llama",
    "llama",
    /*stock=*/true,
    /*interleaves=*/true,
    {
        {"embed_tokens", "token_embd", "embed"},
        {"norm", "output_norm", "norm"},
        {"lm_head", "output", "head", /*optional=*/true},
        {"layers.#.input_layernorm", "blk.#.attn_norm", "norm"},
        {"layers.#.self_attn.q_proj", "blk.#.attn_q", "q"},
        {"layers.#.self_attn.k_proj", "blk.#.attn_k", "k"},
        {"layers.#.self_attn.v_proj", "blk.#.attn_v", "v"},
        {"layers.#.self_attn.o_proj", "blk.#.attn_output", "o"},
        {"layers.#.post_attention_layernorm", "blk.#.ffn_norm", "norm"},
        {"layers.#.mlp.gate_proj", "blk.#.ffn_gate", "gate"},
        {"layers.#.mlp.up_proj", "blk.#.ffn_up", "up"},
        {"layers.#.mlp.down_proj", "blk.#.ffn_down", "down"},
    },
    describe};

} // namespace qzc::gguf
