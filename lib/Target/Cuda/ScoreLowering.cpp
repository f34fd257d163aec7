//===- ScoreLowering.cpp - What text costs: losses of its tokens ----------===//
//
// With logits at hand, or, where code has warpgroups and the head is one linear
// layer, from the hidden rows alone (Kernels/PanelScore.cuh).
//
//===----------------------------------------------------------------------===//

#include "Lowerer.h"

#include "Kernels/Head.h"
#include "Kernels/PanelScore.h"
#include "Kernels/PanelTile.h"

#include <cmath>

using namespace qzc;
using namespace qzc::cuda;
using format::CudaArg;
using format::Launch;
using format::Opcode;
using format::View;

void Lowerer::lowerScore(Launches &out) {
  const View &logits = M.plan.logits;
  KernelLaunch<kernels::Score> score;
  score.config = {toInt(logits.columns)};
  score.args.logits = inRows(logits);
  score.args.targets = argOf<const int *>(CudaArg::Kind::Targets);
  score.args.losses = argOf<float *>(CudaArg::Kind::Losses);
  score.grid[0] = perToken();
  score.blockThreads = 512;
  Builder.add(out, score);
}

/// Whether the head is a linear layer alone, but for a norm that its input's
/// conversion computes, and a scale or soft cap behind it.
bool Lowerer::scoresWithoutLogits() const {
  const std::vector<Launch> &head = M.plan.head;
  const auto isLogits = [&](const View &view) {
    const View &logits = M.plan.logits;
    return view.buffer == logits.buffer && view.column == logits.column &&
           view.columns == logits.columns;
  };
  size_t at = 0;
  if (!Target.warpgroups || head.empty())
    return false;
  if (head[0].opcode == Opcode::RmsNorm || head[0].opcode == Opcode::LayerNorm)
    at = normReaders(head, 0).launches.empty() ? head.size() : 1;
  if (at >= head.size() || head[at].opcode != Opcode::Linear)
    return false;
  const auto &p = std::get<format::LinearParams>(head[at].params);
  if (p.parts != 1 || p.gated || p.hasBias || head[at].inputs.size() != 1 ||
      p.activation != format::Activation::None ||
      !isLogits(head[at].outputs[0]))
    return false;
  if (++at == head.size())
    return true;
  const bool inPlace = at + 1 == head.size() && head[at].inputs.size() == 1 &&
                       isLogits(head[at].inputs[0]) &&
                       isLogits(head[at].outputs[0]);
  return inPlace && (head[at].opcode == Opcode::SoftCap ||
                     (head[at].opcode == Opcode::Scale &&
                      format::scalarOf(head[at].params) > 0));
}

int64_t Lowerer::scoreTiles(int64_t end) const {
  for (const Launch &launch : M.plan.head)
    if (launch.opcode == Opcode::Linear) {
      const int64_t most = sliceRows(launch, M.plan.logits.columns);
      int64_t tiles = 0;
      for (int64_t begin = 0; begin < end; begin += most) {
        const int64_t columns = std::min(most, end - begin);
        tiles += ceilDiv(columns, panelColumns(columns));
      }
      return tiles;
    }
  return 0;
}

Arg<float *> Lowerer::scoreSums() {
  return Builder.tokenScratch<float>(
      "scores", static_cast<uint64_t>(scoreTiles(M.plan.logits.columns) * 8));
}

Arg<float *> Lowerer::targetLogits() {
  return Builder.tokenScratch<float>("targetLogits", 4);
}

void Lowerer::addScore(const Launch &launch, const GemmSlice &slice,
                       const GemmRows &rows) {
  const format::Tensor &weight = tensor(launch.weights[0]);
  float scale =
      slice.scales.isUnused() ? std::ldexp(1.0f, weight.f16Exponent) : 1.0f;
  float cap = 0;
  const Launch &last = M.plan.head.back();
  if (last.opcode == Opcode::Scale)
    scale *= format::scalarOf(last.params);
  else if (last.opcode == Opcode::SoftCap)
    cap = format::scalarOf(last.params);
  const int64_t columns = slice.end - slice.begin;
  const int width = toInt(panelColumns(columns));
  KernelLaunch<kernels::ScorePanels> score;
  score.config.columns = width;
  score.config.tiles = toInt(scoreTiles(M.plan.logits.columns));
  score.config.order = rows.order;
  score.config.softCap = cap != 0;
  score.config.scale = slice.scale();
  score.args.rows = rows.elements;
  score.args.rowScales = rows.scales;
  score.args.weights = slice.weights;
  score.args.inputs = intOf(rows.columns);
  score.args.columns = intOf(columns);
  score.args.firstColumn = intOf(slice.begin);
  score.args.scales = slice.scales;
  score.args.scale = floatOf(scale);
  score.args.cap = floatOf(cap);
  score.args.targets = argOf<const int *>(CudaArg::Kind::Targets);
  score.args.firstTile = intOf(scoreTiles(slice.begin));
  score.args.sums = scoreSums();
  score.args.targetLogits = targetLogits();
  score.args.state = state();
  score.grid[0] = perToken(kPanelRows);
  score.grid[1] = {ceilDiv(columns, width), 0};
  score.blockThreads = kPanelThreads;
  score.sharedBytes = static_cast<uint32_t>(panelSharedBytes(width));
  Builder.add(*Out, score);
}

void Lowerer::lowerLosses(Launches &out) {
  lowerList(Phase::Losses, out);
  KernelLaunch<kernels::JoinScores> join;
  join.config = {toInt(scoreTiles(M.plan.logits.columns))};
  join.args.sums = scoreSums();
  join.args.targetLogits = targetLogits();
  join.args.losses = argOf<float *>(CudaArg::Kind::Losses);
  join.args.state = state();
  join.grid[0] = perToken(8);
  Builder.add(*Out, join);
}
