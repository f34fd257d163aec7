//===- OrderLowering.cpp - Which weights are read by tiles ----------------===//

#include "Lowerer.h"

#include "Kernels/Arrange.h"

#include <algorithm>

using namespace qzc;
using namespace qzc::cuda;
using format::Launch;
using kernels::kTileChunks;
using kernels::kTileHeight;
using kernels::WeightOrder;

/// The largest power of two that divides `bytes`, at most 16.
static int64_t unitOf(int64_t bytes) {
  return std::min<int64_t>(bytes & -bytes, 16);
}

/// Bytes of a row's group in each part that is in the order of the elements;
/// none where the weight has to stay as it is.
static std::vector<int64_t> groupBytes(const format::PackedShape &shape,
                                       const Gpu &gpu) {
  const int64_t group = kTileChunks * perChunk(shape);
  const bool hasRowScales = kernels::hasRowScales(weightConfig(shape));
  // Quantized scales are codes of groups of their own.
  const bool isTiled = shape.rows % kTileHeight == 0 &&
                       shape.cols % group == 0 &&
                       shape.scales != format::ScaleCodec::Double &&
                       (hasRowScales || group % encodingUnit(shape) == 0);
  if (!isTiled)
    return {};
  std::vector<int64_t> bytes;
  const size_t parts = hasRowScales ? 1 : layout(shape).size();
  for (size_t part = 0; part < parts; ++part) {
    const auto ofRow = static_cast<int64_t>(partBytes(shape, part, shape.cols));
    bytes.push_back(ofRow / (shape.cols / group));
    if (kTileHeight * ofRow > mostSharedBytes(gpu) || unitOf(bytes.back()) < 2)
      return {};
  }
  return bytes;
}

/// Linear layers that read the weight.
static int64_t readersOf(const format::Plan &plan, int32_t weight) {
  int64_t readers = 0;
  for (const auto *list : {&plan.body, &plan.head})
    for (const Launch &launch : *list)
      if (launch.opcode == format::Opcode::Linear)
        readers += std::count(launch.weights.begin(), launch.weights.end(),
                              weight) > 0;
  return readers;
}

void Lowerer::noteTiles(const Launch &launch, const PartGroup &group) {
  const auto first =
      launch.weights.begin() + static_cast<std::ptrdiff_t>(group.first);
  const auto last = first + static_cast<std::ptrdiff_t>(group.count);
  // Parts of a layer are read alike.
  if (std::all_of(first, last, [&](int32_t weight) {
        return readersOf(M.plan, weight) == 1 &&
               !groupBytes(tensor(weight).shape, Target).empty();
      }))
    ReadsTiles.insert(first, last);
}

std::set<int32_t> Lowerer::tiledWeights(mlir::MLIRContext &context,
                                        const format::Manifest &manifest,
                                        const Gpu &gpu) {
  // What one token's kernels are decides it, and by then others of them read
  // these weights: so they are lowered twice.
  Lowerer trial(context, manifest, gpu, {});
  Launches &decode = trial.Builder.addList(ListKind::Decode);
  trial.lowerList(Phase::DecodeBody, decode);
  trial.lowerList(Phase::DecodeHead, decode);
  return trial.ReadsTiles;
}

kernels::WeightConfig Lowerer::weightConfigOf(int32_t index) const {
  kernels::WeightConfig weight = weightConfig(tensor(index).shape);
  if (Tiled.count(index) > 0)
    weight.order = WeightOrder::Tiles;
  return weight;
}

void Lowerer::lowerArrange(Launches &out) {
  for (int32_t index : Tiled) {
    const format::PackedShape &shape = tensor(index).shape;
    const std::vector<int64_t> bytes = groupBytes(shape, Target);
    for (size_t part = 0; part < bytes.size(); ++part) {
      const int64_t unit = unitOf(bytes[part]);
      KernelLaunch<kernels::ArrangeTiles> arrange;
      arrange.config = {toInt(unit)};
      arrange.args.part = argOf<void *>(format::CudaArg::Kind::Tensor, index,
                                        static_cast<int64_t>(part));
      arrange.args.units = intOf(bytes[part] / unit);
      arrange.args.groups = intOf(shape.cols / (kTileChunks * perChunk(shape)));
      arrange.grid[0] = {shape.rows / kTileHeight, 0};
      arrange.sharedBytes = static_cast<uint32_t>(
          kTileHeight *
          static_cast<int64_t>(partBytes(shape, part, shape.cols)));
      Builder.add(out, arrange);
    }
  }
}
