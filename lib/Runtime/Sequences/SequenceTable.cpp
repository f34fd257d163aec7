//===- SequenceTable.cpp - An engine's sequences and their pages ----------===//

#include "qzc/Runtime/SequenceTable.h"

#include <algorithm>
#include <utility>

namespace qzc::runtime {

SequenceTable::SequenceTable(int64_t sequences, int64_t context,
                             int64_t pageSize, Allocate allocate)
    : Context(context), PageSize(pageSize),
      PagesPerSequence((context + pageSize - 1) / pageSize),
      MorePages(std::move(allocate)), Entries(sequences),
      Pages(sequences * PagesPerSequence) {}

SequenceTable::Entry &SequenceTable::at(int sequence) {
  return const_cast<Entry &>(std::as_const(*this).at(sequence));
}

const SequenceTable::Entry &SequenceTable::at(int sequence) const {
  if (sequence < 0 || sequence >= static_cast<int64_t>(Entries.size()) ||
      !Entries[sequence].isOpen)
    throw Error("there is no sequence " + std::to_string(sequence));
  return Entries[sequence];
}

int SequenceTable::open() {
  const auto found =
      std::find_if(Entries.begin(), Entries.end(),
                   [](const Entry &entry) { return !entry.isOpen; });
  if (found == Entries.end())
    throw Error("all " + std::to_string(Entries.size()) +
                " sequences of this engine are open");
  *found = Entry();
  found->isOpen = true;
  return static_cast<int>(found - Entries.begin());
}

void SequenceTable::close(int sequence) {
  shrink(sequence, 0);
  at(sequence).isOpen = false;
}

void SequenceTable::prepare(const std::vector<Piece> &batch) {
  std::vector<Need> needs;
  needs.reserve(batch.size());
  for (const Piece &piece : batch)
    needs.push_back({piece.sequence, piece.position, piece.count});
  prepare(needs);
}

void SequenceTable::prepare(const std::vector<Step> &steps, int64_t count) {
  std::vector<Need> needs;
  needs.reserve(steps.size());
  for (const Step &step : steps)
    needs.push_back({step.sequence, step.position, count});
  prepare(needs);
}

void SequenceTable::prepare(const std::vector<Need> &needs) {
  ++Batch;
  for (const Need &need : needs)
    check(need);
  std::vector<int64_t> before;
  before.reserve(needs.size());
  try {
    for (const Need &need : needs) {
      before.push_back(at(need.sequence).pages);
      grow(need);
    }
  } catch (...) {
    for (size_t i = 0; i != before.size(); ++i)
      shrink(needs[i].sequence, before[i]);
    throw;
  }
}

void SequenceTable::check(const Need &need) {
  Entry &entry = at(need.sequence);
  const std::string name = "sequence " + std::to_string(need.sequence);
  if (entry.batch == Batch)
    throw Error(name + " is named twice in a batch");
  entry.batch = Batch;
  if (need.count < 1 || need.position < 0 || need.position > entry.length)
    throw Error(name + " has " + std::to_string(entry.length) +
                " positions: it cannot take " + std::to_string(need.count) +
                " tokens at " + std::to_string(need.position));
  if (need.count > Context - need.position)
    throw SequenceError(need.sequence, Shortage::Context,
                        "the context of " + std::to_string(Context) +
                            " tokens is full; use a longer --context");
}

void SequenceTable::grow(const Need &need) {
  Entry &entry = at(need.sequence);
  const int64_t wanted = (need.position + need.count + PageSize - 1) / PageSize;
  const int64_t missing =
      wanted - entry.pages - static_cast<int64_t>(Free.size());
  if (missing > 0)
    try {
      const std::vector<uint64_t> more = MorePages(missing);
      Free.insert(Free.end(), more.begin(), more.end());
      AllPages += static_cast<int64_t>(more.size());
    } catch (const Error &error) {
      throw SequenceError(need.sequence, Shortage::Memory, error.what());
    }
  uint64_t *row = Pages.data() + need.sequence * PagesPerSequence;
  for (; entry.pages < wanted; ++entry.pages) {
    row[entry.pages] = Free.back();
    Free.pop_back();
  }
}

/// Gives back all but the first `pages`.
void SequenceTable::shrink(int sequence, int64_t pages) {
  Entry &entry = at(sequence);
  const uint64_t *row = Pages.data() + sequence * PagesPerSequence;
  while (entry.pages > pages)
    Free.push_back(row[--entry.pages]);
}

} // namespace qzc::runtime
