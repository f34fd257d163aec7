//===- Stream.h - Weights read once, in pieces, in parallel -----*- C++ -*-===//

#ifndef QZC_ENCODE_STREAM_H
#define QZC_ENCODE_STREAM_H

#include "qzc/Encode/WeightSources.h"
#include "qzc/Support/ThreadPool.h"

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace qzc::encode {

/// A weight to be read from its first element to its last.
struct StreamedWeight {
  format::TensorSource source;
  WeightRef ref;
  int64_t elements = 0; ///< of the flattened weight
  int64_t unit = 1;     ///< pieces are multiples of it, or end the weight
};

/// Elements [begin, end) of one weight.
struct Piece {
  size_t weight = 0; ///< index into the weights
  int64_t begin = 0;
  int64_t end = 0;
};

/// Takes a piece's values, all finite; called from several threads at once,
/// `worker` being the caller's number below ThreadPool::threads().
using PieceConsumer =
    std::function<void(const Piece &piece, const float *values, int worker)>;

/// Reads every weight in pieces of about half a million elements and hands each
/// to `consume`. Checks that the weights are where they are said to be and,
/// along the way, the files' contents. Throws qzc::Error: a reference that does
/// not fit its file, a changed file (before anything that follows from it), a
/// weight that is not finite (tensor and position), what `consume` throws.
/// `what` names the work in a progress line.
void streamWeights(const std::vector<StreamedWeight> &weights,
                   const WeightSources &sources, const std::string &what,
                   const PieceConsumer &consume, ThreadPool &pool);

/// "tensor 'NAME' at [3, 17]": where element `index` of a stored weight comes
/// from, for messages.
std::string describeElement(const format::TensorSource &source, int64_t index);

/// Throws qzc::Error where one of the values of elements from `begin` on is NaN
/// or infinite.
void requireFinite(const format::TensorSource &source, const float *values,
                   int64_t begin, int64_t count);

} // namespace qzc::encode

#endif // QZC_ENCODE_STREAM_H
