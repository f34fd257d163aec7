//===- Gpt2.cpp - GPT-2 as a GGUF -----------------------------------------===//

#include "../Family.h"

namespace qzc::gguf {

static void describe(const Graph &graph, Plan &plan) {
  graph.allowOnly({"embed", "add_positions", "layer_norm", "linear",
                   "attention", "add", "activate"});
  if (graph.activation() != qz::Activation::GeluTanh)
    graph.refuse("activation but GELU's tanh form");
  const Graph::Heads heads = graph.plainAttention();
  if (heads.count != heads.keyValue)
    graph.refuse("key-value heads of its own number");
  const auto positions = graph.uniform<qz::AddPositionsOp>(
      "position embeddings", [](qz::AddPositionsOp op) {
        return op.getTable().getType().getDimSize(0) - op.getOffset();
      });
  if (positions != graph.model().getContext())
    graph.refuse("position embeddings beyond the context");

  qz::ModelOp model = graph.model();
  const auto add = [&](const char *key, int64_t value) {
    plan.metadata.emplace_back(std::string("gpt2.") + key,
                               static_cast<uint32_t>(value));
  };
  add("context_length", model.getContext());
  add("embedding_length", model.getHidden());
  add("block_count", model.getLayers());
  add("feed_forward_length", graph.feedForward());
  add("attention.head_count", heads.count);
  plan.metadata.emplace_back("gpt2.attention.layer_norm_epsilon",
                             static_cast<float>(graph.layerNormEpsilon()));
}

const Family kGpt2 = {"gpt2",
                      "gpt2",
                      /*stock=*/true,
                      /*interleaves=*/false,
                      {
                          {"wte", "token_embd", "embed"},
                          {"wpe", "position_embd", "position"},
                          {"ln_f", "output_norm", "norm"},
                          {"lm_head", "output", "head", /*optional=*/true},
                          {"h.#.ln_1", "blk.#.attn_norm", "norm"},
                          {"h.#.attn.c_attn", "blk.#.attn_qkv", "q k v"},
                          {"h.#.attn.c_proj", "blk.#.attn_output", "o"},
                          {"h.#.ln_2", "blk.#.ffn_norm", "norm"},
                          {"h.#.mlp.c_fc", "blk.#.ffn_up", "up"},
                          {"h.#.mlp.c_proj", "blk.#.ffn_down", "down"},
                      },
                      describe};

} // namespace qzc::gguf
