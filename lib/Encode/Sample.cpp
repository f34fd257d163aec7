//===- Sample.cpp - Some rows of a weight ---------------------------------===//

#include "qzc/Encode/Sample.h"

#include "Coding.h"

#include "qzc/Encode/Encoder.h"
#include "qzc/Encode/OutputError.h"
#include "qzc/Support/Error.h"

#include <algorithm>
#include <cmath>

namespace qzc::encode {

Sample sampleRows(const format::Tensor &tensor, const WeightRef &ref,
                  const WeightSources &sources, int64_t most) {
  const int64_t cols = tensor.shape.cols;
  Sample sample;
  sample.rows = std::min(most, tensor.shape.rows);
  sample.values.resize(static_cast<size_t>(sample.rows * cols));
  for (int64_t i = 0; i < sample.rows; ++i) {
    const int64_t row = i * tensor.shape.rows / sample.rows;
    sources.read(tensor.source, ref, row * cols, (row + 1) * cols,
                 sample.values.data() + i * cols);
  }
  return sample;
}

double squaresOf(const Sample &sample, const format::Tensor &tensor,
                 const InputStatistics *input) {
  double sum = 0;
  if (input)
    sum = outputSquares(*input, sample.values.data(), sample.rows);
  else
    for (const float value : sample.values)
      sum += double{value} * value;
  if (!std::isfinite(sum))
    throw Error("tensor '" + tensor.source.name +
                "': its outputs over the inputs that the statistics are of are "
                "not finite: they are damaged, calibrate again");
  return sum;
}

/// Makes values be what they are once they were stored.
static void store(const format::Tensor &tensor, const Coding &coding,
                  std::vector<float> &values) {
  const auto count = static_cast<int64_t>(values.size());
  format::PackedShape shape = format::streamedShape(tensor.shape);
  shape.rows = count / shape.cols;
  std::vector<std::byte> bytes(format::paddedBytes(shape));
  std::byte *parts[4] = {};
  size_t part = 0;
  for (const format::PartLayout &place : format::layout(shape))
    parts[part++] = bytes.data() + place.offset;
  CodingMemory memory;
  coding.encode(values.data(), count, parts, memory);
  format::decodeRows(viewOf(shape, bytes.data()), 0, shape.rows, values.data());
}

double lostSquares(const Sample &sample, const format::Tensor &tensor,
                   const format::Factors &factors, const InputStatistics *input,
                   const Feedback *feedback) {
  format::Tensor searched = tensor;
  searched.method = format::Method::Mse;
  if (feedback &&
      format::takesMethod(tensor.shape.scheme, format::Method::Gptq))
    searched.method = format::Method::Gptq;
  const Coding coding(searched, factors,
                      input ? std::optional(*input) : std::nullopt, feedback);
  const int64_t cols = tensor.shape.cols;
  const auto count = static_cast<int64_t>(sample.values.size());
  Sample lost = sample;
  if (factors.any())
    factors.apply(0, count, cols, lost.values.data());
  store(searched, coding, lost.values);
  if (factors.any())
    factors.undo(0, count, cols, lost.values.data());
  for (size_t i = 0; i < lost.values.size(); ++i)
    lost.values[i] -= sample.values[i];
  return squaresOf(lost, tensor, input);
}

} // namespace qzc::encode
