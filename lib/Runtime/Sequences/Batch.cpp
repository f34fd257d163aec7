//===- Batch.cpp - A batch cut into passes --------------------------------===//

#include "qzc/Runtime/Batch.h"

#include <algorithm>

namespace qzc::runtime {

std::vector<Pass> cutIntoPasses(const std::vector<Piece> &batch,
                                int64_t chunk) {
  std::vector<Pass> passes;
  for (size_t piece = 0; piece != batch.size(); ++piece)
    for (int64_t begin = 0; begin < batch[piece].count;) {
      if (passes.empty() || passes.back().rows == chunk)
        passes.emplace_back();
      Pass &pass = passes.back();
      const int64_t count =
          std::min(batch[piece].count - begin, chunk - pass.rows);
      pass.segments.push_back({piece, begin, begin + count, pass.rows});
      pass.rows += count;
      begin += count;
    }
  return passes;
}

bool wantsLastLogitsOnly(const Piece &piece) {
  return piece.logits && !piece.losses && piece.firstRow == piece.count - 1;
}

int64_t runOfRows(const std::vector<WantedRow> &rows, size_t first,
                  int64_t most) {
  int64_t count = 1;
  while (count < most && first + count < rows.size() &&
         rows[first + count].row == rows[first].row + count)
    ++count;
  return count;
}

} // namespace qzc::runtime
