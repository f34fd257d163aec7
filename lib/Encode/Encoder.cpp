//===- Encoder.cpp - Source weights to the weights section ----------------===//

#include "qzc/Encode/Encoder.h"

#include "Coding.h"
#include "KeptScales.h"

#include "qzc/Encode/InputScales.h"
#include "qzc/Encode/Stream.h"
#include "qzc/Format/Portable.h"
#include "qzc/Format/Schemes/Dense.h"
#include "qzc/Support/Error.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <deque>
#include <map>
#include <optional>

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
/// One thread's encoded parts, and what making them takes.
struct Workspace {
  std::array<std::vector<std::byte>, 4> parts;
  CodingMemory memory;
};
} // namespace

/// Whether the source holds the very codes and scales that are to be stored.
static bool isStoredAlready(const Tensor &tensor, const WeightRef &ref) {
  return ref.packed && tensor.source.rows.empty() &&
         tensor.method == format::Method::Rtn &&
         format::storedAlike(ref.packed->shape, tensor.shape);
}

static StreamedWeight streamed(const Tensor &tensor,
                               const format::Factors &factors,
                               const WeightRef &ref, const Coding &coding) {
  const bool asStored = isStoredAlready(tensor, ref);
  return {tensor.source,
          ref,
          tensor.shape.rows * tensor.shape.cols,
          asStored ? format::pieceUnit(tensor.shape) : coding.unit(),
          asStored,
          factors.any() ? &factors : nullptr};
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

/// Makes room for the parts of `count` elements.
static void prepare(const PackedShape &shape, int64_t count,
                    Workspace &workspace, std::byte *(&parts)[4]) {
  const size_t partCount = format::layout(shape).size();
  for (size_t i = 0; i < partCount; ++i) {
    workspace.parts[i].resize(format::partBytes(shape, i, count));
    parts[i] = workspace.parts[i].data();
  }
}

/// Encodes a piece to the workspace's parts; returns the largest decoded
/// magnitude.
static float encodePiece(const Tensor &tensor, const Coding &coding,
                         const Piece &piece, const float *values,
                         Workspace &workspace) {
  const PackedShape shape = format::streamedShape(tensor.shape);
  const int64_t count = piece.end - piece.begin;
  std::byte *parts[4] = {};
  prepare(shape, count, workspace, parts);
  const float largest = coding.encode(values, count, parts, workspace.memory);
  if (!std::isfinite(largest))
    failOverflow(tensor, piece, values, parts);
  return largest;
}

/// Copies a piece of a source that is stored already. Returns its largest
/// magnitude.
static float copyPiece(const Tensor &tensor, const WeightRef &ref,
                       const Piece &piece, const WeightSources &sources,
                       Workspace &workspace, const SectionWriter &write) {
  const int64_t count = piece.end - piece.begin;
  std::byte *parts[4] = {};
  prepare(tensor.shape, count, workspace, parts);
  sources.readParts(tensor.source, ref, piece.begin, piece.end, parts);

  format::PackedView view;
  view.shape = format::pieceShape(tensor.shape, count);
  std::copy(std::begin(parts), std::end(parts), std::begin(view.parts));
  std::vector<float> values(static_cast<size_t>(count));
  format::decodeRows(view, 0, view.shape.rows, values.data());
  requireFinite(tensor.source, values.data(), piece.begin, count);

  const std::vector<PartLayout> layout = format::layout(tensor.shape);
  for (size_t i = 0; i < layout.size(); ++i)
    write(tensor.offset + layout[i].offset +
              format::partBytes(tensor.shape, i, piece.begin),
          workspace.parts[i].data(), workspace.parts[i].size());
  return format::largestMagnitude(values.data(), count);
}

/// Encodes a piece and writes its parts, each to its place in the section.
/// Scales go to `kept` where there is one, and are written after the tensor's
/// last piece. Returns the largest decoded magnitude, as far as it is known.
static float encodeAndWrite(const Tensor &tensor, const Coding &coding,
                            const Piece &piece, const float *values,
                            Workspace &workspace, KeptScales *kept,
                            const SectionWriter &write) {
  float largest = encodePiece(tensor, coding, piece, values, workspace);
  const std::vector<PartLayout> layout = format::layout(tensor.shape);
  const size_t streamed = kept ? scalesPart(tensor.shape) : layout.size();
  for (size_t i = 0; i < streamed; ++i)
    write(tensor.offset + layout[i].offset +
              format::partBytes(tensor.shape, i, piece.begin),
          workspace.parts[i].data(), workspace.parts[i].size());
  if (!kept)
    return largest;
  if (!kept->take(piece.begin, workspace.parts[streamed]))
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

namespace {
/// Tensors that are encoded in one pass: those of one input, or all that need
/// nothing of the size of an input's products.
struct Batch {
  std::vector<size_t> tensors;
  InputStatistics input; ///< with `products` where they are needed
};

/// The whole section, batch by batch.
class SectionEncoder {
public:
  SectionEncoder(std::vector<Tensor> &tensors,
                 const std::vector<format::Factors> &factors,
                 const std::vector<WeightRef> &refs,
                 const WeightSources &sources, const SectionWriter &write,
                 ThreadPool &pool, const Statistics *statistics,
                 const CodeStore *codes)
      : Tensors(tensors), Factors(factors), Refs(refs), Sources(sources),
        Write(write), Pool(pool), Stats(statistics), Codes(codes),
        Kept(tensors.size()), Largest(tensors.size()),
        Workspaces(static_cast<size_t>(pool.threads())) {
    for (size_t i = 0; codes && i < tensors.size(); ++i)
      Kept[i] = codes->find(tensors[i]);
  }

  /// `checked`: the files' contents have been compared with their hashes.
  void run(bool checked);

private:
  std::vector<Batch> batches() const;
  void encode(const Batch &batch, bool checked);
  void copyKept();

  std::vector<Tensor> &Tensors;
  const std::vector<format::Factors> &Factors;
  const std::vector<WeightRef> &Refs;
  const WeightSources &Sources;
  const SectionWriter &Write;
  ThreadPool &Pool;
  const Statistics *Stats;
  const CodeStore *Codes;
  std::vector<const CodeStore::Entry *> Kept; ///< null: to be encoded
  /// Magnitudes as bits, which have the same order.
  std::vector<std::atomic<uint32_t>> Largest;
  std::vector<Workspace> Workspaces;
};
} // namespace

static std::optional<InputStatistics> inputOf(const Tensor &tensor,
                                              const Statistics *statistics) {
  if (tensor.method == format::Method::Rtn || !statistics)
    return std::nullopt;
  return statistics->find(tensor.source.name);
}

std::vector<Batch> SectionEncoder::batches() const {
  std::vector<Batch> batches(1);
  std::map<const float *, size_t> byInput;
  for (size_t i = 0; i < Tensors.size(); ++i) {
    if (Kept[i])
      continue;
    const std::optional<InputStatistics> input = inputOf(Tensors[i], Stats);
    requireInput(Tensors[i], input);
    if (Tensors[i].method != format::Method::Gptq) {
      batches.front().tensors.push_back(i);
      continue;
    }
    const auto [entry, isNew] =
        byInput.try_emplace(input->products, batches.size());
    if (isNew)
      batches.push_back({{}, *input});
    batches[entry->second].tensors.push_back(i);
  }
  return batches;
}

void SectionEncoder::encode(const Batch &batch, bool checked) {
  std::optional<Feedback> feedback;
  if (batch.input.products)
    feedback.emplace(batch.input, Tensors[batch.tensors.front()].source.name,
                     Pool);
  std::vector<StreamedWeight> weights;
  std::vector<Coding> codings;
  std::vector<KeptScales *> kept(batch.tensors.size());
  std::deque<KeptScales> keptScales;
  for (size_t i = 0; i < batch.tensors.size(); ++i) {
    const size_t index = batch.tensors[i];
    const Tensor &tensor = Tensors[index];
    codings.emplace_back(tensor, Factors[index], inputOf(tensor, Stats),
                         feedback ? &*feedback : nullptr);
    weights.push_back(
        streamed(tensor, Factors[index], Refs[index], codings.back()));
    if (tensor.shape.scales == format::ScaleCodec::Double &&
        !weights[i].asStored)
      kept[i] = &keptScales.emplace_back(
          tensor.shape, static_cast<int64_t>(piecesOf(weights[i], i).size()));
  }
  (checked ? streamChecked : streamWeights)(
      weights, Sources, "encode",
      [&](const Piece &piece, const float *values, int worker) {
        const size_t i = piece.weight;
        const size_t tensor = batch.tensors[i];
        Workspace &workspace = Workspaces[static_cast<size_t>(worker)];
        raise(Largest[tensor],
              weights[i].asStored
                  ? copyPiece(Tensors[tensor], Refs[tensor], piece, Sources,
                              workspace, Write)
                  : encodeAndWrite(Tensors[tensor], codings[i], piece, values,
                                   workspace, kept[i], Write));
      },
      Pool);
}

/// Copies what was encoded before, in pieces of a MB.
void SectionEncoder::copyKept() {
  constexpr uint64_t kPiece = uint64_t{1} << 20;
  struct Range {
    size_t tensor;
    uint64_t begin; ///< within the tensor
    uint64_t end;
  };
  std::vector<Range> ranges;
  for (size_t i = 0; i < Tensors.size(); ++i)
    if (Kept[i])
      for (const PartLayout &part : format::layout(Tensors[i].shape))
        for (uint64_t at = 0; at < part.bytes; at += kPiece)
          ranges.push_back({i, part.offset + at,
                            part.offset + std::min(at + kPiece, part.bytes)});
  Pool.parallelFor(static_cast<int64_t>(ranges.size()), 1,
                   [&](int64_t begin, int64_t end, int worker) {
                     std::vector<std::byte> &bytes =
                         Workspaces[static_cast<size_t>(worker)].parts.front();
                     for (int64_t i = begin; i < end; ++i) {
                       const Range &range = ranges[static_cast<size_t>(i)];
                       bytes.resize(range.end - range.begin);
                       Codes->read(*Kept[range.tensor], range.begin,
                                   bytes.data(), bytes.size());
                       Write(Tensors[range.tensor].offset + range.begin,
                             bytes.data(), bytes.size());
                     }
                   });
}

void SectionEncoder::run(bool checked) {
  for (Tensor &tensor : Tensors) {
    const std::optional<InputStatistics> input = inputOf(tensor, Stats);
    tensor.calibrated = input ? std::string(input->name) : "";
  }
  for (const Batch &batch : batches()) {
    encode(batch, checked);
    checked = true;
  }
  copyKept();
  for (size_t i = 0; i < Tensors.size(); ++i)
    Tensors[i].f16Exponent =
        Kept[i] ? Kept[i]->f16Exponent
                : f16Exponent(format::floatFromBits(Largest[i].load()));
}

std::vector<format::Factors> encode::encodeWeights(
    std::vector<Tensor> &tensors, const std::vector<WeightRef> &refs,
    const WeightSources &sources, const SectionWriter &write, ThreadPool &pool,
    const Statistics *statistics, const CodeStore *codes) {
  std::vector<format::Factors> factors =
      scaleInputs(tensors, refs, sources, statistics,
                  codes ? codes->scales() : ChosenScales(), pool);
  SectionEncoder(tensors, factors, refs, sources, write, pool, statistics,
                 codes)
      .run(/*checked=*/false);
  return factors;
}

void encode::encodeChecked(std::vector<Tensor> &tensors,
                           const std::vector<format::Factors> &factors,
                           const std::vector<WeightRef> &refs,
                           const WeightSources &sources,
                           const SectionWriter &write, ThreadPool &pool,
                           const Statistics *statistics) {
  SectionEncoder(tensors, factors, refs, sources, write, pool, statistics,
                 /*codes=*/nullptr)
      .run(/*checked=*/true);
}

std::vector<std::byte> encode::encodeTensor(const Tensor &tensor,
                                            const WeightRef &ref,
                                            const WeightSources &sources) {
  requireInput(tensor, std::nullopt);
  const format::Factors none;
  const Coding coding(tensor, none, std::nullopt, nullptr);
  std::vector<std::byte> bytes(format::paddedBytes(tensor.shape));
  const SectionWriter write = [&](uint64_t offset, const void *data,
                                  size_t count) {
    const auto *from = static_cast<const std::byte *>(data);
    std::copy(from, from + count, bytes.data() + (offset - tensor.offset));
  };
  Workspace workspace;
  std::vector<float> values;
  const StreamedWeight weight = streamed(tensor, none, ref, coding);
  const std::vector<Piece> pieces = piecesOf(weight, 0);
  KeptScales kept(tensor.shape, static_cast<int64_t>(pieces.size()));
  for (const Piece &piece : pieces) {
    if (weight.asStored) {
      copyPiece(tensor, ref, piece, sources, workspace, write);
      continue;
    }
    readPiece(weight, piece, sources, values);
    encodeAndWrite(tensor, coding, piece, values.data(), workspace,
                   tensor.shape.scales == format::ScaleCodec::Double ? &kept
                                                                     : nullptr,
                   write);
  }
  return bytes;
}
