//===- Rederive.h - Stored weights beside what encoding gives ---*- C++ -*-===//

#ifndef QZC_ENCODE_REDERIVE_H
#define QZC_ENCODE_REDERIVE_H

#include "qzc/Encode/Statistics.h"
#include "qzc/Encode/WeightSources.h"
#include "qzc/Format/Manifest.h"
#include "qzc/Support/ThreadPool.h"

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace qzc::encode {

/// A byte that is another than the source and its storage give.
struct Difference {
  size_t tensor = 0;
  uint64_t offset = 0; ///< from the tensor's start
  std::byte stored{};
  std::byte derived{};
};

/// Encodes the weights once more, as encodeWeights does, and compares every
/// byte of them, padding included, with `section`, which is mapped from a file
/// and holds them where the tensors say. Returns the first that differs. The
/// tensors' f16Exponents are compared, too: throws qzc::Error where one is
/// another, beside what encodeWeights throws.
std::optional<Difference>
findDifference(const std::vector<format::Tensor> &tensors,
               const std::vector<WeightRef> &refs, const WeightSources &sources,
               const std::byte *section, ThreadPool &pool,
               const Statistics *statistics);

} // namespace qzc::encode

#endif // QZC_ENCODE_REDERIVE_H
