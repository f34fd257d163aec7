//===- Sensitivity.cpp - What errors of layers do to predictions ----------===//

#include "Sensitivity.h"

#include "qzc/Encode/OutputError.h"
#include "qzc/Evaluate/Comparison.h"
#include "qzc/Format/Synthetic.h"
#include "qzc/Support/Progress.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace qzc::calibrate {

using encode::InputStatistics;
using format::Launch;

/// Windows that are run, tokens of each, and those at its end whose predictions
/// are compared.
static constexpr size_t kWindows = 2;
static constexpr size_t kTokens = 128;
static constexpr int64_t kCompared = 32;
/// Rows whose outputs the noise is compared with.
static constexpr int64_t kRows = 64;
/// Of the noise, beside the root mean square of a matrix's row.
static constexpr double kDeviation = 0.1;

/// The beginnings of some windows, spread over all.
static Windows someOf(const Windows &windows) {
  Windows some;
  const size_t count = std::min(kWindows, windows.size());
  for (size_t i = 0; i < count; ++i) {
    const std::vector<int32_t> &window = windows[i * windows.size() / count];
    some.emplace_back(window.begin(),
                      window.begin() + static_cast<int64_t>(
                                           std::min(kTokens, window.size())));
  }
  return some;
}

/// Evenly distributed with a deviation of 1; the same for the same element.
static float noiseAt(uint64_t element) {
  const uint64_t bits = format::synthetic::hash(element, 0);
  constexpr float kWidth = 3.4641016f; // √12
  return (static_cast<float>(bits >> 40) * 0x1p-24f - 0.5f) * kWidth;
}

static double deviationOf(const float *row, int64_t cols) {
  double squares = 0;
  for (int64_t i = 0; i < cols; ++i)
    squares += double{row[i]} * row[i];
  return kDeviation * std::sqrt(squares / static_cast<double>(cols));
}

std::vector<Sensitivity::Stretch>
Sensitivity::stretchesOf(const format::Manifest &manifest) {
  const std::vector<Launch> &body = manifest.plan.body;
  std::vector<Stretch> stretches;
  int64_t block = -1;
  for (size_t i = 0; i < body.size(); ++i) {
    if (body[i].opcode != format::Opcode::Linear)
      continue;
    const int64_t parts = std::get<format::LinearParams>(body[i].params).parts;
    for (int64_t part = 0; part < parts; ++part) {
      const int32_t matrix = body[i].weights[static_cast<size_t>(part)];
      const int64_t own = manifest.tensors[static_cast<size_t>(matrix)].block;
      if (stretches.empty() || own != block) {
        if (!stretches.empty())
          stretches.back().end = i;
        stretches.push_back({i, body.size(), {}});
        block = own;
      }
      std::vector<int32_t> &known = stretches.back().matrices;
      if (std::find(known.begin(), known.end(), matrix) == known.end())
        known.push_back(matrix);
    }
  }
  return stretches;
}

namespace {
/// Of layers that are not quantized.
class NoStatistics final : public encode::Statistics {
  std::optional<InputStatistics> find(const std::string &) const override {
    return std::nullopt;
  }
};
} // namespace

Sensitivity::Sensitivity(const format::Manifest &manifest, DenseImage &image,
                         const Windows &windows, ThreadPool &pool)
    : Manifest(manifest), Image(image), Texts(someOf(windows)), Pool(pool),
      Stretches(stretchesOf(manifest)), Runner(Image, tokens(), pool.threads()),
      Waiting(manifest.plan, Runner, tokens(), beginsOf(Stretches)) {}

std::vector<size_t>
Sensitivity::beginsOf(const std::vector<Stretch> &stretches) {
  std::vector<size_t> begins;
  for (const Stretch &stretch : stretches)
    begins.push_back(stretch.begin);
  if (!stretches.empty())
    begins.push_back(stretches.back().end);
  return begins;
}

int64_t Sensitivity::compared() const { return std::min(kCompared, tokens()); }

void Sensitivity::see(int32_t matrix, const InputStatistics &input) {
  const float *values = Image.matrix(matrix);
  if (!values)
    return;
  const format::PackedShape &shape =
      Manifest.tensors[static_cast<size_t>(matrix)].shape;
  const int64_t cols = shape.cols;
  const int64_t rows = std::min(kRows, shape.rows);
  std::vector<float> sample;
  double variance = 0;
  for (int64_t i = 0; i < rows; ++i) {
    const float *row = values + i * shape.rows / rows * cols;
    sample.insert(sample.end(), row, row + cols);
    const double deviation = deviationOf(row, cols);
    variance += deviation * deviation;
  }
  double squares = 0;
  for (int64_t i = 0; i < cols; ++i)
    squares += static_cast<double>(input.squares[i]);
  const double outputs = encode::outputSquares(input, sample.data(), rows);
  if (outputs > 0)
    Seen[matrix].error = variance * squares / outputs;
}

std::vector<float> Sensitivity::disturb(int32_t matrix) {
  const format::PackedShape &shape =
      Manifest.tensors[static_cast<size_t>(matrix)].shape;
  float *values = Image.matrix(matrix);
  std::vector<float> before(values, values + shape.rows * shape.cols);
  Pool.parallelFor(shape.rows, 16, [&](int64_t begin, int64_t end, int) {
    for (int64_t row = begin; row < end; ++row) {
      float *out = values + row * shape.cols;
      const auto deviation = static_cast<float>(deviationOf(out, shape.cols));
      for (int64_t i = 0; i < shape.cols; ++i)
        out[i] +=
            deviation * noiseAt(static_cast<uint64_t>(row * shape.cols + i));
    }
  });
  return before;
}

void Sensitivity::advance(const Stretch &stretch, size_t from, size_t to) {
  for (size_t window = 0; window < Texts.size(); ++window) {
    Waiting.restore(stretch.begin, from * Texts.size() + window);
    Runner.run(stretch.begin, stretch.end, Texts[window].data(), tokens());
    Waiting.save(stretch.end, to * Texts.size() + window);
  }
}

void Sensitivity::runStretch(const Stretch &stretch) {
  const NoStatistics none; // nothing is encoded
  for (const int32_t matrix : stretch.matrices)
    Image.hold({matrix}, none, Pool);
  // Those that were disturbed before, and then the one that never is: from it
  // new ones begin, in places behind all others'.
  for (size_t run = Runs.size(); run > 0; --run)
    advance(stretch, run, run);
  for (const int32_t matrix : stretch.matrices) {
    if (Seen.count(matrix) == 0)
      continue;
    const std::vector<float> before = disturb(matrix);
    Runs.push_back(matrix);
    advance(stretch, 0, Runs.size());
    std::copy(before.begin(), before.end(), Image.matrix(matrix));
  }
  advance(stretch, 0, 0);
  Image.drop(stretch.matrices);
}

double Sensitivity::divergence(size_t run, size_t window,
                               const std::vector<float> &base) {
  Waiting.restore(Manifest.plan.body.size(), run * Texts.size() + window);
  const int64_t vocab = Manifest.plan.logits.columns;
  const std::vector<float> other =
      Runner.predict(tokens() - compared(), compared());
  std::vector<double> each(static_cast<size_t>(compared()));
  Pool.parallelFor(compared(), 1, [&](int64_t first, int64_t last, int) {
    for (int64_t row = first; row < last; ++row)
      each[static_cast<size_t>(row)] =
          evaluate::compareToken(base.data() + row * vocab,
                                 other.data() + row * vocab, vocab,
                                 /*token=*/0)
              .divergence;
  });
  return std::accumulate(each.begin(), each.end(), 0.0);
}

void Sensitivity::compare() {
  const NoStatistics none;
  const std::vector<int32_t> matrices = matricesOf(Manifest.plan.head);
  Image.hold(matrices, none, Pool);
  for (size_t window = 0; window < Texts.size(); ++window) {
    Waiting.restore(Manifest.plan.body.size(), window);
    const std::vector<float> base =
        Runner.predict(tokens() - compared(), compared());
    for (size_t run = 1; run <= Runs.size(); ++run)
      Seen[Runs[run - 1]].divergence += divergence(run, window, base);
    for (const int32_t matrix : matrices) {
      if (Seen.count(matrix) == 0)
        continue;
      const std::vector<float> before = disturb(matrix);
      Seen[matrix].divergence += divergence(0, window, base);
      std::copy(before.begin(), before.end(), Image.matrix(matrix));
    }
  }
  Image.drop(matrices);
}

std::map<std::string, double> Sensitivity::measure() {
  if (Stretches.empty())
    return {};
  Progress progress("sensitivity", Stretches.size(), "blocks");
  for (size_t window = 0; window < Texts.size(); ++window) {
    Runner.run(0, Stretches.front().begin, Texts[window].data(), tokens());
    Waiting.save(Stretches.front().begin, window);
  }
  for (const Stretch &stretch : Stretches) {
    runStretch(stretch);
    progress.advance(1);
  }
  compare();

  // Parts of one weight have one number.
  std::map<std::string, Noise> byWeight;
  for (const auto &[matrix, noise] : Seen) {
    Noise &all =
        byWeight[Manifest.tensors[static_cast<size_t>(matrix)].source.name];
    all.error += noise.error;
    all.divergence += noise.divergence;
  }
  std::map<std::string, double> sensitivities;
  double sum = 0;
  for (const auto &[weight, noise] : byWeight)
    sum += sensitivities[weight] =
        std::max(0.0, noise.divergence / noise.error);
  const double mean = sum / static_cast<double>(sensitivities.size());
  for (auto &[weight, sensitivity] : sensitivities)
    sensitivity = mean > 0 && std::isfinite(mean) ? sensitivity / mean : 1;
  return sensitivities;
}

} // namespace qzc::calibrate
