//===- Encoder.cpp - Source weights to the weights section ----------------===//

#include "qzc/Encode/Encoder.h"

#include "KeptScales.h"

#include "qzc/Format/Portable.h"
#include "qzc/Format/Schemes/Dense.h"
#include "qzc/Support/Error.h"
#include "qzc/Support/Progress.h"

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

/// Values a thread holds at a time (a row or block more where they are large).
static constexpr int64_t kChunkElements = int64_t{1} << 19;

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
/// Consecutive elements of one tensor that are encoded together.
struct Chunk {
  size_t tensor;
  int64_t begin;
  int64_t end;
};

/// One thread's memory.
struct Workspace {
  std::vector<float> values;
  std::array<std::vector<std::byte>, 4> parts;
};
} // namespace

static std::string tensorAt(const Tensor &tensor, int64_t index) {
  return "tensor '" + tensor.source.name + "' at " +
         sourcePosition(tensor.source, index);
}

static void requireFinite(const Tensor &tensor, const float *values,
                          int64_t begin, int64_t count) {
  bool finite = true;
  for (int64_t i = 0; i < count; ++i)
    finite &= (format::floatBits(values[i]) & 0x7f800000u) != 0x7f800000u;
  if (finite)
    return;
  const float *bad = std::find_if(values, values + count, [](float value) {
    return !std::isfinite(value);
  });
  throw Error(tensorAt(tensor, begin + (bad - values)) + " is " +
              (std::isnan(*bad) ? "NaN" : "infinite") +
              ": the weights are damaged");
}

/// Some value or scale became infinite in the stored type: says which.
[[noreturn]] static void failOverflow(const Tensor &tensor,
                                      Workspace &workspace, int64_t begin,
                                      std::byte *const *parts) {
  const PackedShape shape = format::streamedShape(tensor.shape);
  const int64_t unit = format::encodingUnit(shape);
  const auto count = static_cast<int64_t>(workspace.values.size());
  const float *values = workspace.values.data();
  int64_t at = 0;
  while (at + unit < count &&
         std::isfinite(format::encodeElements(shape, values + at, unit, parts)))
    at += unit;
  if (shape.scheme == format::Scheme::None)
    throw Error(tensorAt(tensor, begin + at) + " is " +
                std::to_string(values[at]) + ", which does not fit " +
                std::string(format::name(shape.dtype)) +
                ": choose another --dtype");
  throw Error(tensorAt(tensor, begin + at) + ": the scale of the " +
              std::to_string(unit) +
              " values from there on does not fit the type that " +
              std::string(format::name(shape.scheme)) +
              " stores it in: choose another scheme");
}

/// Reads and encodes a chunk to the workspace's parts; returns the largest
/// decoded magnitude.
static float encodeChunk(const Tensor &tensor, const WeightRef &ref,
                         const WeightSources &sources, const Chunk &chunk,
                         Workspace &workspace) {
  const PackedShape shape = format::streamedShape(tensor.shape);
  const int64_t count = chunk.end - chunk.begin;
  workspace.values.resize(static_cast<size_t>(count));
  float *values = workspace.values.data();
  sources.read(tensor.source, ref, chunk.begin, chunk.end, values);
  requireFinite(tensor, values, chunk.begin, count);

  std::byte *parts[4] = {};
  const size_t partCount = format::layout(shape).size();
  for (size_t i = 0; i < partCount; ++i) {
    workspace.parts[i].resize(format::partBytes(shape, i, count));
    parts[i] = workspace.parts[i].data();
  }
  const float largest = format::encodeElements(shape, values, count, parts);
  if (!std::isfinite(largest))
    failOverflow(tensor, workspace, chunk.begin, parts);
  return largest;
}

static std::vector<Chunk> makeChunks(const Tensor &tensor, size_t index) {
  const int64_t unit = format::encodingUnit(tensor.shape);
  const int64_t size = std::max<int64_t>(1, kChunkElements / unit) * unit;
  const int64_t count = tensor.shape.rows * tensor.shape.cols;
  std::vector<Chunk> chunks;
  for (int64_t begin = 0; begin < count; begin += size)
    chunks.push_back({index, begin, std::min(count, begin + size)});
  return chunks;
}

/// Encodes a chunk and writes its parts, each to its place in the section.
/// Scales go to `kept` where there is one, and are written after the tensor's
/// last chunk. Returns the largest decoded magnitude, as far as it is known.
static float encodeAndWrite(const Tensor &tensor, const WeightRef &ref,
                            const WeightSources &sources, const Chunk &chunk,
                            Workspace &workspace, KeptScales *kept,
                            const SectionWriter &write) {
  float largest = encodeChunk(tensor, ref, sources, chunk, workspace);
  const std::vector<PartLayout> layout = format::layout(tensor.shape);
  const size_t streamed = kept ? scalesPart(tensor.shape) : layout.size();
  for (size_t i = 0; i < streamed; ++i)
    write(tensor.offset + layout[i].offset +
              format::partBytes(tensor.shape, i, chunk.begin),
          workspace.parts[i].data(), workspace.parts[i].size());
  if (!kept)
    return largest;
  if (!kept->take(chunk.begin, workspace.parts[streamed]))
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
  std::vector<Chunk> chunks;
  std::vector<KeptScales *> kept(tensors.size());
  std::deque<KeptScales> keptScales;
  uint64_t bytes = 0;
  for (size_t i = 0; i < tensors.size(); ++i) {
    sources.check(tensors[i].source, refs[i]);
    const std::vector<Chunk> more = makeChunks(tensors[i], i);
    chunks.insert(chunks.end(), more.begin(), more.end());
    bytes += format::storedBytes(tensors[i].shape);
    if (tensors[i].shape.doubleQuant)
      kept[i] = &keptScales.emplace_back(tensors[i].shape,
                                         static_cast<int64_t>(more.size()));
  }
  // Magnitudes as bits, which have the same order.
  std::vector<std::atomic<uint32_t>> largest(tensors.size());
  std::vector<Workspace> workspaces(static_cast<size_t>(pool.threads()));
  const auto files = static_cast<int64_t>(sources.fileCount());

  constexpr uint64_t kMegabyte = 1'000'000;
  Progress progress("encode", bytes / kMegabyte, "MB");
  std::atomic<uint64_t> done{0};
  const SectionWriter writeAndCount = [&](uint64_t offset, const void *data,
                                          size_t size) {
    write(offset, data, size);
    const uint64_t before = done.fetch_add(size);
    progress.advance((before + size) / kMegabyte - before / kMegabyte);
  };

  const auto encodeOne = [&](const Chunk &chunk, Workspace &workspace) {
    const size_t index = chunk.tensor;
    raise(largest[index],
          encodeAndWrite(tensors[index], refs[index], sources, chunk, workspace,
                         kept[index], writeAndCount));
  };

  // The files' hashes are the longest pieces of work and go first.
  try {
    pool.parallelFor(files + static_cast<int64_t>(chunks.size()), 1,
                     [&](int64_t begin, int64_t end, int worker) {
                       for (int64_t i = begin; i < end; ++i)
                         if (i < files)
                           sources.checkContents(static_cast<size_t>(i));
                         else
                           encodeOne(chunks[static_cast<size_t>(i - files)],
                                     workspaces[static_cast<size_t>(worker)]);
                     });
  } catch (const Error &) {
    // A changed file explains every other failure.
    for (int64_t i = 0; i < files; ++i)
      sources.checkContents(static_cast<size_t>(i));
    throw;
  }
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
  const std::vector<Chunk> chunks = makeChunks(tensor, 0);
  KeptScales kept(tensor.shape, static_cast<int64_t>(chunks.size()));
  for (const Chunk &chunk : chunks)
    encodeAndWrite(tensor, ref, sources, chunk, workspace,
                   tensor.shape.doubleQuant ? &kept : nullptr, write);
  return bytes;
}
