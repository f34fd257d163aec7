//===- LlamaPlan.h - Plans of small random models ---------------*- C++ -*-===//

#ifndef QZC_TEST_UNIT_CPU_LLAMAPLAN_H
#define QZC_TEST_UNIT_CPU_LLAMAPLAN_H

#include "FakeImage.h"

#include <algorithm>
#include <memory>
#include <numeric>

namespace qzc::runtime::test {

struct LlamaShape {
  int64_t vocab, hidden, inner, layers, heads, kvHeads, headDim, context;
  format::PackedShape linear; ///< scheme, dtype and block of the linears
  format::PackedShape head;   ///< and of the head, which is also the embedding
  int64_t ropeDim;
  bool interleaved = false;
  int64_t window = 0;
  float attentionCap = 0;
  float alibi = 0;
  float magnitude = 1; ///< the rope's
  float logitCap = 0;
  bool bias = false;
  /// The parts of a linear are rows of one weight, in turn: q, k and v of each
  /// key-value head, a third of gate and of up.
  bool fused = false;
  bool unitOffset = false;
  format::Activation activation = format::Activation::Silu;
};

/// A llama-like plan: grouped q, k, v; gated feed-forward; residual adds done
/// in the linears; buffers laid side by side, never shared.
class LlamaPlan {
public:
  LlamaPlan(const LlamaShape &shape, uint32_t seed)
      : Shape(shape), Image(std::make_unique<FakeImage>()), Random(seed) {
    format::Manifest &manifest = Image->edit();
    manifest.model.vocab = shape.vocab;
    manifest.model.hidden = shape.hidden;
    manifest.model.layers = shape.layers;
    manifest.model.context = shape.context;
    build(manifest.plan);
  }

  std::unique_ptr<FakeImage> take() { return std::move(Image); }

private:
  using View = format::View;
  using Launch = format::Launch;

  static View buffer(std::vector<format::Buffer> &buffers, uint64_t &bytes,
                     int64_t columns) {
    const int64_t stride = (columns + 15) / 16 * 16;
    buffers.push_back({stride, bytes});
    bytes += static_cast<uint64_t>(stride) * 4;
    return {static_cast<int32_t>(buffers.size() - 1), 0, columns};
  }

  int32_t matrix(format::PackedShape kind, int64_t rows, int64_t cols) {
    kind.rows = rows;
    kind.cols = cols;
    return Image->add(Random, kind, 0.8f / std::sqrt(static_cast<float>(cols)));
  }

  int32_t vector(int64_t cols, float deviation, float mean) {
    format::PackedShape shape;
    shape.dtype = format::DType::BF16;
    shape.rows = 1;
    shape.cols = cols;
    return Image->add(Random, shape, deviation, mean);
  }

  /// Views of one weight that holds the parts in `turns` runs each.
  static std::vector<format::RowView> inTurn(const std::vector<int64_t> &rows,
                                             int64_t turns) {
    const int64_t all = std::accumulate(rows.begin(), rows.end(), int64_t{0});
    std::vector<format::RowView> views;
    int64_t first = 0;
    for (int64_t count : rows) {
      views.push_back({first, count, count / turns, all / turns});
      first += count / turns;
    }
    return views;
  }

  Launch norm(View in, View out) {
    const float mean = Shape.unitOffset ? 0 : 1;
    return {format::Opcode::RmsNorm,
            {in},
            {out},
            {vector(in.columns, 0.1f, mean)},
            format::NormParams{1e-5f, Shape.unitOffset}};
  }

  Launch linear(std::vector<View> inputs, View out, std::vector<int64_t> rows,
                format::Activation activation, bool gated) {
    Launch launch;
    launch.opcode = format::Opcode::Linear;
    format::LinearParams params;
    params.parts = static_cast<int64_t>(rows.size());
    params.gated = gated;
    params.hasBias = Shape.bias;
    params.activation = activation;
    if (Shape.fused && rows.size() > 1) {
      params.rows = inTurn(rows, gated ? 3 : Shape.kvHeads);
      const int64_t all = std::accumulate(rows.begin(), rows.end(), int64_t{0});
      launch.weights.assign(rows.size(),
                            matrix(Shape.linear, all, inputs[0].columns));
    } else {
      for (int64_t count : rows)
        launch.weights.push_back(
            matrix(Shape.linear, count, inputs[0].columns));
    }
    if (Shape.bias)
      for (int64_t count : rows)
        launch.weights.push_back(vector(count, 0.2f, 0));
    launch.params = params;
    launch.inputs = std::move(inputs);
    launch.outputs = {out};
    return launch;
  }

  void build(format::Plan &plan) {
    const LlamaShape &s = Shape;
    const int64_t qSize = s.heads * s.headDim;
    const int64_t kvSize = s.kvHeads * s.headDim;
    const auto body = [&](int64_t columns) {
      return buffer(plan.buffers, plan.bytesPerToken, columns);
    };
    const View x = body(s.hidden);
    const View y = body(s.hidden);
    const View normed = body(s.hidden);
    const View qkv = body(qSize + 2 * kvSize);
    const View attended = body(qSize);
    const View inner = body(s.inner);

    format::Rope rope;
    rope.dim = s.ropeDim;
    rope.interleaved = s.interleaved;
    rope.magnitude = s.magnitude;
    for (int64_t i = 0; i < s.ropeDim / 2; ++i)
      rope.inverseFrequencies.push_back(static_cast<float>(
          1.0 / std::pow(10000.0, 2.0 * static_cast<double>(i) /
                                      static_cast<double>(s.ropeDim))));
    plan.ropes.push_back(rope);

    const int32_t embedding = matrix(s.head, s.vocab, s.hidden);
    plan.body.push_back(
        {format::Opcode::Embed, {}, {x}, {embedding}, format::EmbedParams{}});
    for (int64_t layer = 0; layer < s.layers; ++layer) {
      plan.body.push_back(norm(x, normed));
      plan.body.push_back(linear({normed}, qkv, {qSize, kvSize, kvSize},
                                 format::Activation::None, false));
      format::AttentionParams attention;
      attention.layer = layer;
      attention.heads = s.heads;
      attention.kvHeads = s.kvHeads;
      attention.headDim = s.headDim;
      attention.scale = 1 / std::sqrt(static_cast<float>(s.headDim));
      attention.window = layer % 2 == 0 ? s.window : 0;
      attention.softCap = s.attentionCap;
      attention.alibi = s.alibi;
      attention.rope = 0;
      plan.body.push_back({format::Opcode::Attention,
                           {{qkv.buffer, 0, qSize},
                            {qkv.buffer, qSize, kvSize},
                            {qkv.buffer, qSize + kvSize, kvSize}},
                           {attended},
                           {},
                           attention});
      plan.body.push_back(linear({attended, x}, y, {s.hidden},
                                 format::Activation::None, false));
      plan.body.push_back(norm(y, normed));
      plan.body.push_back(
          linear({normed}, inner, {s.inner, s.inner}, s.activation, true));
      plan.body.push_back(
          linear({inner, y}, x, {s.hidden}, format::Activation::None, false));
    }
    plan.hidden = x;

    const auto head = [&](int64_t columns) {
      return buffer(plan.headBuffers, plan.headBytesPerToken, columns);
    };
    const View last = head(s.hidden);
    plan.logits = head(s.vocab);
    plan.head.push_back(norm({format::kHiddenBuffer, 0, s.hidden}, last));
    plan.head.push_back({format::Opcode::Linear,
                         {last},
                         {plan.logits},
                         {embedding},
                         format::LinearParams{}});
    if (s.logitCap != 0)
      plan.head.push_back({format::Opcode::SoftCap,
                           {plan.logits},
                           {plan.logits},
                           {},
                           format::SoftCapParams{s.logitCap}});
  }

  LlamaShape Shape;
  std::unique_ptr<FakeImage> Image;
  std::mt19937 Random;
};

} // namespace qzc::runtime::test

#endif // QZC_TEST_UNIT_CPU_LLAMAPLAN_H
