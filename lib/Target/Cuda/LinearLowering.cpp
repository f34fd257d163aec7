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
/// Bytes of f16 weights in scratch: what stays in L2 between the conversion and
/// the GEMM that reads it.
static constexpr int64_t kSliceBytes = 32 << 20;
static constexpr int64_t kConvertRows = 8;
/// Shared memory that every supported GPU gives a block, less what is static.
static constexpr int64_t kMostSharedBytes = 98 * 1024;

static int64_t ceilDiv(int64_t a, int64_t b) { return (a + b - 1) / b; }

/// Elements that 16 bytes hold, 32 of fewer than 8 bits: Weights<…>::kPerChunk
/// in Kernels/.
static int64_t perChunk(const format::PackedShape &shape) {
  const int64_t unit = encodingUnit(shape);
  const auto bytes = static_cast<int64_t>(partBytes(shape, 0, unit));
  return bytes >= unit ? 16 * unit / bytes : 32;
}

/// Whether weights have minima: Weights<…>::kAffine.
static bool hasMinima(const format::PackedShape &shape) {
  switch (shape.scheme) {
  case format::Scheme::Q4_1:
  case format::Scheme::Q5_1:
  case format::Scheme::Q4_K:
  case format::Scheme::Q5_K:
    return true;
  default:
    return shape.scales == format::ScaleCodec::Asym;
  }
}

/// Whether codes become operands of tensor cores: Operands<…>. The scales of
/// q6_k are of half a chunk.
static bool hasOperands(const format::PackedShape &shape) {
  return shape.scheme != format::Scheme::None &&
         shape.scheme != format::Scheme::Q6_K;
}

/// Type of Kernels/Weights.cuh that says where a view's rows are.
static std::string runsName(const format::RowView &view) {
  if (view.isOneRun())
    return "OneRun";
  return "EvenRuns<" + std::to_string(view.run) + ", " +
         std::to_string(view.stride) + ">";
}

/// How a matvec is spread over warps and blocks.
namespace {
struct MatvecShape {
  int64_t warps = 4;
  int64_t perWarp = 1;
  int64_t passes = 1;
};
} // namespace

static MatvecShape chooseMatvecShape(int64_t rows, bool gated,
                                     int64_t processors) {
  MatvecShape shape;
  // Few rows: as many blocks as there are processors; many: more bytes in
  // flight a warp, then several passes so that staging the input pays.
  if (rows > processors * 32)
    shape.perWarp = gated ? 1 : 2;
  if (rows > processors * 128)
    shape.perWarp = gated ? 2 : 4;
  if (rows / shape.perWarp >= processors * 8)
    shape.warps = 8;
  const int64_t blocks = ceilDiv(rows, shape.warps * shape.perWarp);
  shape.passes = std::clamp<int64_t>(blocks / (processors * 4), 1, 16);
  return shape;
}

/// How a matvec on tensor cores is spread: SplitK, SplitN and Tiles of
/// Kernels/MatvecTensor.cuh.
namespace {
struct TensorShape {
  int64_t splitK = 0; ///< 0: the layer does without tensor cores
  int64_t splitN = 1;
  int64_t tiles = 1;
};
} // namespace

/// Rows of one tile; gated: outputs, each of a gate and an up row.
static int64_t tileRows(bool gated) { return gated ? 8 : 16; }

/// Bytes of dynamic shared memory of a matvecTensor.
static int64_t tensorSharedBytes(const format::PackedShape &shape,
                                 const TensorShape &spread) {
  const int64_t chunks = ceilDiv(shape.cols, 4 * perChunk(shape)) * 4;
  const int64_t padded = chunks * perChunk(shape);
  const bool book = shape.scheme == format::Scheme::Nf4 ||
                    shape.scheme == format::Scheme::Fp4;
  const int64_t planes = 2 * 2 * (padded + 16);
  const int64_t table = book ? 256 * 16 * 8 : 0;
  const int64_t partial = spread.splitK * spread.splitN * spread.tiles * 16 * 4;
  const int64_t sums = hasMinima(shape) ? chunks * 4 : 0;
  return planes + table + partial + sums;
}

static TensorShape chooseTensorShape(const format::PackedShape &shape,
                                     int64_t rows, bool gated,
                                     int64_t processors) {
  const int64_t groups = ceilDiv(shape.cols, 4 * perChunk(shape));
  const int64_t tiles = ceilDiv(rows, tileRows(gated));
  TensorShape spread;
  // Few tiles leave processors idle, short rows leave warps idle.
  if (!hasOperands(shape) || 4 * tiles < 3 * processors || groups < 4)
    return spread;
  spread.splitK = groups >= 64 ? 16 : groups >= 8 ? 8 : 4;
  spread.splitN = spread.splitK == 4 ? 2 : 1;
  spread.tiles =
      std::max<int64_t>(1, ceilDiv(tiles, 2 * processors * spread.splitN));
  return tensorSharedBytes(shape, spread) <= kMostSharedBytes ? spread
                                                              : TensorShape();
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
    column += rowsOf(launch, i).rows;
  }
  return groups;
}

format::RowView Lowerer::rowsOf(const Launch &launch, size_t part) const {
  return std::get<format::LinearParams>(launch.params)
      .rowsOf(part, tensor(launch.weights[part]).shape.rows);
}

void Lowerer::addMatvec(const Launch &launch, const FusedNorm &norm,
                        const PartGroup &group) {
  const auto &p = std::get<format::LinearParams>(launch.params);
  const auto parts = static_cast<size_t>(p.parts);
  const format::PackedShape &shape = tensor(launch.weights[group.first]).shape;
  const int64_t inputs = shape.cols;
  format::RowView views[3] = {};
  int64_t total = 0;
  for (size_t i = 0; i < group.count; ++i) {
    views[i] = rowsOf(launch, group.first + i);
    total += views[i].rows;
  }
  if (p.gated)
    total = views[0].rows;
  const bool residual = launch.inputs.size() > 1;
  const MatvecShape spread = chooseMatvecShape(total, p.gated, Gpu.processors);
  const View &from = norm.launch ? norm.launch->inputs[0] : launch.inputs[0];
  const bool fast =
      inputs % perChunk(shape) == 0 && from.column % 4 == 0 &&
      (from.buffer != format::kHiddenBuffer || M.plan.hidden.column % 4 == 0);

  const TensorShape tensors =
      fast ? chooseTensorShape(shape, total, p.gated, Gpu.processors)
           : TensorShape();
  const bool onTensors = tensors.splitK > 0;

  LaunchSpec spec;
  spec.kernel = onTensors ? "matvecTensor" : "matvec";
  spec.templateArgs = {std::to_string(inputs)};
  for (const format::RowView &view : views)
    spec.templateArgs.push_back(std::to_string(view.rows));
  for (const format::RowView &view : views)
    spec.templateArgs.push_back(runsName(view));
  spec.templateArgs.push_back(storageName(shape));
  spec.templateArgs.push_back(std::to_string(shape.blockSize));
  if (!onTensors)
    spec.templateArgs.emplace_back(flag(fast));
  spec.templateArgs.emplace_back(flag(p.gated));
  spec.args = {inputArg(launch, norm)};
  describeNorm(norm.launch, spec.templateArgs, spec.args);
  std::string biasStorage = "Storage::F32";
  if (p.hasBias)
    biasStorage =
        storageName(tensor(launch.weights[parts + group.first]).shape);
  for (const std::string &arg :
       {std::string(flag(p.hasBias)), biasStorage,
        std::string(activationName(p.activation)), std::string(flag(residual)),
        std::to_string(onTensors ? tensors.splitK : spread.warps),
        std::to_string(onTensors ? tensors.splitN : spread.perWarp),
        std::to_string(onTensors ? tensors.tiles : spread.passes)})
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
    spec.args.push_back(intArg(views[i].first));
  }
  spec.args.push_back(residual
                          ? viewArg(launch.inputs[1], kFloats, group.column)
                          : unusedArg(kFloats));
  spec.args.push_back(viewArg(launch.outputs[0], kFloatsOut, group.column));
  const int64_t rowsOfBlock =
      onTensors ? tensors.splitN * tensors.tiles * tileRows(p.gated)
                : spread.warps * spread.perWarp * spread.passes;
  const int64_t warps =
      onTensors ? tensors.splitK * tensors.splitN : spread.warps;
  const int64_t staged =
      fast ? ceilDiv(inputs, 32 * perChunk(shape)) * 32 * perChunk(shape)
           : inputs;
  spec.grid[0] = {ceilDiv(total, rowsOfBlock), 0};
  spec.blockThreads = static_cast<uint32_t>(warps * 32);
  spec.sharedBytes = static_cast<uint32_t>(
      onTensors ? tensorSharedBytes(shape, tensors) : staged * 4);
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
  format::RowView views[3] = {};
  float scales[3] = {1.0f, 1.0f, 1.0f};
  float factors[3] = {1.0f, 1.0f, 1.0f};
  int64_t total = 0;
  for (size_t i = 0; i < group.count; ++i) {
    const format::Tensor &weight = tensor(launch.weights[group.first + i]);
    views[i] = rowsOf(launch, group.first + i);
    total += views[i].rows;
    scales[i] = std::ldexp(1.0f, weight.f16Exponent);
    factors[i] = std::ldexp(1.0f, -weight.f16Exponent);
  }
  const format::Tensor &first = tensor(launch.weights[group.first]);
  const bool direct =
      group.count == 1 && first.shape.scheme == format::Scheme::None &&
      first.shape.dtype == format::DType::F16 && first.f16Exponent == 0 &&
      inputs % 8 == 0 && views[0].isOneRun() && views[0].first == 0;
  const int64_t unit = p.gated ? 256 : 128;
  const int64_t slice =
      direct
          ? total
          : std::min(total,
                     std::max(unit, kSliceBytes / (padded * 2) / unit * unit));
  const bool large = total >= Gpu.processors * 16;
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
        int64_t to =
            p.gated ? end / 2 : std::min(end, partBegin + views[i].rows);
        const int64_t target = p.gated ? static_cast<int64_t>(i) : from - begin;
        if (!p.gated) {
          from -= partBegin;
          to -= partBegin;
          partBegin += views[i].rows;
        }
        if (from >= to)
          continue;
        const format::PackedShape &shape =
            tensor(launch.weights[group.first + i]).shape;
        LaunchSpec convert;
        convert.kernel = "convertWeights";
        convert.templateArgs = {std::to_string(inputs), storageName(shape),
                                std::to_string(shape.blockSize),
                                flag(inputs % perChunk(shape) == 0),
                                runsName(views[i])};
        convert.args = {partArg(launch.weights[group.first + i], 0, kBytes),
                        partArg(launch.weights[group.first + i], 1, kBytes),
                        intArg(views[i].first),
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
    const int64_t end0 = p.gated ? total : views[0].rows;
    gemm.args = {halves,
                 rowScales,
                 weights,
                 intArg(padded),
                 intArg(end - begin),
                 intArg(p.gated ? begin / 2 : begin),
                 intArg(end0),
                 intArg(end0 + views[1].rows)};
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
