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

/// take(factor of the row, its column, value) for each element.
template <typename Take>
static void forElements(const std::vector<float> &rows, int64_t begin,
                        int64_t count, int64_t cols, float *values, Take take) {
  for (int64_t at = begin; at < begin + count;) {
    const int64_t row = at / cols;
    const int64_t end = std::min(begin + count, (row + 1) * cols);
    const double factor = rows.empty() ? 1 : rows[static_cast<size_t>(row)];
    for (; at < end; ++at)
      take(factor, at - row * cols, values[at - begin]);
  }
}

void Factors::apply(int64_t begin, int64_t count, int64_t cols,
                    float *values) const {
  const double offset = unitOffset ? 1 : 0;
  forElements(rows, begin, count, cols, values,
              [&](double row, int64_t column, float &value) {
                const double times =
                    columns.empty() ? 1 : columns[static_cast<size_t>(column)];
                value =
                    static_cast<float>((value + offset) * times / row - offset);
              });
}

void Factors::undo(int64_t begin, int64_t count, int64_t cols,
                   float *values) const {
  const double offset = unitOffset ? 1 : 0;
  forElements(rows, begin, count, cols, values,
              [&](double row, int64_t column, float &value) {
                const double times =
                    columns.empty() ? 1 : columns[static_cast<size_t>(column)];
                value =
                    static_cast<float>((value + offset) / times * row - offset);
              });
}

} // namespace qzc::format
