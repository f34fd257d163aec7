//===- CodeStore.h - Weights that were encoded before -----------*- C++ -*-===//
//
// Choosing codes by a method takes time, and a compilation needs them more than
// once: to calibrate the layers that follow, for a GGUF and for the executable.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_ENCODE_CODESTORE_H
#define QZC_ENCODE_CODESTORE_H

#include "qzc/Encode/Statistics.h"
#include "qzc/Encode/WeightSources.h"
#include "qzc/Format/Manifest.h"
#include "qzc/Support/TemporaryFile.h"
#include "qzc/Support/ThreadPool.h"

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace qzc::encode {

/// Factors of a scale's columns, by its number; none where all are 1.
using ChosenScales = std::map<int64_t, std::vector<float>>;

/// Weights of one model as they are stored, in a temporary file, and the
/// factors of its scales: all by the same statistics, or all without.
class CodeStore {
public:
  /// A weight whose f16Exponent is known, at its offset in the file.
  using Entry = format::Tensor;

  /// The weight of the same rows of the same source, stored alike by the same
  /// method; null where none is kept. Stays valid.
  const Entry *find(const format::Tensor &tensor) const;
  /// Reads from an offset within a weight, as its layout has it.
  void read(const Entry &entry, uint64_t offset, void *data,
            size_t bytes) const;

  /// Keeps an encoded weight, unless one like it is kept.
  void keep(const format::Tensor &tensor, const std::byte *bytes);
  /// Encodes the weights that are not kept, and keeps them. Checks the sources'
  /// contents; throws qzc::Error as encodeWeights does.
  void encode(const std::vector<format::Tensor> &tensors,
              const std::vector<WeightRef> &refs, const WeightSources &sources,
              ThreadPool &pool, const Statistics *statistics);

  ChosenScales &scales() { return Scales; }
  const ChosenScales &scales() const { return Scales; }

private:
  /// Room for a weight; its entry.
  Entry &add(const format::Tensor &tensor);

  std::optional<TemporaryFile> File; ///< once something is kept
  uint64_t End = 0;
  /// By the source's name.
  std::multimap<std::string, Entry> Entries;
  ChosenScales Scales;
};

} // namespace qzc::encode

#endif // QZC_ENCODE_CODESTORE_H
