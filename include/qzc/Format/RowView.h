//===- RowView.h - Some rows of a stored weight -----------------*- C++ -*-===//

#ifndef QZC_FORMAT_ROWVIEW_H
#define QZC_FORMAT_ROWVIEW_H

#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

namespace qzc::format {

/// Rows of a stored weight in equally long, evenly spaced runs: what one part
/// of a fused weight takes of it, whether parts follow each other or alternate
/// head by head. Row i of the view is stored row
/// first + i / run × stride + i % run.
struct RowView {
  int64_t first = 0;
  int64_t rows = 0;
  int64_t run = 0;    ///< rows that follow each other; divides `rows`
  int64_t stride = 0; ///< from one run to the next; at least `run`

  static RowView all(int64_t rows) { return {0, rows, rows, rows}; }

  bool operator==(const RowView &other) const {
    return first == other.first && rows == other.rows && run == other.run &&
           stride == other.stride;
  }
  bool isOneRun() const { return run == rows; }
  int64_t stored(int64_t row) const {
    return first + row / run * stride + row % run;
  }
};

/// Half-open, ascending, disjoint ranges as a view, or nothing where they are
/// not of one length and one distance. Adjacent ranges become one run.
std::optional<RowView>
viewOfRanges(const std::vector<std::pair<int64_t, int64_t>> &ranges);

/// What is wrong with a view of a weight of `stored` rows (a sentence without
/// a full stop), or nothing.
std::optional<std::string_view> checkRowView(const RowView &view,
                                             int64_t stored);

} // namespace qzc::format

#endif // QZC_FORMAT_ROWVIEW_H
