//===- Batch.h - A batch cut into passes ------------------------*- C++ -*-===//

#ifndef QZC_RUNTIME_BATCH_H
#define QZC_RUNTIME_BATCH_H

#include "qzc/Runtime/Engine.h"

#include <algorithm>

namespace qzc::runtime {

/// Tokens of a piece that one pass runs.
struct Segment {
  size_t piece = 0;           ///< index in the batch
  int64_t begin = 0, end = 0; ///< tokens of the piece
  int64_t row = 0;            ///< of the first one, in the pass

  int64_t count() const { return end - begin; }
};

/// Tokens that are run at once, one segment's behind the other's.
struct Pass {
  std::vector<Segment> segments;
  int64_t rows = 0;
};

/// All tokens of a batch in its order, in passes of at most `chunk`.
std::vector<Pass> cutIntoPasses(const std::vector<Piece> &batch, int64_t chunk);

/// A row of a pass whose logits or loss are wanted.
struct WantedRow {
  int64_t row = 0;
  size_t piece = 0;
  int64_t token = 0; ///< of the piece
};

/// Whether nothing but the logits of a piece's last row is wanted.
bool wantsLastLogitsOnly(const Piece &piece);

/// Rows of a pass that are wanted of pieces for which `of` holds, in order.
template <typename Of>
std::vector<WantedRow> wantedRows(const std::vector<Piece> &batch,
                                  const Pass &pass, const Of &of) {
  std::vector<WantedRow> rows;
  for (const Segment &segment : pass.segments) {
    const Piece &piece = batch[segment.piece];
    if ((!piece.logits && !piece.losses) || !of(piece))
      continue;
    for (int64_t token = std::max(segment.begin, piece.firstRow);
         token < segment.end; ++token)
      rows.push_back(
          {segment.row + token - segment.begin, segment.piece, token});
  }
  return rows;
}

/// How many rows from `first` on stand together, at most `most`.
int64_t runOfRows(const std::vector<WantedRow> &rows, size_t first,
                  int64_t most);

} // namespace qzc::runtime

#endif // QZC_RUNTIME_BATCH_H
