//===- ChosenBlocks.h - Blocks whose codes a method chose -------*- C++ -*-===//

#ifndef QZC_LIB_TARGET_GGUF_CHOSENBLOCKS_H
#define QZC_LIB_TARGET_GGUF_CHOSENBLOCKS_H

#include "qzc/Encode/CodeStore.h"
#include "qzc/Target/Gguf/Gguf.h"

#include <map>

namespace qzc::gguf {

/// The parts of a plan that have a method, encoded as an executable has them.
class ChosenBlocks {
public:
  /// Encodes those that `codes` does not have yet. Checks the sources' contents
  /// where there are such parts. `statistics` may be null. Throws qzc::Error as
  /// encode::encodeWeights does.
  ChosenBlocks(const Plan &plan, const encode::WeightSources &sources,
               const encode::Statistics *statistics, encode::CodeStore &codes,
               ThreadPool &pool);

  bool empty() const { return Entries.empty(); }
  bool has(const Part &part) const { return Entries.count(&part) != 0; }
  /// Elements that pieces of a part can be cut at.
  int64_t unit(const Part &part) const;
  /// The blocks of elements [begin, end), cut by its unit.
  void read(const Part &part, int64_t begin, int64_t end, std::byte *out) const;

private:
  const encode::CodeStore &Codes;
  std::map<const Part *, const encode::CodeStore::Entry *> Entries;
};

} // namespace qzc::gguf

#endif // QZC_LIB_TARGET_GGUF_CHOSENBLOCKS_H
