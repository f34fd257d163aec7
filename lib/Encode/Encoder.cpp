//===- Encoder.cpp - Source weights to the weights section ----------------===//

#include "qzc/Encode/Encoder.h"

#include "KeptScales.h"

#include "qzc/Encode/Stream.h"
#include "qzc/Format/Portable.h"
#include "qzc/Format/Schemes/Dense.h"
#include "qzc/Support/Error.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <deque>

using namespace qzc;
using namespace qzc::encode;
using format::PackedShape;
using format::PartLayout;
using format::Tensor;

uint64_t encode::assignOffsets(std::vector<Tensor> &tensors) {
  uint64_t end = 0;
  for (Tensor &tensor : tensors) {
    if (const auto wrong = format::checkShape(tensor.shape))
      throw Error("tensor '" + tensor.source.name +
                  "': " + std::string(*wrong));
    tensor.offset = end;
    end += format::paddedBytes(tensor.shape);
  }
  return end;
}

int32_t encode::f16Exponent(float largest) {
  int32_t exponent = 0;
  while (std::ldexp(largest, -exponent) > format::dense::kLargestF16)
    ++exponent;
  return exponent;
}

format::PackedView encode::viewOf(const PackedShape &shape,
                                  const std::byte *bytes) {
  format::PackedView view;
  view.shape = shape;
  size_t index = 0;
  for (const PartLayout &part : format::layout(shape))
    view.parts[index++] = bytes + part.offset;
  return view;
}

namespace {
/// One thread's encoded parts.
using Workspace = std::array<std::vector<std::byte>, 4>;
} // namespace

static StreamedWeight streamed(const Tensor &tensor, const WeightRef &ref) {
  return {tensor.source, ref, tensor.shape.rows * tensor.shape.cols,
          format::encodingUnit(tensor.shape)};
}

/// Some value or scale became infinite in the stored type: says which.
[[noreturn]] static void failOverflow(const Tensor &tensor, const Piece &piece,
                                      const float *values,
                                      std::byte *const *parts) {
  const PackedShape shape = format::streamedShape(tensor.shape);
  const int64_t unit = format::encodingUnit(shape);
  const int64_t count = piece.end - piece.begin;
  int64_t at = 0;
  while (at + unit < count &&
         std::isfinite(format::encodeElements(shape, values + at, unit, parts)))
    at += unit;
  const std::string where = describeElement(tensor.source, piece.begin + at);
  if (shape.scheme == format::Scheme::None)
    throw Error(
        where + " is " + std::to_string(values[at]) + ", which does not fit " +
        std::string(format::name(shape.dtype)) + ": choose another --dtype");
  throw Error(where + ": the scale of the " + std::to_string(unit) +
              " values from there on does not fit the type that " +
              std::string(format::name(shape.scheme)) +
              " stores it in: choose another scheme");
}

/// Encodes a piece to the workspace's parts; returns the largest decoded
/// magnitude.
static float encodePiece(const Tensor &tensor, const Piece &piece,
                         const float *values, Workspace &workspace) {
  const PackedShape shape = format::streamedShape(tensor.shape);
  const int64_t count = piece.end - piece.begin;
  std::byte *parts[4] = {};
  const size_t partCount = format::layout(shape).size();
  for (size_t i = 0; i < partCount; ++i) {
    workspace[i].resize(format::partBytes(shape, i, count));
    parts[i] = workspace[i].data();
  }
  const float largest = format::encodeElements(shape, values, count, parts);
  if (!std::isfinite(largest))
    failOverflow(tensor, piece, values, parts);
  return largest;
}

/// Encodes a piece and writes its parts, each to its place in the section.
/// Scales go to `kept` where there is one, and are written after the tensor's
/// last piece. Returns the largest decoded magnitude, as far as it is known.
static float encodeAndWrite(const Tensor &tensor, const Piece &piece,
                            const float *values, Workspace &workspace,
                            KeptScales *kept, const SectionWriter &write) {
  float largest = encodePiece(tensor, piece, values, workspace);
  const std::vector<PartLayout> layout = format::layout(tensor.shape);
  const size_t streamed = kept ? scalesPart(tensor.shape) : layout.size();
  for (size_t i = 0; i < streamed; ++i)
    write(tensor.offset + layout[i].offset +
              format::partBytes(tensor.shape, i, piece.begin),
          workspace[i].data(), workspace[i].size());
  if (!kept)
    return largest;
  if (!kept->take(piece.begin, workspace[streamed]))
    return 0;
  const std::vector<std::byte> scales = kept->finish(largest);
  if (!std::isfinite(largest))
    throw Error("tensor '" + tensor.source.name +
                "': its quantized scales do not fit f32: leave --double-quant "
                "out");
  write(tensor.offset + layout[streamed].offset, scales.data(), scales.size());
  return largest;
}

static void raise(std::atomic<uint32_t> &largest, float value) {
  const uint32_t bits = format::floatBits(value);
  uint32_t seen = largest.load();
  while (seen < bits && !largest.compare_exchange_weak(seen, bits)) {
  }
}

void encode::encodeWeights(std::vector<Tensor> &tensors,
                           const std::vector<WeightRef> &refs,
                           const WeightSources &sources,
                           const SectionWriter &write, ThreadPool &pool) {
  std::vector<StreamedWeight> weights;
  std::vector<KeptScales *> kept(tensors.size());
  std::deque<KeptScales> keptScales;
  for (size_t i = 0; i < tensors.size(); ++i) {
    weights.push_back(streamed(tensors[i], refs[i]));
    if (tensors[i].shape.scales == format::ScaleCodec::Double)
      kept[i] = &keptScales.emplace_back(
          tensors[i].shape,
          static_cast<int64_t>(piecesOf(weights[i], i).size()));
  }
  // Magnitudes as bits, which have the same order.
  std::vector<std::atomic<uint32_t>> largest(tensors.size());
  std::vector<Workspace> workspaces(static_cast<size_t>(pool.threads()));
  streamWeights(
      weights, sources, "encode",
      [&](const Piece &piece, const float *values, int worker) {
        const size_t i = piece.weight;
        raise(largest[i],
              encodeAndWrite(tensors[i], piece, values,
                             workspaces[static_cast<size_t>(worker)], kept[i],
                             write));
      },
      pool);
  for (size_t i = 0; i < tensors.size(); ++i)
    tensors[i].f16Exponent =
        f16Exponent(format::floatFromBits(largest[i].load()));
}

std::vector<std::byte> encode::encodeTensor(const Tensor &tensor,
                                            const WeightRef &ref,
                                            const WeightSources &sources) {
  std::vector<std::byte> bytes(format::paddedBytes(tensor.shape));
  const SectionWriter write = [&](uint64_t offset, const void *data,
                                  size_t count) {
    const auto *from = static_cast<const std::byte *>(data);
    std::copy(from, from + count, bytes.data() + (offset - tensor.offset));
  };
  Workspace workspace;
  std::vector<float> values;
  const StreamedWeight weight = streamed(tensor, ref);
  const std::vector<Piece> pieces = piecesOf(weight, 0);
  KeptScales kept(tensor.shape, static_cast<int64_t>(pieces.size()));
  for (const Piece &piece : pieces) {
    readPiece(weight, piece, sources, values);
    encodeAndWrite(tensor, piece, values.data(), workspace,
                   tensor.shape.scales == format::ScaleCodec::Double ? &kept
                                                                     : nullptr,
                   write);
  }
  return bytes;
}
