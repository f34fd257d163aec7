//===- Merger.h - Merging symbols by rank -----------------------*- C++ -*-===//

#ifndef QZC_LIB_TOKENIZER_MERGER_H
#define QZC_LIB_TOKENIZER_MERGER_H

#include "Tables.h"

#include <vector>

namespace qzc::tokenizer {

/// What becomes of two neighbours.
struct Merge {
  int32_t rank; ///< lower ones go first
  int32_t result;
};

/// Applies the merge of lowest rank, the leftmost of equal ones, until none is
/// left.
class Merger {
public:
  void reserve(size_t merges) { Merges.reserve(merges); }
  /// Of the same two the last counts.
  void add(int32_t left, int32_t right, Merge merge) {
    Merges.insert_or_assign(pair(left, right), merge);
  }

  /// Symbols merged into one, with where they begin among the symbols.
  struct Piece {
    int32_t id;
    size_t begin;
  };
  using Symbols = std::vector<int32_t>;

  /// The pieces of symbols [begin, end); n log n in their number.
  std::vector<Piece> merge(const Symbols &symbols, size_t begin,
                           size_t end) const;

  /// The same pieces of all symbols, in a time that grows with their number
  /// only, by merging windows of `window` symbols. Where one may be cut follows
  /// from this: pieces are what merging leaves if and only if merging leaves
  /// each two neighbours of them as they are (the first merge across a border
  /// would be one of the two neighbours' own). So a window is merged alone, its
  /// pieces but the last ones are kept, and the next window begins after them;
  /// if that one's first piece would merge with the piece before it, the two
  /// windows become one of twice their size.
  std::vector<Piece> mergeWindows(const Symbols &symbols, size_t window) const;

private:
  static uint64_t pair(int32_t left, int32_t right) {
    return static_cast<uint64_t>(static_cast<uint32_t>(left)) << 32 |
           static_cast<uint32_t>(right);
  }
  const Merge *find(int32_t left, int32_t right) const {
    auto found = Merges.find(pair(left, right));
    return found == Merges.end() ? nullptr : &found->second;
  }
  /// Whether merging leaves a border at `border` inside [begin, end).
  bool staysCut(const Symbols &symbols, size_t begin, size_t border,
                size_t end) const;

  NumberTable<Merge> Merges; ///< by pair()
};

} // namespace qzc::tokenizer

#endif // QZC_LIB_TOKENIZER_MERGER_H
