//===- Stream.cpp - Weights read once, in pieces, in parallel -------------===//

#include "qzc/Encode/Stream.h"

#include "qzc/Format/Portable.h"
#include "qzc/Support/Error.h"
#include "qzc/Support/Progress.h"

#include <algorithm>
#include <atomic>
#include <cmath>

using namespace qzc;
using namespace qzc::encode;

/// Values a thread holds at a time (a unit more where units are large).
static constexpr int64_t kPieceElements = int64_t{1} << 19;

std::string encode::describeElement(const format::TensorSource &source,
                                    int64_t index) {
  return "tensor '" + source.name + "' at " + sourcePosition(source, index);
}

void encode::requireFinite(const format::TensorSource &source,
                           const float *values, int64_t begin, int64_t count) {
  bool finite = true;
  for (int64_t i = 0; i < count; ++i)
    finite &= (format::floatBits(values[i]) & 0x7f800000u) != 0x7f800000u;
  if (finite)
    return;
  const float *bad = std::find_if(values, values + count, [](float value) {
    return !std::isfinite(value);
  });
  throw Error(describeElement(source, begin + (bad - values)) + " is " +
              (std::isnan(*bad) ? "NaN" : "infinite") +
              ": the weights are damaged");
}

std::vector<Piece> encode::piecesOf(const StreamedWeight &weight,
                                    size_t index) {
  const int64_t size =
      std::max<int64_t>(1, kPieceElements / weight.unit) * weight.unit;
  std::vector<Piece> pieces;
  for (int64_t begin = 0; begin < weight.elements; begin += size)
    pieces.push_back({index, begin, std::min(weight.elements, begin + size)});
  return pieces;
}

void encode::readPiece(const StreamedWeight &weight, const Piece &piece,
                       const WeightSources &sources,
                       std::vector<float> &values) {
  const int64_t count = piece.end - piece.begin;
  values.resize(static_cast<size_t>(count));
  sources.read(weight.source, weight.ref, piece.begin, piece.end,
               values.data());
  if (weight.factors)
    weight.factors->apply(piece.begin, count, weight.source.width(),
                          values.data());
  requireFinite(weight.source, values.data(), piece.begin, count);
}

/// Reads every weight; before that the contents of the first `files` files.
static void stream(const std::vector<StreamedWeight> &weights,
                   const WeightSources &sources, const std::string &what,
                   const PieceConsumer &consume, ThreadPool &pool,
                   int64_t files) {
  std::vector<Piece> pieces;
  uint64_t bytes = 0;
  const auto sourceBytes = [&](const StreamedWeight &weight, int64_t elements) {
    // Packed weights have about half a byte an element.
    return weight.ref.packed ? static_cast<uint64_t>(elements) / 2
                             : static_cast<uint64_t>(elements) *
                                   format::sizeOf(weight.source.dtype);
  };
  for (size_t i = 0; i < weights.size(); ++i) {
    sources.check(weights[i].source, weights[i].ref);
    const std::vector<Piece> more = piecesOf(weights[i], i);
    pieces.insert(pieces.end(), more.begin(), more.end());
    bytes += sourceBytes(weights[i], weights[i].elements);
  }
  constexpr uint64_t kMegabyte = 1'000'000;
  Progress progress(what, bytes / kMegabyte, "MB");
  std::atomic<uint64_t> done{0};

  std::vector<std::vector<float>> buffers(static_cast<size_t>(pool.threads()));
  const auto readOne = [&](const Piece &piece, int worker) {
    const StreamedWeight &weight = weights[piece.weight];
    std::vector<float> &values = buffers[static_cast<size_t>(worker)];
    if (!weight.asStored)
      readPiece(weight, piece, sources, values);
    consume(piece, weight.asStored ? nullptr : values.data(), worker);
    const uint64_t read = sourceBytes(weight, piece.end - piece.begin);
    const uint64_t before = done.fetch_add(read);
    progress.advance((before + read) / kMegabyte - before / kMegabyte);
  };

  // The files' hashes are the longest pieces of work and go first.
  pool.parallelFor(files + static_cast<int64_t>(pieces.size()), 1,
                   [&](int64_t begin, int64_t end, int worker) {
                     for (int64_t i = begin; i < end; ++i)
                       if (i < files)
                         sources.checkContents(static_cast<size_t>(i));
                       else
                         readOne(pieces[static_cast<size_t>(i - files)],
                                 worker);
                   });
}

void encode::streamWeights(const std::vector<StreamedWeight> &weights,
                           const WeightSources &sources,
                           const std::string &what,
                           const PieceConsumer &consume, ThreadPool &pool) {
  const auto files = static_cast<int64_t>(sources.fileCount());
  try {
    stream(weights, sources, what, consume, pool, files);
  } catch (const Error &) {
    // A changed file explains every other failure.
    for (int64_t i = 0; i < files; ++i)
      sources.checkContents(static_cast<size_t>(i));
    throw;
  }
}

void encode::streamChecked(const std::vector<StreamedWeight> &weights,
                           const WeightSources &sources,
                           const std::string &what,
                           const PieceConsumer &consume, ThreadPool &pool) {
  stream(weights, sources, what, consume, pool, 0);
}
