//===- Measure.h - What encoding did to each weight -------------*- C++ -*-===//

#ifndef QZC_ENCODE_MEASURE_H
#define QZC_ENCODE_MEASURE_H

#include "qzc/Encode/Statistics.h"
#include "qzc/Encode/WeightSources.h"
#include "qzc/Format/ErrorSums.h"
#include "qzc/Format/Manifest.h"
#include "qzc/Support/ThreadPool.h"

#include <cstddef>
#include <functional>
#include <vector>

namespace qzc::encode {

/// A stored weight beside its source.
struct WeightError : format::ErrorSums {
  /// Of the outputs over the calibration's inputs, where they are known: the
  /// squares of what changed, and of what was.
  double outputErrors = 0;
  double outputSquares = 0;

  double meanSquaredError() const {
    return squaredErrors / static_cast<double>(elements);
  }
  /// Σ w² / Σ (ŵ - w)² in decibels; infinite where nothing was lost.
  double signalToNoise() const;
  /// 1 where both or nothing is zero.
  double cosine() const;

  void add(const WeightError &part);
};

/// Reads bytes at an offset from the start of the weights section; called from
/// several threads at once.
using SectionReader =
    std::function<void(uint64_t offset, void *data, size_t bytes)>;

/// Compares what is stored with the sources, tensor by tensor: decodes the
/// section's own bytes. Streams in pieces of a few MB a thread; sums are made
/// in an order of their own, so that results do not depend on the number of
/// threads. Sources were checked (encodeWeights does, which says what each was
/// scaled by, too: errors are of what it was before). Where `statistics` know
/// the products of a layer's inputs, so do the errors of its outputs.
std::vector<WeightError>
measureWeights(const std::vector<format::Tensor> &tensors,
               const std::vector<format::Factors> &factors,
               const std::vector<WeightRef> &refs, const WeightSources &sources,
               const SectionReader &read, ThreadPool &pool,
               const Statistics *statistics = nullptr);

} // namespace qzc::encode

#endif // QZC_ENCODE_MEASURE_H
