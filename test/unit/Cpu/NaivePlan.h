//===- NaivePlan.h - A plan by plain loops in double ------------*- C++ -*-===//
//
// The reference of the engine tests, written from Manifest.h and Opcodes.def
// alone: all tokens at once, no cache, no blocking.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_TEST_UNIT_CPU_NAIVEPLAN_H
#define QZC_TEST_UNIT_CPU_NAIVEPLAN_H

#include "FakeImage.h"

#include <algorithm>

namespace qzc::runtime::test {

inline double naiveActivation(format::Activation activation, double x) {
  switch (activation) {
  case format::Activation::None:
    return x;
  case format::Activation::Relu:
    return std::max(x, 0.0);
  case format::Activation::Silu:
    return x / (1 + std::exp(-x));
  case format::Activation::Gelu:
    return 0.5 * x * (1 + std::erf(x / std::sqrt(2.0)));
  case format::Activation::GeluTanh:
    return 0.5 * x *
           (1 + std::tanh(std::sqrt(2 / 3.14159265358979323846) *
                          (x + 0.044715 * x * x * x)));
  }
  return 0;
}

class NaivePlan {
public:
  NaivePlan(const FakeImage &image, std::vector<int32_t> tokens)
      : Image(image), Plan(image.manifest().plan), Tokens(std::move(tokens)) {
    allocate(Body, Plan.buffers);
    allocate(Head, Plan.headBuffers);
    for (const format::Launch &launch : Plan.body)
      run(launch, Body);
    for (const format::Launch &launch : Plan.head)
      run(launch, Head);
  }

  double logit(size_t token, int64_t id) const {
    return Head[Plan.logits.buffer].at(token, Plan.logits.column + id);
  }

private:
  struct Matrix {
    int64_t columns = 0;
    std::vector<double> values;
    double &at(size_t row, int64_t column) {
      return values[row * columns + column];
    }
    double at(size_t row, int64_t column) const {
      return values[row * columns + column];
    }
  };
  using Arena = std::vector<Matrix>;
  /// A view's element, by token and column.
  struct Access {
    Matrix *matrix;
    int64_t first;
    double &operator()(size_t token, int64_t column) const {
      return matrix->at(token, first + column);
    }
  };

  void allocate(Arena &arena, const std::vector<format::Buffer> &buffers) {
    for (const format::Buffer &buffer : buffers)
      arena.push_back({buffer.columns,
                       std::vector<double>(Tokens.size() * buffer.columns)});
  }

  Access access(const format::View &view, Arena &arena) {
    if (view.buffer == format::kHiddenBuffer)
      return {&Body[Plan.hidden.buffer], Plan.hidden.column + view.column};
    return {&arena[view.buffer], view.column};
  }

  const std::vector<float> &values(const format::Launch &launch, size_t i) {
    return Image.weight(launch.weights[i]).values;
  }

  void run(const format::Launch &launch, Arena &arena) {
    const format::View &outView = launch.outputs[0];
    const Access out = access(outView, arena);
    std::vector<Access> in;
    for (const format::View &view : launch.inputs)
      in.push_back(access(view, arena));
    const int64_t n = outView.columns;
    if (launch.opcode == format::Opcode::Attention)
      return attend(launch, in, out);
    for (size_t t = 0; t != Tokens.size(); ++t) {
      switch (launch.opcode) {
      case format::Opcode::Embed:
        for (int64_t c = 0; c < n; ++c)
          out(t, c) = values(launch, 0)[Tokens[t] * n + c];
        break;
      case format::Opcode::AddPositions: {
        const auto row =
            static_cast<int64_t>(t) +
            std::get<format::AddPositionsParams>(launch.params).offset;
        for (int64_t c = 0; c < n; ++c)
          out(t, c) = in[0](t, c) + values(launch, 0)[row * n + c];
        break;
      }
      case format::Opcode::RmsNorm:
      case format::Opcode::LayerNorm:
        normalize(launch, in[0], out, t, n);
        break;
      case format::Opcode::Linear:
        multiply(launch, in, out, t);
        break;
      case format::Opcode::Attention:
        break;
      default:
        for (int64_t c = 0; c < n; ++c)
          out(t, c) = elementwise(launch, in, t, c);
      }
    }
  }

  static double elementwise(const format::Launch &launch,
                            const std::vector<Access> &in, size_t t,
                            int64_t c) {
    const double x = in[0](t, c);
    const double value = format::scalarOf(launch.params);
    switch (launch.opcode) {
    case format::Opcode::Activate:
      return naiveActivation(
          std::get<format::ActivateParams>(launch.params).activation, x);
    case format::Opcode::Add:
      return x + in[1](t, c);
    case format::Opcode::Mul:
      return x * in[1](t, c);
    case format::Opcode::Scale:
      return x * value;
    case format::Opcode::Clamp:
      return std::min(std::max(x, -value), value);
    default:
      return value * std::tanh(x / value);
    }
  }

  void normalize(const format::Launch &launch, const Access &in,
                 const Access &out, size_t t, int64_t columns) {
    const int64_t heads = std::get<format::NormParams>(launch.params).heads;
    const int64_t n = columns / heads;
    for (int64_t head = 0; head < heads; ++head)
      normalizeHead(launch, in, out, t, head * n, n);
  }

  /// Columns [first, first + n).
  void normalizeHead(const format::Launch &launch, const Access &in,
                     const Access &out, size_t t, int64_t first, int64_t n) {
    const auto &params = std::get<format::NormParams>(launch.params);
    const auto count = static_cast<double>(n);
    double mean = 0;
    if (launch.opcode == format::Opcode::LayerNorm)
      for (int64_t c = first; c < first + n; ++c)
        mean += in(t, c) / count;
    double square = 0;
    for (int64_t c = first; c < first + n; ++c)
      square += (in(t, c) - mean) * (in(t, c) - mean) / count;
    for (int64_t c = first; c < first + n; ++c) {
      double y = (in(t, c) - mean) / std::sqrt(square + params.epsilon);
      if (!launch.weights.empty())
        y *= values(launch, 0)[c - first] + (params.unitOffset ? 1.0 : 0.0);
      if (launch.weights.size() > 1)
        y += values(launch, 1)[c - first];
      out(t, c) = y;
    }
  }

  void multiply(const format::Launch &launch, const std::vector<Access> &in,
                const Access &out, size_t t) {
    const auto &params = std::get<format::LinearParams>(launch.params);
    const int64_t cols = launch.inputs[0].columns;
    std::vector<std::vector<double>> y(params.parts);
    for (int64_t part = 0; part < params.parts; ++part) {
      const std::vector<float> &weight = values(launch, part);
      const format::RowView view =
          params.rowsOf(part, static_cast<int64_t>(weight.size()) / cols);
      for (int64_t row = 0; row < view.rows; ++row) {
        double sum =
            params.hasBias ? values(launch, params.parts + part)[row] : 0.0;
        for (int64_t c = 0; c < cols; ++c)
          sum += weight[view.stored(row) * cols + c] * in[0](t, c);
        y[part].push_back(sum);
      }
    }
    std::vector<double> result;
    if (params.gated)
      for (size_t i = 0; i != y[0].size(); ++i)
        result.push_back(naiveActivation(params.activation, y[0][i]) * y[1][i]);
    else
      for (const std::vector<double> &part : y)
        for (double value : part)
          result.push_back(naiveActivation(params.activation, value));
    for (size_t i = 0; i != result.size(); ++i)
      out(t, static_cast<int64_t>(i)) =
          result[i] + (in.size() > 1 ? in[1](t, static_cast<int64_t>(i)) : 0.0);
  }

  std::vector<double> rotated(const format::AttentionParams &params,
                              const Access &in, size_t t, int64_t head) {
    std::vector<double> x(params.headDim);
    for (int64_t i = 0; i < params.headDim; ++i)
      x[i] = in(t, head * params.headDim + i);
    if (!params.rope)
      return x;
    const format::Rope &rope = Plan.ropes[*params.rope];
    for (int64_t i = 0; i < rope.dim / 2; ++i) {
      const int64_t a = rope.interleaved ? 2 * i : i;
      const int64_t b = rope.interleaved ? 2 * i + 1 : i + rope.dim / 2;
      // The one f32 operation that the definition asks for.
      const float rounded = static_cast<float>(t) * rope.inverseFrequencies[i];
      const double angle = rounded;
      const double cos = std::cos(angle) * rope.magnitude;
      const double sin = std::sin(angle) * rope.magnitude;
      const double first = x[a];
      x[a] = first * cos - x[b] * sin;
      x[b] = x[b] * cos + first * sin;
    }
    return x;
  }

  /// ALiBi's: 2^(-alibi·i/n) for the first n heads, a power of two, and of the
  /// odd i of twice as many for the rest.
  static double slope(const format::AttentionParams &params, int64_t head) {
    const double power =
        std::exp2(std::floor(std::log2(static_cast<double>(params.heads))));
    const auto at = static_cast<double>(head);
    const double turns = at < power ? 2 * at + 2 : 2 * (at - power) + 1;
    return std::exp2(-params.alibi * turns / (2 * power));
  }

  void attend(const format::Launch &launch, const std::vector<Access> &in,
              const Access &out) {
    const auto &params = std::get<format::AttentionParams>(launch.params);
    for (int64_t head = 0; head < params.heads; ++head) {
      const int64_t kvHead = head / (params.heads / params.kvHeads);
      std::vector<std::vector<double>> keys;
      for (size_t t = 0; t != Tokens.size(); ++t) {
        keys.push_back(rotated(params, in[1], t, kvHead));
        const std::vector<double> query = rotated(params, in[0], t, head);
        size_t from = 0;
        if (params.window != 0 && t + 1 > static_cast<size_t>(params.window))
          from = t + 1 - params.window;
        std::vector<double> weights(params.headDim);
        double total = 0;
        for (size_t key = from; key <= t; ++key) {
          double score = 0;
          for (int64_t i = 0; i < params.headDim; ++i)
            score += query[i] * keys[key][i];
          score *= params.scale;
          if (params.softCap != 0)
            score = params.softCap * std::tanh(score / params.softCap);
          if (params.alibi != 0)
            score -= slope(params, head) * static_cast<double>(t - key);
          const double p = std::exp(score);
          total += p;
          for (int64_t i = 0; i < params.headDim; ++i)
            weights[i] += p * in[2](key, kvHead * params.headDim + i);
        }
        for (int64_t i = 0; i < params.headDim; ++i)
          out(t, head * params.headDim + i) = weights[i] / total;
      }
    }
  }

  const FakeImage &Image;
  const format::Plan &Plan;
  std::vector<int32_t> Tokens;
  Arena Body;
  Arena Head;
};

} // namespace qzc::runtime::test

#endif // QZC_TEST_UNIT_CPU_NAIVEPLAN_H
