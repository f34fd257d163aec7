//===- Reference.cpp - A plan executed naively, in f64 --------------------===//

#include "Reference.h"

#include "Weights.h"

#include "qzc/Format/Schemes/Dense.h"

#include <algorithm>
#include <cmath>

using namespace qzc;
using namespace qzc::kernel_test;
using namespace qzc::format;

static double activate(Activation activation, double x) {
  switch (activation) {
  case Activation::None:
    return x;
  case Activation::Relu:
    return std::max(x, 0.0);
  case Activation::Silu:
    return x / (1 + std::exp(-x));
  case Activation::Gelu:
    return 0.5 * x * (1 + std::erf(x / std::sqrt(2.0)));
  case Activation::GeluTanh:
    return 0.5 * x *
           (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
  }
  return x;
}

namespace {
class Executor {
public:
  Executor(const Model &model, const std::vector<int32_t> &tokens,
           runtime::CacheType cache)
      : M(model), P(model.manifest.plan), Tokens(tokens), Cache(cache),
        T(int64_t(tokens.size())) {}

  std::vector<double> run() {
    allocate(Body, P.buffers);
    allocate(Head, P.headBuffers);
    for (const Launch &launch : P.body)
      execute(launch, false);
    for (const Launch &launch : P.head)
      execute(launch, true);
    std::vector<double> logits;
    for (int64_t t = 0; t < T; ++t)
      for (int64_t i = 0; i < P.logits.columns; ++i)
        logits.push_back(at(P.logits, true, t)[i]);
    return logits;
  }

private:
  using Buffers = std::vector<std::vector<double>>;

  void allocate(Buffers &buffers, const std::vector<Buffer> &plan) const {
    for (const Buffer &buffer : plan)
      buffers.emplace_back(size_t(buffer.columns * T));
  }

  double *at(View view, bool head, int64_t t) {
    if (view.buffer == kHiddenBuffer) {
      const int64_t column = view.column;
      view = P.hidden;
      view.column += column;
      head = false;
    }
    const auto index = size_t(view.buffer);
    const int64_t stride = (head ? P.headBuffers : P.buffers)[index].columns;
    return (head ? Head : Body)[index].data() + t * stride + view.column;
  }

  double weight(int32_t tensor, int64_t row, int64_t col) const {
    return decodeElement(M, tensor, row, col);
  }

  void norm(const Launch &l, const double *in, double *out) const {
    const auto &p = std::get<NormParams>(l.params);
    const int64_t n = l.outputs[0].columns / p.heads;
    for (int64_t head = 0; head < p.heads; ++head)
      normHead(l, in + head * n, n, out + head * n);
  }

  void normHead(const Launch &l, const double *in, int64_t n,
                double *out) const {
    const auto &p = std::get<NormParams>(l.params);
    double mean = 0;
    if (l.opcode == Opcode::LayerNorm) {
      for (int64_t i = 0; i < n; ++i)
        mean += in[i];
      mean /= double(n);
    }
    double square = 0;
    for (int64_t i = 0; i < n; ++i)
      square += (in[i] - mean) * (in[i] - mean);
    const double factor = 1 / std::sqrt(square / double(n) + p.epsilon);
    for (int64_t i = 0; i < n; ++i) {
      double y = (in[i] - mean) * factor;
      if (!l.weights.empty())
        y *= weight(l.weights[0], 0, i) + (p.unitOffset ? 1 : 0);
      if (l.weights.size() > 1)
        y += weight(l.weights[1], 0, i);
      out[i] = y;
    }
  }

  void linear(const Launch &l, bool head) {
    const auto &p = std::get<LinearParams>(l.params);
    std::vector<double> result(size_t(T * l.outputs[0].columns));
    int64_t column = 0;
    for (int64_t part = 0; part < p.parts; ++part) {
      const PackedShape &shape =
          M.manifest.tensors[size_t(l.weights[size_t(part)])].shape;
      const RowView view = p.rowsOf(size_t(part), shape.rows);
      std::vector<double> row(size_t(shape.cols));
      for (int64_t n = 0; n < view.rows; ++n) {
        for (int64_t k = 0; k < shape.cols; ++k)
          row[size_t(k)] = weight(l.weights[size_t(part)], view.stored(n), k);
        for (int64_t t = 0; t < T; ++t) {
          const double *in = at(l.inputs[0], head, t);
          double sum =
              p.hasBias ? weight(l.weights[size_t(p.parts + part)], 0, n) : 0;
          for (int64_t k = 0; k < shape.cols; ++k)
            sum += in[k] * row[size_t(k)];
          double &y = result[size_t(t * l.outputs[0].columns +
                                    (p.gated ? n : column + n))];
          if (p.gated && part == 1)
            y *= sum;
          else
            y = activate(p.activation, sum);
        }
      }
      column += view.rows;
    }
    for (int64_t t = 0; t < T; ++t)
      for (int64_t i = 0; i < l.outputs[0].columns; ++i) {
        double y = result[size_t(t * l.outputs[0].columns + i)];
        if (l.inputs.size() > 1)
          y += at(l.inputs[1], head, t)[i];
        at(l.outputs[0], head, t)[i] = y;
      }
  }

  std::vector<double> rotated(const AttentionParams &p, const double *in,
                              int64_t position) const {
    std::vector<double> out(in, in + p.headDim);
    if (!p.rope)
      return out;
    const Rope &rope = P.ropes[size_t(*p.rope)];
    for (int64_t i = 0; i < rope.dim / 2; ++i) {
      const double angle =
          double(position) * rope.inverseFrequencies[size_t(i)];
      const double c = std::cos(angle) * rope.magnitude;
      const double s = std::sin(angle) * rope.magnitude;
      const int64_t a = rope.interleaved ? 2 * i : i;
      const int64_t b = rope.interleaved ? 2 * i + 1 : i + rope.dim / 2;
      out[size_t(a)] = in[a] * c - in[b] * s;
      out[size_t(b)] = in[b] * c + in[a] * s;
    }
    return out;
  }

  static double slope(const AttentionParams &p, int64_t head) {
    const auto power =
        int64_t(std::exp2(std::floor(std::log2(double(p.heads)))));
    const double step = std::exp2(-p.alibi / double(2 * power));
    return std::pow(
        step, double(head < power ? 2 * head + 2 : 2 * (head - power) + 1));
  }

  /// What the cache makes of a head's key or value.
  std::vector<double> cached(std::vector<double> head) const {
    if (Cache != runtime::CacheType::Q8)
      return head;
    double absmax = 0;
    for (double v : head)
      absmax = std::max(absmax, std::fabs(v));
    // An f16 from the 127th up, or at most half a unit below it.
    double scale = dense::fromF16(dense::toF16(float(absmax / 127)));
    if (scale * 127 < absmax)
      scale = dense::fromF16(uint16_t(dense::toF16(float(scale)) + 1));
    for (double &v : head)
      v = scale > 0 ? std::nearbyint(v / scale) * scale : 0;
    return head;
  }

  void attention(const Launch &l) {
    const auto &p = std::get<AttentionParams>(l.params);
    for (int64_t head = 0; head < p.heads; ++head) {
      const int64_t kvHead = head / (p.heads / p.kvHeads);
      std::vector<std::vector<double>> keys;
      std::vector<std::vector<double>> values;
      for (int64_t t = 0; t < T; ++t) {
        keys.push_back(cached(
            rotated(p, at(l.inputs[1], false, t) + kvHead * p.headDim, t)));
        const double *value = at(l.inputs[2], false, t) + kvHead * p.headDim;
        values.push_back(cached({value, value + p.headDim}));
        const std::vector<double> q =
            rotated(p, at(l.inputs[0], false, t) + head * p.headDim, t);
        const int64_t begin =
            p.window > 0 ? std::max<int64_t>(0, t + 1 - p.window) : 0;
        std::vector<double> scores;
        double top = -1e300;
        for (int64_t s = begin; s <= t; ++s) {
          double score = 0;
          for (int64_t d = 0; d < p.headDim; ++d)
            score += q[size_t(d)] * keys[size_t(s)][size_t(d)];
          score *= p.scale;
          if (p.softCap != 0)
            score = p.softCap * std::tanh(score / p.softCap);
          if (p.alibi != 0)
            score -= slope(p, head) * double(t - s);
          scores.push_back(score);
          top = std::max(top, score);
        }
        double total = 0;
        for (double &score : scores)
          total += score = std::exp(score - top);
        double *out = at(l.outputs[0], false, t) + head * p.headDim;
        for (int64_t d = 0; d < p.headDim; ++d) {
          double sum = 0;
          for (int64_t s = begin; s <= t; ++s)
            sum += scores[size_t(s - begin)] * values[size_t(s)][size_t(d)];
          out[d] = sum / total;
        }
      }
    }
  }

  void execute(const Launch &l, bool head) {
    if (l.opcode == Opcode::Linear)
      return linear(l, head);
    if (l.opcode == Opcode::Attention)
      return attention(l);
    for (int64_t t = 0; t < T; ++t) {
      double *out = at(l.outputs[0], head, t);
      const double *a = l.inputs.empty() ? nullptr : at(l.inputs[0], head, t);
      const double *b =
          l.inputs.size() > 1 ? at(l.inputs[1], head, t) : nullptr;
      if (l.opcode == Opcode::RmsNorm || l.opcode == Opcode::LayerNorm) {
        norm(l, a, out);
        continue;
      }
      const double value = scalarOf(l.params);
      for (int64_t i = 0; i < l.outputs[0].columns; ++i) {
        switch (l.opcode) {
        case Opcode::Embed:
          out[i] = weight(l.weights[0], Tokens[size_t(t)], i);
          break;
        case Opcode::AddPositions:
          out[i] = a[i] +
                   weight(l.weights[0],
                          t + std::get<AddPositionsParams>(l.params).offset, i);
          break;
        case Opcode::Activate:
          out[i] =
              activate(std::get<ActivateParams>(l.params).activation, a[i]);
          break;
        case Opcode::Add:
          out[i] = a[i] + b[i];
          break;
        case Opcode::Mul:
          out[i] = a[i] * b[i];
          break;
        case Opcode::Scale:
          out[i] = a[i] * value;
          break;
        case Opcode::Clamp:
          out[i] = std::min(std::max(a[i], -value), value);
          break;
        default:
          out[i] = value * std::tanh(a[i] / value);
          break;
        }
      }
    }
  }

  const Model &M;
  const Plan &P;
  const std::vector<int32_t> &Tokens;
  runtime::CacheType Cache;
  int64_t T;
  Buffers Body;
  Buffers Head;
};
} // namespace

std::vector<double>
qzc::kernel_test::referenceLogits(const Model &model,
                                  const std::vector<int32_t> &tokens,
                                  runtime::CacheType cache) {
  return Executor(model, tokens, cache).run();
}
