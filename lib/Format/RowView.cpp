//===- RowView.cpp - Some rows of a stored weight -------------------------===//

#include "qzc/Format/RowView.h"

namespace qzc::format {

std::optional<RowView>
viewOfRanges(const std::vector<std::pair<int64_t, int64_t>> &ranges) {
  if (ranges.empty())
    return std::nullopt;
  const auto count = static_cast<int64_t>(ranges.size());
  const auto [first, end] = ranges.front();
  const int64_t run = end - first;
  const int64_t stride = count > 1 ? ranges[1].first - first : run;
  for (int64_t i = 0; i < count; ++i) {
    const auto &[low, high] = ranges[static_cast<size_t>(i)];
    if (low != first + i * stride || high != low + run)
      return std::nullopt;
  }
  const int64_t rows = count * run;
  if (stride == run)
    return RowView{first, rows, rows, rows};
  return RowView{first, rows, run, stride};
}

std::optional<std::string_view> checkRowView(const RowView &view,
                                             int64_t stored) {
  if (view.first < 0 || view.rows < 1 || view.rows > stored)
    return "has rows out of range";
  if (view.run < 1 || view.rows % view.run != 0)
    return "has runs that do not divide its rows";
  // Rows are below 2^62 of a weight that checkShape allows.
  if (view.stride < view.run || view.stride > stored)
    return "has runs out of range";
  const int64_t runs = view.rows / view.run;
  if (view.first > stored - view.run ||
      runs - 1 > (stored - view.run - view.first) / view.stride)
    return "ends after the weight";
  return std::nullopt;
}

} // namespace qzc::format
