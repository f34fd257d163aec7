//===- Scaling.cpp - Inputs of layers that are scaled ---------------------===//

#include "qzc/Format/Scaling.h"

#include <algorithm>

namespace qzc::format {

std::optional<std::string_view> checkScaling(const Scaling &scaling,
                                             int64_t rows) {
  constexpr int64_t kMost = int64_t{1} << 31;
  if (scaling.columns < -1 || scaling.rows < -1 || scaling.columns >= kMost ||
      scaling.rows >= kMost)
    return "has a scale that has no number";
  if (scaling.columns >= 0 && scaling.columns == scaling.rows)
    return "makes its own input";
  if (scaling.unitOffset && scaling.rows < 0)
    return "has an offset, but rows that are not scaled";
  if (scaling.width < 0 || scaling.repeats < 1 || scaling.repeats >= kMost ||
      (scaling.width == 0 && scaling.repeats != 1) ||
      (scaling.width != 0 && rows % scaling.width != 0))
    return "has rows that are no whole heads";
  return std::nullopt;
}

/// Makes of each element, its offset added for the while, compute(it, the
/// factor of its column, that of its row).
template <typename Compute>
static void change(const Factors &factors, int64_t begin, int64_t count,
                   int64_t cols, float *values, Compute compute) {
  const auto factorOf = [](const std::vector<float> &of, int64_t index) {
    return of.empty() ? 1.0 : of[static_cast<size_t>(index)];
  };
  const double offset = factors.unitOffset ? 1 : 0;
  for (int64_t at = begin; at < begin + count;) {
    const int64_t row = at / cols;
    const int64_t end = std::min(begin + count, (row + 1) * cols);
    const double ofRow = factorOf(factors.rows, row);
    for (; at < end; ++at) {
      const double ofColumn = factorOf(factors.columns, at - row * cols);
      float &value = values[at - begin];
      value =
          static_cast<float>(compute(value + offset, ofColumn, ofRow) - offset);
    }
  }
}

void Factors::apply(int64_t begin, int64_t count, int64_t cols,
                    float *values) const {
  change(*this, begin, count, cols, values,
         [](double value, double column, double row) {
           return value * column / row;
         });
}

void Factors::undo(int64_t begin, int64_t count, int64_t cols,
                   float *values) const {
  change(*this, begin, count, cols, values,
         [](double value, double column, double row) {
           return value / column * row;
         });
}

} // namespace qzc::format
