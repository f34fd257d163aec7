//===- LinearLowering.cpp - Linear layers: matvec for one token, GEMM -----===//

#include "Lowerer.h"

#include "qzc/Support/Error.h"

#include <algorithm>
#include <cmath>

using namespace qzc;
using namespace qzc::cuda;
using format::Launch;
using format::View;

/// The staged input must leave room for the static part in the 99 KiB of
/// shared memory that every supported GPU gives a block.
static constexpr int64_t kMostInputs = 24576;
/// Multiprocessors of the GPU that launch shapes are chosen for. Smaller ones
/// run the same blocks in more waves.
static constexpr int64_t kProcessors = 132;
/// Bytes of f16 weights in scratch: what stays in L2 between the conversion and
/// the GEMM that reads it.
static constexpr int64_t kSliceBytes = 32 << 20;
static constexpr int64_t kConvertRows = 8;

static int64_t ceilDiv(int64_t a, int64_t b) { return (a + b - 1) / b; }

/// Elements that 16 bytes hold: Weights<…>::kPerChunk in Kernels/.
static int64_t perChunk(const format::PackedShape &shape) {
  const int64_t unit = encodingUnit(shape);
  return 16 * unit / static_cast<int64_t>(partBytes(shape, 0, unit));
}

/// How a matvec is spread over warps and blocks.
namespace {
struct MatvecShape {
  int64_t warps = 4;
  int64_t perWarp = 1;
  int64_t passes = 1;
};
} // namespace

static MatvecShape chooseMatvecShape(int64_t rows, bool gated) {
  MatvecShape shape;
  // Few rows: as many blocks as there are processors; many: more bytes in
  // flight a warp, then several passes so that staging the input pays.
  if (rows > kProcessors * 32)
    shape.perWarp = gated ? 1 : 2;
  if (rows > kProcessors * 128)
    shape.perWarp = gated ? 2 : 4;
  if (rows / shape.perWarp >= kProcessors * 8)
    shape.warps = 8;
  const int64_t blocks = ceilDiv(rows, shape.warps * shape.perWarp);
  shape.passes = std::clamp<int64_t>(blocks / (kProcessors * 4), 1, 16);
  return shape;
}

/// Parts in runs of equal bias type; gated ones are one run.
std::vector<Lowerer::PartGroup>
Lowerer::partGroups(const Launch &launch) const {
  const auto &p = std::get<format::LinearParams>(launch.params);
  const auto parts = static_cast<size_t>(p.parts);
  std::vector<PartGroup> groups;
  int64_t column = 0;
  for (size_t i = 0; i < parts; ++i) {
    const bool join =
        i > 0 &&
        (!p.hasBias || tensor(launch.weights[parts + i]).shape.dtype ==
                           tensor(launch.weights[parts + i - 1]).shape.dtype);
    if (join)
      ++groups.back().count;
    else
      groups.push_back({i, 1, column});
    column += tensor(launch.weights[i]).shape.rows;
  }
  return groups;
}

void Lowerer::addMatvec(const Launch &launch, const FusedNorm &norm,
                        const PartGroup &group) {
  const auto &p = std::get<format::LinearParams>(launch.params);
  const auto parts = static_cast<size_t>(p.parts);
  const format::PackedShape &shape = tensor(launch.weights[group.first]).shape;
  const int64_t inputs = shape.cols;
  int64_t rows[3] = {};
  int64_t total = 0;
  for (size_t i = 0; i < group.count; ++i) {
    rows[i] = tensor(launch.weights[group.first + i]).shape.rows;
    total += rows[i];
  }
  if (p.gated)
    total = rows[0];
  const bool residual = launch.inputs.size() > 1;
  const MatvecShape spread = chooseMatvecShape(total, p.gated);
  const View &from = norm.launch ? norm.launch->inputs[0] : launch.inputs[0];
  const bool fast =
      inputs % perChunk(shape) == 0 && from.column % 4 == 0 &&
      (from.buffer != format::kHiddenBuffer || M.plan.hidden.column % 4 == 0);

  LaunchSpec spec;
  spec.kernel = "matvec";
  spec.templateArgs = {std::to_string(inputs),
                       std::to_string(rows[0]),
                       std::to_string(rows[1]),
                       std::to_string(rows[2]),
                       storageName(shape),
                       std::to_string(shape.blockSize),
                       flag(fast),
                       flag(p.gated)};
  spec.args = {inputArg(launch, norm)};
  describeNorm(norm.launch, spec.templateArgs, spec.args);
  std::string biasStorage = "Storage::F32";
  if (p.hasBias)
    biasStorage =
        storageName(tensor(launch.weights[parts + group.first]).shape);
  for (const std::string &arg :
       {std::string(flag(p.hasBias)), biasStorage,
        std::string(activationName(p.activation)), std::string(flag(residual)),
        std::to_string(spread.warps), std::to_string(spread.perWarp),
        std::to_string(spread.passes)})
    spec.templateArgs.push_back(arg);
  for (size_t i = 0; i < 3; ++i) {
    const bool present = i < group.count;
    const size_t index = group.first + i;
    spec.args.push_back(present ? partArg(launch.weights[index], 0, kBytes)
                                : unusedArg(kBytes));
    spec.args.push_back(present ? partArg(launch.weights[index], 1, kBytes)
                                : unusedArg(kBytes));
    spec.args.push_back(present && p.hasBias
                            ? partArg(launch.weights[parts + index], 0, kBytes)
                            : unusedArg(kBytes));
  }
  spec.args.push_back(residual
                          ? viewArg(launch.inputs[1], kFloats, group.column)
                          : unusedArg(kFloats));
  spec.args.push_back(viewArg(launch.outputs[0], kFloatsOut, group.column));
  spec.grid[0] = {ceilDiv(total, spread.warps * spread.perWarp * spread.passes),
                  0};
  spec.blockThreads = static_cast<uint32_t>(spread.warps * 32);
  const int64_t staged =
      fast ? ceilDiv(inputs, 32 * perChunk(shape)) * 32 * perChunk(shape)
           : inputs;
  spec.sharedBytes = static_cast<uint32_t>(staged * 4);
  Builder.add(*Out, spec);
}

/// The f16 activations of a layer's input, made unless they are there already.
TypedArg Lowerer::convertInput(const Launch &launch, const FusedNorm &norm,
                               TypedArg &scales) {
  const View &from = norm.launch ? norm.launch->inputs[0] : launch.inputs[0];
  const int64_t inputs = tensor(launch.weights[0]).shape.cols;
  const auto padded = static_cast<uint64_t>(ceilDiv(inputs, 8) * 8);
  scales = Builder.tokenScratch("rowScales", 4, kFloatsOut);
  TypedArg halves = Builder.tokenScratch("rows", padded * 2, kHalvesOut);

  LaunchSpec spec;
  spec.kernel = "convertRows";
  spec.templateArgs = {std::to_string(inputs)};
  spec.args = {viewArg(from, kFloats), intArg(stride(from))};
  describeNorm(norm.launch, spec.templateArgs, spec.args);
  spec.args.push_back(halves);
  spec.args.push_back(scales);
  spec.grid[0] = perToken();
  if (!Converted || Converted->norm != norm.launch ||
      Converted->from.buffer != from.buffer ||
      Converted->from.column != from.column ||
      Converted->from.columns != from.columns) {
    Builder.add(*Out, spec);
    Converted = {norm.launch, from};
  }
  scales.type = kFloats;
  halves.type = kHalves;
  return halves;
}

void Lowerer::addGemms(const Launch &launch, const FusedNorm &norm,
                       const PartGroup &group) {
  const auto &p = std::get<format::LinearParams>(launch.params);
  const auto parts = static_cast<size_t>(p.parts);
  const int64_t inputs = tensor(launch.weights[group.first]).shape.cols;
  const int64_t padded = ceilDiv(inputs, 8) * 8;
  TypedArg rowScales;
  const TypedArg halves = convertInput(launch, norm, rowScales);
  int64_t rows[3] = {};
  float scales[3] = {1.0f, 1.0f, 1.0f};
  float factors[3] = {1.0f, 1.0f, 1.0f};
  int64_t total = 0;
  for (size_t i = 0; i < group.count; ++i) {
    const format::Tensor &weight = tensor(launch.weights[group.first + i]);
    rows[i] = weight.shape.rows;
    total += rows[i];
    scales[i] = std::ldexp(1.0f, weight.f16Exponent);
    factors[i] = std::ldexp(1.0f, -weight.f16Exponent);
  }
  const format::Tensor &first = tensor(launch.weights[group.first]);
  const bool direct = group.count == 1 &&
                      first.shape.scheme == format::Scheme::None &&
                      first.shape.dtype == format::DType::F16 &&
                      first.f16Exponent == 0 && inputs % 8 == 0;
  const int64_t unit = p.gated ? 256 : 128;
  const int64_t slice =
      direct
          ? total
          : std::min(total,
                     std::max(unit, kSliceBytes / (padded * 2) / unit * unit));
  const bool large = total >= kProcessors * 16;
  const int64_t tile = large ? 128 : 64;
  const int64_t warpsM = 2;
  const int64_t warpsN = large ? 4 : 2;
  const View &out = launch.outputs[0];
  const bool residual = launch.inputs.size() > 1;

  for (int64_t begin = 0; begin < total; begin += slice) {
    const int64_t end = std::min(begin + slice, total);
    TypedArg weights = partArg(launch.weights[group.first], 0, kHalves);
    if (!direct) {
      weights = Builder.fixedScratch(
          "weights", static_cast<uint64_t>(slice * padded * 2), kHalvesOut);
      int64_t partBegin = 0;
      for (size_t i = 0; i < group.count; ++i) {
        // Rows of this part inside the slice, and where the first one goes.
        int64_t from = p.gated ? begin / 2 : std::max(begin, partBegin);
        int64_t to = p.gated ? end / 2 : std::min(end, partBegin + rows[i]);
        const int64_t target = p.gated ? static_cast<int64_t>(i) : from - begin;
        if (!p.gated) {
          from -= partBegin;
          to -= partBegin;
          partBegin += rows[i];
        }
        if (from >= to)
          continue;
        const format::PackedShape &shape =
            tensor(launch.weights[group.first + i]).shape;
        LaunchSpec convert;
        convert.kernel = "convertWeights";
        convert.templateArgs = {std::to_string(inputs), storageName(shape),
                                std::to_string(shape.blockSize),
                                flag(inputs % perChunk(shape) == 0)};
        convert.args = {partArg(launch.weights[group.first + i], 0, kBytes),
                        partArg(launch.weights[group.first + i], 1, kBytes),
                        intArg(from),
                        intArg(to - from),
                        floatArg(factors[i]),
                        intArg(p.gated ? 2 : 1),
                        intArg(target),
                        weights};
        convert.grid[0] = {ceilDiv(to - from, kConvertRows), 0};
        Builder.add(*Out, convert);
      }
      weights.type = kHalves;
    }

    LaunchSpec gemm;
    gemm.kernel = "gemm";
    gemm.templateArgs = {
        std::to_string(tile),
        std::to_string(tile),
        std::to_string(warpsM),
        std::to_string(warpsN),
        isHead() ? "Rows::Head" : "Rows::Tokens",
        flag(p.gated),
        flag(p.hasBias),
        p.hasBias
            ? storageName(tensor(launch.weights[parts + group.first]).shape)
            : "Storage::F32",
        activationName(p.activation),
        flag(residual)};
    const int64_t end0 = p.gated ? total : rows[0];
    gemm.args = {halves,
                 rowScales,
                 weights,
                 intArg(padded),
                 intArg(end - begin),
                 intArg(p.gated ? begin / 2 : begin),
                 intArg(end0),
                 intArg(end0 + rows[1])};
    for (size_t i = 0; i < 3; ++i) {
      const bool bias = p.hasBias && i < group.count;
      gemm.args.push_back(
          bias ? partArg(launch.weights[parts + group.first + i], 0, kBytes)
               : unusedArg(kBytes));
      gemm.args.push_back(floatArg(scales[i]));
    }
    gemm.args.push_back(residual
                            ? viewArg(launch.inputs[1], kFloats, group.column)
                            : unusedArg(kFloats));
    gemm.args.push_back(intArg(residual ? stride(launch.inputs[1]) : 0));
    gemm.args.push_back(viewArg(out, kFloatsOut, group.column));
    gemm.args.push_back(intArg(stride(out)));
    gemm.args.push_back(stateArg());
    gemm.grid[0] = perToken(tile);
    gemm.grid[1] = {ceilDiv(end - begin, tile), 0};
    gemm.blockThreads = static_cast<uint32_t>(warpsM * warpsN * 32);
    gemm.minBlocks = 2;
    gemm.sharedBytes = static_cast<uint32_t>(3 * 2 * tile * 64 * 2);
    Builder.add(*Out, gemm);
  }
}

void Lowerer::lowerLinear(const Launch &launch, const FusedNorm &norm) {
  const format::Tensor &first = tensor(launch.weights[0]);
  if (first.shape.cols > kMostInputs)
    throw Error("CUDA lowering: '" + first.source.name + "' has rows of " +
                std::to_string(first.shape.cols) + " elements, at most " +
                std::to_string(kMostInputs) + " are supported");
  for (const PartGroup &group : partGroups(launch)) {
    if (isDecode())
      addMatvec(launch, norm, group);
    else
      addGemms(launch, norm, group);
  }
}
