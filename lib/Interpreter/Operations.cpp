//===- Operations.cpp - One function for each operation of qz -------------===//

#include "Operations.h"

#include <algorithm>
#include <cmath>

namespace qzc::interpreter {

/// f of every element in f64, rounded.
template <typename Function>
static Matrix map(const Matrix &input, Function function) {
  Matrix out(input.rows, input.cols);
  for (size_t i = 0; i < input.values.size(); ++i)
    out.values[i] = static_cast<float>(function(double{input.values[i]}));
  return out;
}

template <typename Function>
static Matrix zip(const Matrix &lhs, const Matrix &rhs, Function function) {
  Matrix out(lhs.rows, lhs.cols);
  for (size_t i = 0; i < lhs.values.size(); ++i)
    out.values[i] = static_cast<float>(
        function(double{lhs.values[i]}, double{rhs.values[i]}));
  return out;
}

//===----------------------------------------------------------------------===//
// Embeddings and norms
//===----------------------------------------------------------------------===//

Matrix embed(const std::vector<int32_t> &tokens, const Matrix &table) {
  Matrix out(static_cast<int64_t>(tokens.size()), table.cols);
  for (int64_t t = 0; t < out.rows; ++t)
    std::copy_n(table.row(tokens[static_cast<size_t>(t)]), table.cols,
                out.row(t));
  return out;
}

Matrix addPositions(const Matrix &input, const Matrix &table, int64_t offset) {
  Matrix out = input;
  for (int64_t t = 0; t < out.rows; ++t)
    for (int64_t i = 0; i < out.cols; ++i)
      out.row(t)[i] += table.row(t + offset)[i];
  return out;
}

Matrix rmsNorm(const Matrix &input, const Matrix *weight, bool unitOffset,
               double epsilon) {
  Matrix out(input.rows, input.cols);
  for (int64_t t = 0; t < input.rows; ++t) {
    const float *x = input.row(t);
    double squares = 0;
    for (int64_t i = 0; i < input.cols; ++i)
      squares += double{x[i]} * x[i];
    const double root =
        std::sqrt(squares / static_cast<double>(input.cols) + epsilon);
    for (int64_t i = 0; i < input.cols; ++i) {
      double factor = weight ? double{weight->values[i]} : 1.0;
      if (unitOffset)
        factor += 1.0;
      out.row(t)[i] = static_cast<float>(x[i] / root * factor);
    }
  }
  return out;
}

Matrix layerNorm(const Matrix &input, const Matrix *weight, const Matrix *bias,
                 double epsilon) {
  Matrix out(input.rows, input.cols);
  const auto count = static_cast<double>(input.cols);
  for (int64_t t = 0; t < input.rows; ++t) {
    const float *x = input.row(t);
    double sum = 0;
    for (int64_t i = 0; i < input.cols; ++i)
      sum += x[i];
    const double mean = sum / count;
    double squares = 0;
    for (int64_t i = 0; i < input.cols; ++i)
      squares += (x[i] - mean) * (x[i] - mean);
    const double deviation = std::sqrt(squares / count + epsilon);
    for (int64_t i = 0; i < input.cols; ++i) {
      const double factor = weight ? double{weight->values[i]} : 1.0;
      const double shift = bias ? double{bias->values[i]} : 0.0;
      out.row(t)[i] =
          static_cast<float>((x[i] - mean) / deviation * factor + shift);
    }
  }
  return out;
}

//===----------------------------------------------------------------------===//
// Linear layers
//===----------------------------------------------------------------------===//

Matrix selectRows(const Matrix &weight,
                  const std::vector<std::pair<int64_t, int64_t>> &ranges) {
  Matrix out;
  out.cols = weight.cols;
  for (auto [low, high] : ranges) {
    out.values.insert(out.values.end(), weight.row(low), weight.row(high));
    out.rows += high - low;
  }
  return out;
}

Matrix linear(const Matrix &input, const Matrix &weight, const Matrix *bias,
              const Matrix *residual, qz::Activation activation) {
  Matrix out(input.rows, weight.rows);
  for (int64_t t = 0; t < out.rows; ++t)
    for (int64_t row = 0; row < out.cols; ++row) {
      double sum = 0;
      for (int64_t i = 0; i < input.cols; ++i)
        sum += double{input.row(t)[i]} * weight.row(row)[i];
      if (bias)
        sum += bias->values[row];
      out.row(t)[row] = static_cast<float>(sum);
    }
  out = activate(activation, out);
  return residual ? add(out, *residual) : out;
}

Matrix gatedLinear(const Matrix &input, const Matrix &gate, const Matrix &up,
                   const Matrix *gateBias, const Matrix *upBias,
                   const Matrix *residual, qz::Activation activation) {
  Matrix out = mul(linear(input, gate, gateBias, nullptr, activation),
                   linear(input, up, upBias, nullptr, qz::Activation::None));
  return residual ? add(out, *residual) : out;
}

//===----------------------------------------------------------------------===//
// Attention
//===----------------------------------------------------------------------===//

Matrix rope(const Matrix &input, qz::RopeAttr rope, int64_t heads) {
  Matrix out = input;
  const std::vector<float> frequencies =
      format::frequenciesIn(rope.toPlan(), input.rows);
  const double magnitude = rope.getMagnitude().convertToDouble();
  const int64_t headDim = input.cols / heads;
  const int64_t half = rope.getDim() / 2;
  const bool interleaved = rope.getStyle() == qz::RopeStyle::Interleaved;
  for (int64_t t = 0; t < input.rows; ++t)
    for (int64_t head = 0; head < heads; ++head)
      for (int64_t i = 0; i < half; ++i) {
        const int64_t first = head * headDim + (interleaved ? 2 * i : i);
        const int64_t second = first + (interleaved ? 1 : half);
        // The angle is an f32, as in transformers' tables: at far positions
        // its rounding shows.
        const float angle = static_cast<float>(t) * frequencies[i];
        const double cosine = std::cos(double{angle}) * magnitude;
        const double sine = std::sin(double{angle}) * magnitude;
        const double x = input.row(t)[first];
        const double y = input.row(t)[second];
        out.row(t)[first] = static_cast<float>(x * cosine - y * sine);
        out.row(t)[second] = static_cast<float>(y * cosine + x * sine);
      }
  return out;
}

Matrix attention(const Matrix &query, const Matrix &key, const Matrix &value,
                 const AttentionShape &shape) {
  Matrix out(query.rows, query.cols);
  const int64_t headDim = query.cols / shape.heads;
  for (int64_t t = 0; t < query.rows; ++t)
    for (int64_t head = 0; head < shape.heads; ++head) {
      const int64_t kvHead = head / (shape.heads / shape.kvHeads);
      const int64_t begin =
          shape.window ? std::max<int64_t>(t - *shape.window + 1, 0) : 0;
      const float *q = query.row(t) + head * headDim;

      std::vector<double> weights;
      for (int64_t s = begin; s <= t; ++s) {
        const float *k = key.row(s) + kvHead * headDim;
        double score = 0;
        for (int64_t i = 0; i < headDim; ++i)
          score += double{q[i]} * k[i];
        score *= shape.scale;
        if (shape.softCap)
          score = *shape.softCap * std::tanh(score / *shape.softCap);
        if (shape.alibi)
          score -= static_cast<double>(t - s) *
                   format::alibiSlope(*shape.alibi, shape.heads, head);
        weights.push_back(score);
      }

      // Subtracting the largest score leaves the quotients as they are.
      const double largest = *std::max_element(weights.begin(), weights.end());
      double total = 0;
      for (double &weight : weights) {
        weight = std::exp(weight - largest);
        total += weight;
      }

      for (int64_t i = 0; i < headDim; ++i) {
        double sum = 0;
        for (int64_t s = begin; s <= t; ++s)
          sum += weights[s - begin] * value.row(s)[kvHead * headDim + i];
        out.row(t)[head * headDim + i] = static_cast<float>(sum / total);
      }
    }
  return out;
}

//===----------------------------------------------------------------------===//
// Elementwise
//===----------------------------------------------------------------------===//

Matrix add(const Matrix &lhs, const Matrix &rhs) {
  return zip(lhs, rhs, [](double x, double y) { return x + y; });
}

Matrix mul(const Matrix &lhs, const Matrix &rhs) {
  return zip(lhs, rhs, [](double x, double y) { return x * y; });
}

Matrix activate(qz::Activation activation, const Matrix &input) {
  switch (activation) {
  case qz::Activation::None:
    return input;
  case qz::Activation::Relu:
    return map(input, [](double x) { return std::max(x, 0.0); });
  case qz::Activation::Silu:
    return map(input, [](double x) { return x / (1.0 + std::exp(-x)); });
  case qz::Activation::Gelu:
    return map(input, [](double x) {
      return 0.5 * x * (1.0 + std::erf(x / std::sqrt(2.0)));
    });
  case qz::Activation::GeluTanh:
    return map(input, [](double x) {
      const double inner = std::sqrt(2.0 / M_PI) * (x + 0.044715 * x * x * x);
      return 0.5 * x * (1.0 + std::tanh(inner));
    });
  }
  return input;
}

Matrix scale(const Matrix &input, double factor) {
  return map(input, [&](double x) { return x * factor; });
}

Matrix clamp(const Matrix &input, double limit) {
  return map(input,
             [&](double x) { return std::min(std::max(x, -limit), limit); });
}

Matrix softCap(const Matrix &input, double cap) {
  return map(input, [&](double x) { return cap * std::tanh(x / cap); });
}

} // namespace qzc::interpreter
