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
  /// Whoever takes a piece reads what it needs by itself, and is given no
  /// values: bytes of a packed source that are taken as they are.
  bool asStored = false;
  /// What the values are scaled by; null: nothing.
  const format::Factors *factors = nullptr;
};

/// Elements [begin, end) of one weight.
struct Piece {
  size_t weight = 0; ///< index into the weights
  int64_t begin = 0;
  int64_t end = 0;
};

/// A weight in pieces of about half a million elements, in order. `index` is
/// its number.
std::vector<Piece> piecesOf(const StreamedWeight &weight, size_t index);

/// Throws qzc::Error where one of the values of elements [begin, begin + count)
/// is not finite (tensor and position).
void requireFinite(const format::TensorSource &source, const float *values,
                   int64_t begin, int64_t count);

/// Reads a piece's values, and scales them. Throws qzc::Error where one is not
/// finite (tensor and position).
void readPiece(const StreamedWeight &weight, const Piece &piece,
               const WeightSources &sources, std::vector<float> &values);

/// Takes a piece's values; called from several threads at once, `worker` being
/// the caller's number below ThreadPool::threads().
using PieceConsumer =
    std::function<void(const Piece &piece, const float *values, int worker)>;

/// Reads every weight piece by piece and hands each to `consume`. Checks that
/// the weights are where they are said to be and, along the way, the files'
/// contents. Throws qzc::Error: a reference that does not fit its file, a
/// changed file (before anything that follows from it), what readPiece and
/// `consume` throw. `what` names the work in a progress line.
void streamWeights(const std::vector<StreamedWeight> &weights,
                   const WeightSources &sources, const std::string &what,
                   const PieceConsumer &consume, ThreadPool &pool);

/// The same of files whose contents streamWeights has checked already.
void streamChecked(const std::vector<StreamedWeight> &weights,
                   const WeightSources &sources, const std::string &what,
                   const PieceConsumer &consume, ThreadPool &pool);

/// "tensor 'NAME' at [3, 17]": where element `index` of a stored weight comes
/// from, for messages.
std::string describeElement(const format::TensorSource &source, int64_t index);

} // namespace qzc::encode

#endif // QZC_ENCODE_STREAM_H
