//===- ChosenBlocks.h - Blocks whose codes a method chose -------*- C++ -*-===//

#ifndef QZC_LIB_TARGET_GGUF_CHOSENBLOCKS_H
#define QZC_LIB_TARGET_GGUF_CHOSENBLOCKS_H

#include "qzc/Encode/Statistics.h"
#include "qzc/Target/Gguf/Gguf.h"

#include <map>

namespace qzc::gguf {

/// The parts of a plan that have a method, encoded as an executable has them.
/// They wait behind the end of the file, which finish() cuts off.
class ChosenBlocks {
public:
  /// Checks the sources' contents where there are such parts. `statistics` may
  /// be null. Throws qzc::Error as encode::encodeWeights does.
  ChosenBlocks(const AtomicFile &file, const Plan &plan,
               const encode::WeightSources &sources,
               const encode::Statistics *statistics, ThreadPool &pool);

  bool empty() const { return Tensors.empty(); }
  bool has(const Part &part) const { return Indices.count(&part) != 0; }
  /// Elements that pieces of a part can be cut at.
  int64_t unit(const Part &part) const;
  /// The blocks of elements [begin, end), cut by its unit.
  void read(const Part &part, int64_t begin, int64_t end, std::byte *out) const;

private:
  const format::Tensor &tensorOf(const Part &part) const {
    return Tensors[Indices.at(&part)];
  }

  const AtomicFile &Scratch;
  uint64_t Begin;
  std::vector<format::Tensor> Tensors;
  std::map<const Part *, size_t> Indices;
};

} // namespace qzc::gguf

#endif // QZC_LIB_TARGET_GGUF_CHOSENBLOCKS_H
