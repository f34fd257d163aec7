//===- SyntheticWeights.h - Weights made up at load -------------*- C++ -*-===//

#ifndef QZC_LIB_RUNTIME_IMAGE_SYNTHETICWEIGHTS_H
#define QZC_LIB_RUNTIME_IMAGE_SYNTHETICWEIGHTS_H

#include "qzc/Format/Manifest.h"

#include <cstddef>

namespace qzc::runtime {

/// A weights section in anonymous memory, filled from the manifest's seed by
/// `threads` (0: all cores); the bytes do not depend on their number.
/// Move-free, owns the memory. Throws qzc::Error when there is not enough of
/// it.
class SyntheticWeights {
public:
  SyntheticWeights(const format::Manifest &manifest, int threads);
  SyntheticWeights(const SyntheticWeights &) = delete;
  SyntheticWeights &operator=(const SyntheticWeights &) = delete;
  ~SyntheticWeights();

  /// manifest.weightsBytes bytes, page-aligned.
  const std::byte *data() const { return Data; }

private:
  std::byte *Data = nullptr;
  uint64_t Bytes = 0;
};

} // namespace qzc::runtime

#endif // QZC_LIB_RUNTIME_IMAGE_SYNTHETICWEIGHTS_H
