//===- PassState.cpp - What the device is told of a pass ------------------===//

#include "PassState.h"

#include <algorithm>
#include <cstddef>
#include <cstring>

namespace qzc::runtime {

PassState::PassState(const Device &device, const DeviceLayout &layout,
                     const WorkspacePlan &sizes)
    : Gpu(device), Layout(layout), Sizes(sizes),
      Pages(sizes.tableBytes() / sizeof(uint64_t)) {
  static_assert(sizeof(Counts) == offsetof(DeviceState, beyondCache),
                "what the host writes is what precedes the kernels' own");
}

void PassState::setSequences(const std::vector<SequenceStart> &batch,
                             const SequenceTable &table) {
  size_t first = Pages.size();
  size_t end = 0;
  for (const SequenceStart &item : batch) {
    const uint64_t *pages = table.pages(item.sequence);
    const int64_t row = item.sequence * Sizes.pagesPerSequence;
    for (int64_t page = 0; page != table.pageCount(item.sequence); ++page) {
      const auto at = static_cast<size_t>(row + page);
      if (Pages[at] == pages[page])
        continue;
      Pages[at] = pages[page];
      first = std::min(first, at);
      end = std::max(end, at + 1);
    }
  }
  if (first < end)
    Gpu.upload(Layout.pages + first * sizeof(uint64_t), Pages.data() + first,
               (end - first) * sizeof(uint64_t));

  for (size_t i = 0; i != batch.size(); i = end) {
    // Neighbours are cleared at once.
    end = i;
    while (end != batch.size() && batch[end].position == 0 &&
           batch[end].sequence == batch[i].sequence + static_cast<int>(end - i))
      ++end;
    if (end == i) {
      ++end;
      continue;
    }
    const auto sequence = static_cast<uint64_t>(batch[i].sequence);
    Gpu.clear(Layout.cacheRanges + sequence * Sizes.rangeBytes(),
              (end - i) * Sizes.rangeBytes());
  }
}

void PassState::setCounts(Counts counts) {
  if (std::memcmp(&counts, &Known, sizeof(counts)) != 0)
    Gpu.upload(Layout.state, &counts, sizeof(counts));
  Known = counts;
}

void PassState::setHeadRows(int64_t rows) {
  setCounts({Known.tokens, static_cast<int>(rows)});
}

void PassState::setRows(const std::vector<TokenRow> &rows, int64_t headRows) {
  setCounts({static_cast<int>(rows.size()), static_cast<int>(headRows)});
  const size_t bytes = rows.size() * sizeof(TokenRow);
  if (Rows.size() >= rows.size() &&
      std::memcmp(Rows.data(), rows.data(), bytes) == 0)
    return;
  Gpu.upload(Layout.tokens, rows.data(), bytes);
  Rows = rows;
}

void PassState::advance(const std::vector<Step> &steps, int64_t count) {
  Rows.clear();
  for (const Step &step : steps)
    Rows.push_back({kUnknownToken, static_cast<int>(step.position + count),
                    step.sequence, 0});
}

void PassState::learnTokens(const TokenRow *rows) {
  for (size_t i = 0; i != Rows.size(); ++i)
    Rows[i].token = rows[i].token;
}

} // namespace qzc::runtime
