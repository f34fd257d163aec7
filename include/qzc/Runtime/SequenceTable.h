//===- SequenceTable.h - An engine's sequences and their pages --*- C++ -*-===//

#ifndef QZC_RUNTIME_SEQUENCETABLE_H
#define QZC_RUNTIME_SEQUENCETABLE_H

#include "qzc/Runtime/Engine.h"

#include <functional>

namespace qzc::runtime {

/// Which sequences are open, how long they are, and which pages of the cache
/// they hold: each those of its positions so far. Pages of closed sequences go
/// to others. What a page is, the engine knows.
class SequenceTable {
public:
  /// Gets memory for at least so many more pages; their addresses. Throws
  /// qzc::Error.
  using Allocate = std::function<std::vector<uint64_t>(int64_t pages)>;

  /// `sequences` of at most `context` positions, in pages of `pageSize`.
  SequenceTable(int64_t sequences, int64_t context, int64_t pageSize,
                Allocate allocate);

  int open();
  void close(int sequence);
  int64_t length(int sequence) const { return at(sequence).length; }

  /// Gets each sequence of a batch its pages, and checks what an engine's
  /// caller promises of positions. Where it throws, nothing has changed.
  void prepare(const std::vector<Piece> &batch);
  /// `count` steps each.
  void prepare(const std::vector<Step> &steps, int64_t count);
  /// A prepared sequence has so many positions now.
  void setLength(int sequence, int64_t length) { at(sequence).length = length; }

  int64_t pagesPerSequence() const { return PagesPerSequence; }
  /// A sequence's pages in the order of positions.
  const uint64_t *pages(int sequence) const {
    return Pages.data() + sequence * PagesPerSequence;
  }
  int64_t pageCount(int sequence) const { return at(sequence).pages; }
  /// Pages that there are, held or free.
  int64_t allPages() const { return AllPages; }

private:
  struct Entry {
    bool isOpen = false;
    int64_t length = 0;
    int64_t pages = 0;
    uint64_t batch = 0; ///< the last that named it
  };
  struct Need {
    int sequence;
    int64_t position;
    int64_t count;
  };
  Entry &at(int sequence);
  const Entry &at(int sequence) const;
  void prepare(const std::vector<Need> &needs);
  void check(const Need &need);
  void grow(const Need &need);
  void shrink(int sequence, int64_t pages);

  const int64_t Context;
  const int64_t PageSize;
  const int64_t PagesPerSequence;
  Allocate MorePages;
  std::vector<Entry> Entries;
  std::vector<uint64_t> Pages; ///< [sequences, PagesPerSequence]
  std::vector<uint64_t> Free;
  int64_t AllPages = 0;
  uint64_t Batch = 0;
};

} // namespace qzc::runtime

#endif // QZC_RUNTIME_SEQUENCETABLE_H
