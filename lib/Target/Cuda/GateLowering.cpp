//===- GateLowering.cpp - Gated layers of many tokens: sm_90a -------------===//
//
// A gated layer whose outputs only the next layer reads leaves them as that
// one's operand, so that no f32 passes through memory (Kernels/PanelGate.cuh).
//
//===----------------------------------------------------------------------===//

#include "Lowerer.h"

#include "Kernels/PanelGate.h"
#include "Kernels/PanelTile.h"
#include "Kernels/Terms.h"

using namespace qzc;
using namespace qzc::cuda;
using format::Launch;
using format::LinearParams;

bool Lowerer::leavesPanels(const std::vector<Launch> &list,
                           size_t index) const {
  if (Current != Phase::PrefillBody || !Target.warpgroups ||
      index + 1 >= list.size() ||
      list[index + 1].opcode != format::Opcode::Linear)
    return false;
  const Launch &in = list[index];
  const Launch &out = list[index + 1];
  const int64_t outputs = in.outputs[0].columns;
  return std::get<LinearParams>(in.params).gated && in.inputs.size() == 1 &&
         partGroups(in).size() == 1 && partGroups(out).size() == 1 &&
         same(out.inputs[0], in.outputs[0]) &&
         (out.inputs.size() == 1 || !overlap(out.inputs[1], in.outputs[0])) &&
         onlyNextReads(list, index) && outputs % kPanelColumns == 0 &&
         gemmTerms(toInt(outputs)) == 1 &&
         in.inputs[0].columns <= kMostInputs && outputs <= kMostInputs;
}

int64_t Lowerer::gateColumns(int64_t columns) const {
  return columns % 256 == 0 && panelColumns(columns) > 128 ? 256 : 128;
}

bool Lowerer::lowerGatePanels(const std::vector<Launch> &list, size_t index,
                              const FusedNorm &norm) {
  if (!leavesPanels(list, index))
    return false;
  const Launch &in = list[index];
  const Launch &out = list[index + 1];
  const PartGroup group = partGroups(in)[0];
  const int64_t outputs = in.outputs[0].columns;
  const int64_t width = gateColumns(2 * outputs);
  const int64_t tiles = 2 * outputs / width;
  const GemmRows rows = convertInput(in, norm);

  KernelLaunch<kernels::GatePanels> gate;
  gate.config.columns = toInt(width);
  gate.config.tiles = toInt(tiles);
  gate.config.order = rows.order;
  gate.config.end = endConfig(in, group);
  gate.args.panels = Builder.tokenScratch<kernels::Half>(
      "gatePanels", static_cast<uint64_t>(outputs * 2));
  gate.args.units = Builder.tokenScratch<float>(
      "gateUnits", static_cast<uint64_t>(tiles * 4));
  gate.grid[0] = perToken(kPanelRows);
  gate.blockThreads = kPanelThreads;
  gate.sharedBytes = static_cast<uint32_t>(panelSharedBytes(toInt(width)));
  forSlices(in, group, rows.order, kernels::kGateRows,
            [&](const GemmSlice &slice) {
              gate.config.scale = slice.scale();
              gate.args.gemm = gemmArgs(in, group, slice, rows);
              gate.args.gemm.output.out = {kUnused, intOf(0)};
              gate.grid[1] = {(slice.end - slice.begin) / width, 0};
              Builder.add(*Out, gate);
            });

  KernelLaunch<kernels::AlignPanels> align;
  align.config = {toInt(tiles), toInt(width / 2 / kPanelColumns)};
  align.args.units = gate.args.units;
  align.args.panels = gate.args.panels;
  align.args.scales = Builder.tokenScratch<float>("gateScales", 4);
  align.args.state = state();
  align.grid[0] = perToken(8);
  Builder.add(*Out, align);

  addGemms(
      out, partGroups(out)[0],
      {kernels::Order::Panels, outputs, align.args.panels, align.args.scales});
  return true;
}
