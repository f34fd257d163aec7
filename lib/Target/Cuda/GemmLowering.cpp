//===- GemmLowering.cpp - Linear layers of many tokens --------------------===//
//
// Up to three launches a layer: rows to f16, weights to f16, a GEMM of both.
// Code with warpgroups has operands in panels, and bytes in place of f16 where
// weights have such codes (Kernels/Convert.cuh).
//
//===----------------------------------------------------------------------===//

#include "Lowerer.h"

#include "Kernels/Convert.h"
#include "Kernels/PanelTile.h"
#include "Kernels/Terms.h"

#include <algorithm>
#include <cmath>

using namespace qzc;
using namespace qzc::cuda;
using format::Launch;
using format::View;

/// Bytes of a GEMM's weights in scratch: what stays in L2 between the
/// conversion and the GEMM that reads it, and no more than make a GEMM of
/// enough blocks.
static int64_t sliceBytes(const Gpu &gpu) {
  constexpr int64_t most = 32 << 20;
  return std::min(most, gpu.l2Bytes / 5 * 4);
}
static constexpr int64_t kConvertRows = 8;

/// Whether a layer's codes are bytes that are multiplied as they are. Narrow
/// layers take more than 16 bits of an input.
static bool hasByteOperands(const format::PackedShape &shape) {
  return shape.scheme == format::Scheme::Int8 &&
         shape.cols % perChunk(shape) == 0 && gemmTerms(toInt(shape.cols)) == 1;
}

bool Lowerer::readsNormed(const Launch &launch) const {
  const auto *list = isHead() ? &M.plan.head : &M.plan.body;
  View from = launch.inputs[0];
  auto end = static_cast<size_t>(&launch - list->data());
  if (from.buffer == format::kHiddenBuffer) {
    list = &M.plan.body;
    from = M.plan.hidden;
    end = list->size();
  }
  for (size_t i = end; i-- > 0;)
    for (const View &out : (*list)[i].outputs)
      if (overlap(out, from))
        return (*list)[i].opcode == format::Opcode::RmsNorm ||
               (*list)[i].opcode == format::Opcode::LayerNorm ||
               (*list)[i].opcode == format::Opcode::Attention;
  return false;
}

/// A row's digits share a scale: where the largest element is more than about
/// 22 times a row's root mean square they lose more than f16 does. Of what
/// norms and attention make it seldom is, of what activations make it often is.
kernels::Order Lowerer::orderOf(const Launch &launch) const {
  if (!Target.warpgroups)
    return kernels::Order::Rows;
  return hasByteOperands(tensor(launch.weights[0]).shape) && readsNormed(launch)
             ? kernels::Order::Digits
             : kernels::Order::Panels;
}

/// Columns of a GEMM's operands: terms of f16, padded with zeros.
static int64_t gemmColumns(int64_t inputs, kernels::Order order) {
  const int columns = toInt(inputs);
  if (order == kernels::Order::Digits)
    return ceilDiv(inputs, kPanelRowBytes) * kPanelRowBytes;
  const int64_t all = int64_t{gemmTerms(columns)} * termColumns(columns);
  return order == kernels::Order::Panels
             ? ceilDiv(all, kPanelColumns) * kPanelColumns
             : all;
}

/// Bytes of a row of its weights.
static int64_t gemmRowBytes(int64_t inputs, kernels::Order order) {
  return gemmColumns(inputs, order) * (order == kernels::Order::Digits ? 1 : 2);
}

void Lowerer::convertOnce(const Launch &launch, const FusedNorm &norm,
                          const LaunchSpec &spec) {
  const View &from = norm.launch ? norm.launch->inputs[0] : launch.inputs[0];
  if (Converted && Converted->norm == norm.launch &&
      Converted->from.buffer == from.buffer &&
      Converted->from.column == from.column &&
      Converted->from.columns == from.columns &&
      Converted->config == spec.config)
    return;
  Builder.add(*Out, spec);
  Converted.reset();
  // The body's buffers are not those of the head, which is being lowered.
  if (!norm.fromBody)
    Converted = {norm.launch, from, spec.config};
}

/// The operand that a layer's input is, made unless it is there already.
Lowerer::GemmRows Lowerer::convertInput(const Launch &launch,
                                        const FusedNorm &norm) {
  const View &from = norm.launch ? norm.launch->inputs[0] : launch.inputs[0];
  const int64_t inputs = tensor(launch.weights[0]).shape.cols;
  const kernels::Order order = orderOf(launch);
  const int64_t padded = gemmColumns(inputs, order);
  KernelLaunch<kernels::ConvertRows> convert;
  convert.config.inputs = toInt(inputs);
  convert.config.order = order;
  convert.config.rows = rows();
  convert.config.aligned =
      from.column % 4 == 0 && stride(from) % 4 == 0 &&
      (from.buffer != format::kHiddenBuffer || M.plan.hidden.column % 4 == 0);
  convert.config.norm = normConfig(norm.launch);
  convert.args.in = inRows(from);
  convert.args.norm = normArgs(norm.launch);
  convert.args.scales = Builder.tokenScratch<float>("rowScales", 4);
  convert.args.out = Builder.tokenScratch<kernels::Half>(
      "rows", static_cast<uint64_t>(padded * 2));
  convert.args.state = state();
  const int warps = kernels::convertWarpsOf(toInt(padded));
  convert.grid[0] = perToken(kernels::kConvertWarps / warps);
  convert.blockThreads = kernels::kConvertWarps * 32;
  convertOnce(launch, norm, convert);
  return {order, padded, convert.args.out, convert.args.scales};
}

/// The operand of the parts' rows inside the slice, and their scales.
void Lowerer::convertSlice(const Launch &launch, const PartGroup &group,
                           const GemmSlice &slice, int64_t gateRows,
                           const Arg<kernels::Half *> &out,
                           const Arg<float *> &scales) {
  const auto &p = std::get<format::LinearParams>(launch.params);
  int64_t partBegin = 0;
  for (size_t i = 0; i < group.count; ++i) {
    const format::Tensor &weight = tensor(launch.weights[group.first + i]);
    const format::PackedShape &shape = weight.shape;
    const format::RowView view = rowsOf(launch, group.first + i);
    // Rows of this part inside the slice, and where the first one goes.
    int64_t from = p.gated ? slice.begin / 2 : std::max(slice.begin, partBegin);
    int64_t to =
        p.gated ? slice.end / 2 : std::min(slice.end, partBegin + view.rows);
    const int64_t target =
        p.gated ? static_cast<int64_t>(i) * gateRows : from - slice.begin;
    if (!p.gated) {
      from -= partBegin;
      to -= partBegin;
      partBegin += view.rows;
    }
    if (from >= to)
      continue;
    KernelLaunch<kernels::ConvertWeights> convert;
    convert.config.inputs = toInt(shape.cols);
    convert.config.order = orderOf(launch);
    convert.config.weight = weightConfigOf(launch.weights[group.first + i]);
    convert.config.fast = shape.cols % perChunk(shape) == 0 &&
                          gemmTerms(static_cast<int>(shape.cols)) == 1;
    convert.config.early = LastProduct != nullptr;
    convert.config.runs = runsOf(view);
    convert.args.weight = weightArgs(launch.weights[group.first + i]);
    convert.args.first = intOf(view.first);
    convert.args.firstRow = intOf(from);
    convert.args.rows = intOf(to - from);
    convert.args.factor = floatOf(std::ldexp(1.0f, -weight.f16Exponent));
    convert.args.rowGroup = intOf(p.gated ? gateRows : to - from);
    convert.args.rowOffset = intOf(target);
    convert.args.outRows = intOf(slice.end - slice.begin);
    convert.args.out = out;
    convert.args.scales = scales;
    convert.grid[0] = {ceilDiv(to - from, kConvertRows), 0};
    Builder.add(*Out, convert);
    if (LastProduct) {
      // Runs while those products do (convertWeights' `early`).
      Out->back().moveAfter(LastProduct);
      LastProduct = LastProduct->getNextNode();
    }
  }
}

/// Columns of a block of gemmPanels: what takes the least time for `tokens`, by
/// waves of blocks. Narrow tiles read more bytes for the same products.
static int64_t panelWidth(int64_t columns, int64_t tokens, int64_t processors) {
  struct Width {
    int64_t columns, cost;
  };
  constexpr Width widths[] = {{256, 256}, {192, 202}, {128, 150}, {64, 107}};
  const Width *best = nullptr;
  int64_t least = 0;
  for (const Width &width : widths) {
    const int64_t blocks =
        ceilDiv(tokens, kPanelRows) * ceilDiv(columns, width.columns);
    const int64_t cost = ceilDiv(blocks, processors) * width.cost;
    if (!best || cost < least) {
      best = &width;
      least = cost;
    }
  }
  return best->columns;
}

int64_t Lowerer::panelColumns(int64_t columns) const {
  return panelWidth(columns, std::min(kManyTokens, M.model.context),
                    Target.processors);
}

int64_t Lowerer::sliceRows(const Launch &launch, int64_t total) const {
  const bool gated = std::get<format::LinearParams>(launch.params).gated;
  const int64_t unit = gated ? 512 : 256;
  const int64_t rowBytes =
      gemmRowBytes(tensor(launch.weights[0]).shape.cols, orderOf(launch));
  return std::min(total,
                  std::max(unit, sliceBytes(Target) / rowBytes / unit * unit));
}

kernels::GemmArgs<Arg> Lowerer::gemmArgs(const Launch &launch,
                                         const PartGroup &group,
                                         const GemmSlice &slice,
                                         const GemmRows &rows) const {
  const auto &p = std::get<format::LinearParams>(launch.params);
  const auto parts = static_cast<size_t>(p.parts);
  int64_t ends[2] = {0, 0};
  for (size_t i = 0; i < group.count; ++i)
    for (size_t end = i; end < 2; ++end)
      ends[end] += rowsOf(launch, group.first + i).rows;
  if (p.gated) // both parts have all columns
    ends[0] = ends[1];
  kernels::GemmArgs<Arg> args;
  args.rows = rows.elements;
  args.rowScales = rows.scales;
  args.weights = slice.weights;
  args.inputs = intOf(rows.columns);
  args.output.columns = intOf(slice.end - slice.begin);
  args.output.firstColumn = intOf(p.gated ? slice.begin / 2 : slice.begin);
  args.output.end0 = intOf(ends[0]);
  args.output.end1 = intOf(ends[1]);
  for (size_t i = 0; i < 3; ++i) {
    const bool present = i < group.count;
    const size_t index = group.first + i;
    args.output.parts[i].bias = kUnused;
    if (present && p.hasBias)
      args.output.parts[i].bias = tensorArg(launch.weights[parts + index], 0);
    const int exponent =
        present ? tensor(launch.weights[index]).f16Exponent : 0;
    args.output.parts[i].scale = floatOf(std::ldexp(1.0f, exponent));
  }
  args.output.residual = residualRows(launch, group);
  args.output.out = outRows(launch.outputs[0], group.column);
  args.output.scales = slice.scales;
  args.state = state();
  return args;
}

void Lowerer::addGemmPanels(const Launch &launch, const PartGroup &group,
                            const GemmSlice &slice, const GemmRows &operand) {
  const bool gated = std::get<format::LinearParams>(launch.params).gated;
  const int64_t columns = slice.end - slice.begin;
  const int width = toInt(panelColumns(columns));
  const auto isAligned = [&](const View &view) {
    return (view.column + group.column) % 4 == 0 && stride(view) % 4 == 0;
  };
  const bool quads =
      columns % (gated ? 8 : 4) == 0 && isAligned(launch.outputs[0]) &&
      (launch.inputs.size() < 2 || isAligned(launch.inputs[1])) &&
      M.plan.hidden.column % 4 == 0;
  KernelLaunch<kernels::GemmPanels> gemm;
  gemm.config = {width,         operand.order,           quads, rows(), gated,
                 slice.scale(), endConfig(launch, group)};
  gemm.args = gemmArgs(launch, group, slice, operand);
  gemm.grid[0] = perToken(kPanelRows);
  gemm.grid[1] = {ceilDiv(columns, width), 0};
  gemm.blockThreads = kPanelThreads;
  gemm.sharedBytes = static_cast<uint32_t>(panelSharedBytes(width));
  Builder.add(*Out, gemm);
}

void Lowerer::addGemm(const Launch &launch, const PartGroup &group,
                      const GemmSlice &slice, const GemmRows &operand) {
  if (Target.warpgroups)
    return addGemmPanels(launch, group, slice, operand);
  const int64_t columns = slice.end - slice.begin;
  const bool large = columns >= Target.processors * 16;
  const int tile = large ? 128 : 64;
  const int warpsM = 2;
  const int warpsN = large ? 4 : 2;
  KernelLaunch<kernels::Gemm> gemm;
  gemm.config.tileM = gemm.config.tileN = tile;
  gemm.config.warpsM = warpsM;
  gemm.config.warpsN = warpsN;
  gemm.config.rows = rows();
  gemm.config.gated = std::get<format::LinearParams>(launch.params).gated;
  gemm.config.scale = slice.scale();
  gemm.config.end = endConfig(launch, group);
  gemm.args = gemmArgs(launch, group, slice, operand);
  gemm.grid[0] = perToken(tile);
  gemm.grid[1] = {ceilDiv(columns, tile), 0};
  gemm.blockThreads = static_cast<uint32_t>(warpsM * warpsN * 32);
  gemm.minBlocks = 2;
  gemm.sharedBytes = static_cast<uint32_t>(3 * 2 * tile * 64 * 2);
  Builder.add(*Out, gemm);
}

void Lowerer::forSlices(const Launch &launch, const PartGroup &group,
                        kernels::Order order, int64_t gateRows,
                        llvm::function_ref<void(const GemmSlice &)> use) {
  const format::Tensor &first = tensor(launch.weights[group.first]);
  int64_t total = 0;
  for (size_t i = 0; i < group.count; ++i)
    total += rowsOf(launch, group.first + i).rows;
  const int64_t most = sliceRows(launch, total);
  const int64_t rowBytes = gemmRowBytes(first.shape.cols, order);
  for (int64_t begin = 0; begin < total; begin += most) {
    // Of sm_90a, slices take turns: the next one's are made while products
    // read these. Whoever read the turn before is complete by then: a GEMM lets
    // others begin only behind its wait for what made its own weights, which
    // is complete only behind its wait for the GEMM before. A list's first
    // weights wait for all before them: its launches let others begin at once.
    const std::string turn = std::to_string(Turn);
    if (Target.warpgroups)
      Turn = 1 - Turn;
    const Arg<kernels::Half *> weights = Builder.fixedScratch<kernels::Half>(
        "weights" + turn, static_cast<uint64_t>(most * rowBytes));
    Arg<float *> scales = kUnused;
    if (hasRowScales(weightConfig(first.shape)))
      scales = Builder.fixedScratch<float>("weightScales" + turn,
                                           static_cast<uint64_t>(most * 4));
    const GemmSlice slice = {begin, std::min(begin + most, total), weights,
                             scales};
    convertSlice(launch, group, slice, gateRows, weights, scales);
    use(slice);
    if (Target.warpgroups)
      LastProduct = &Out->back();
  }
}

void Lowerer::addGemms(const Launch &launch, const PartGroup &group,
                       const GemmRows &rows) {
  const format::Tensor &first = tensor(launch.weights[group.first]);
  const format::RowView view = rowsOf(launch, group.first);
  if (!Target.warpgroups && group.count == 1 &&
      first.shape.scheme == format::Scheme::None &&
      first.shape.dtype == format::DType::F16 && first.f16Exponent == 0 &&
      rows.columns == first.shape.cols && view.isOneRun() && view.first == 0) {
    // Read where it lies.
    const GemmSlice all = {
        0, view.rows,
        argOf<const kernels::Half *>(format::CudaArg::Kind::Tensor,
                                     launch.weights[group.first], 0),
        kUnused};
    return addGemm(launch, group, all, rows);
  }
  forSlices(launch, group, rows.order, 1, [&](const GemmSlice &slice) {
    if (Current == Phase::Losses)
      addScore(launch, slice, rows);
    else
      addGemm(launch, group, slice, rows);
  });
}
