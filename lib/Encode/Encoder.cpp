//===- Encoder.cpp - Source weights to the weights section ----------------===//

#include "qzc/Encode/Encoder.h"

#include "qzc/Format/Portable.h"
#include "qzc/Format/Schemes/Dense.h"
#include "qzc/Support/Error.h"
#include "qzc/Support/Progress.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>

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

/// Some value became infinite in the stored type: says which.
[[noreturn]] static void
failOverflow(const Tensor &tensor, const Workspace &workspace, int64_t begin) {
  std::array<std::byte, sizeof(float)> stored;
  std::byte *part = stored.data();
  const PackedShape &shape = tensor.shape;
  const float *bad = std::find_if(
      workspace.values.data(),
      workspace.values.data() + workspace.values.size(), [&](float value) {
        return std::isinf(format::encodeElements(shape, &value, 1, &part));
      });
  const int64_t index = begin + (bad - workspace.values.data());
  throw Error(tensorAt(tensor, index) + " is " + std::to_string(*bad) +
              ", which does not fit " + std::string(format::name(shape.dtype)) +
              ": choose another --dtype");
}

/// Reads and encodes a chunk to the workspace's parts; returns the largest
/// decoded magnitude.
static float encodeChunk(const Tensor &tensor, const WeightRef &ref,
                         const WeightSources &sources, int64_t begin,
                         int64_t end, Workspace &workspace) {
  const int64_t count = end - begin;
  workspace.values.resize(static_cast<size_t>(count));
  float *values = workspace.values.data();
  sources.read(tensor.source, ref, begin, end, values);
  requireFinite(tensor, values, begin, count);

  std::byte *parts[4] = {};
  const size_t partCount = format::layout(tensor.shape).size();
  for (size_t i = 0; i < partCount; ++i) {
    workspace.parts[i].resize(format::partBytes(tensor.shape, i, count));
    parts[i] = workspace.parts[i].data();
  }
  const float largest =
      format::encodeElements(tensor.shape, values, count, parts);
  if (!std::isfinite(largest))
    failOverflow(tensor, workspace, begin);
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

/// Writes a chunk's parts, each to its place in the section.
static void writeChunk(const Tensor &tensor, int64_t begin,
                       const Workspace &workspace, const SectionWriter &write) {
  size_t index = 0;
  for (const PartLayout &part : format::layout(tensor.shape)) {
    const std::vector<std::byte> &bytes = workspace.parts[index];
    write(tensor.offset + part.offset +
              format::partBytes(tensor.shape, index, begin),
          bytes.data(), bytes.size());
    ++index;
  }
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
  uint64_t bytes = 0;
  for (size_t i = 0; i < tensors.size(); ++i) {
    sources.check(tensors[i].source, refs[i]);
    const std::vector<Chunk> more = makeChunks(tensors[i], i);
    chunks.insert(chunks.end(), more.begin(), more.end());
    bytes += format::storedBytes(tensors[i].shape);
  }
  // Magnitudes as bits, which have the same order.
  std::vector<std::atomic<uint32_t>> largest(tensors.size());
  std::vector<Workspace> workspaces(static_cast<size_t>(pool.threads()));
  const auto files = static_cast<int64_t>(sources.fileCount());

  constexpr uint64_t kMegabyte = 1'000'000;
  Progress progress("encode", bytes / kMegabyte, "MB");
  std::atomic<uint64_t> done{0};

  const auto encodeOne = [&](const Chunk &chunk, Workspace &workspace) {
    const Tensor &tensor = tensors[chunk.tensor];
    raise(largest[chunk.tensor],
          encodeChunk(tensor, refs[chunk.tensor], sources, chunk.begin,
                      chunk.end, workspace));
    writeChunk(tensor, chunk.begin, workspace, write);
    uint64_t written = 0;
    for (const auto &part : workspace.parts)
      written += part.size();
    for (auto &part : workspace.parts)
      part.clear();
    const uint64_t before = done.fetch_add(written);
    progress.advance((before + written) / kMegabyte - before / kMegabyte);
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
  Workspace workspace;
  for (const Chunk &chunk : makeChunks(tensor, 0)) {
    encodeChunk(tensor, ref, sources, chunk.begin, chunk.end, workspace);
    writeChunk(tensor, chunk.begin, workspace,
               [&](uint64_t offset, const void *data, size_t count) {
                 const auto *from = static_cast<const std::byte *>(data);
                 std::copy(from, from + count,
                           bytes.data() + (offset - tensor.offset));
               });
  }
  return bytes;
}
