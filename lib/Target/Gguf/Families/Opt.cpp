//===- Opt.cpp - OPT as a GGUF --------------------------------------------===//
//
// llama.cpp has no such architecture: names follow its habits, `qz-import`
// reads them.
//
//===----------------------------------------------------------------------===//

#include "../Family.h"

namespace qzc::gguf {

/// Positions count from this row of the table on.
static constexpr int64_t kFirstPosition = 2;

/// Whether norms stand in front of attention and feed-forward: a block then
/// ends with a residual addition, else with a norm.
static bool normsComeFirst(const Graph &graph) {
  return graph.uniform<qz::YieldOp>("norms' places", [](qz::YieldOp op) {
    return !op.getOutput().getDefiningOp<qz::LayerNormOp>();
  });
}

/// The activation as config.json names it.
static std::string activationName(const Graph &graph) {
  switch (graph.activation()) {
  case qz::Activation::None:
    graph.refuse("feed-forward without activation");
  case qz::Activation::Relu:
    return "relu";
  case qz::Activation::Silu:
    return "silu";
  case qz::Activation::Gelu:
    return "gelu";
  case qz::Activation::GeluTanh:
    return "gelu_new";
  }
  return "";
}

static void describe(const Graph &graph, Plan &plan) {
  graph.allowOnly({"embed", "add_positions", "layer_norm", "linear",
                   "attention", "add", "activate"});
  const Graph::Heads heads = graph.plainAttention();
  if (heads.count != heads.keyValue)
    graph.refuse("key-value heads of its own number");
  const auto rows = graph.uniform<qz::AddPositionsOp>(
      "position embeddings", [&](qz::AddPositionsOp op) {
        if (op.getOffset() != kFirstPosition)
          graph.refuse("positions from another row than 2 on");
        return op.getTable().getType().getDimSize(0);
      });
  if (rows != graph.model().getContext() + kFirstPosition)
    graph.refuse("position embeddings beyond the context");

  qz::ModelOp model = graph.model();
  const auto add = [&](const char *key, Value value) {
    plan.metadata.emplace_back(std::string("opt.") + key, std::move(value));
  };
  const auto count = [](int64_t value) { return static_cast<uint32_t>(value); };
  add("context_length", count(model.getContext()));
  add("embedding_length", count(model.getHidden()));
  add("block_count", count(model.getLayers()));
  add("feed_forward_length", count(graph.feedForward()));
  add("attention.head_count", count(heads.count));
  add("attention.layer_norm_epsilon",
      static_cast<float>(graph.layerNormEpsilon()));
  add("do_layer_norm_before", normsComeFirst(graph));
  add("activation_function", activationName(graph));
}

const Family kOpt = {
    "opt",
    "opt",
    /*stock=*/false,
    /*interleaves=*/false,
    {
        {"decoder.embed_tokens", "token_embd", "embed"},
        {"decoder.embed_positions", "position_embd", "position"},
        {"decoder.project_in", "token_embd_proj", "proj", /*optional=*/true},
        {"decoder.project_out", "output_proj", "proj", /*optional=*/true},
        {"decoder.final_layer_norm", "output_norm", "norm", /*optional=*/true},
        {"lm_head", "output", "head", /*optional=*/true},
        {"layers.#.self_attn_layer_norm", "blk.#.attn_norm", "norm",
         /*optional=*/true},
        {"layers.#.self_attn.q_proj", "blk.#.attn_q", "q"},
        {"layers.#.self_attn.k_proj", "blk.#.attn_k", "k"},
        {"layers.#.self_attn.v_proj", "blk.#.attn_v", "v"},
        {"layers.#.self_attn.out_proj", "blk.#.attn_output", "o"},
        {"layers.#.final_layer_norm", "blk.#.ffn_norm", "norm",
         /*optional=*/true},
        {"layers.#.fc1", "blk.#.ffn_up", "up"},
        {"layers.#.fc2", "blk.#.ffn_down", "down"},
    },
    describe};

} // namespace qzc::gguf
