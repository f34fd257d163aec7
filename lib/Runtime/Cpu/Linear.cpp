//===- Linear.cpp - Running one linear launch -----------------------------===//
//
// The output columns are cut into tasks; a task computes its columns of all
// parts that it needs into scratch and finishes them (bias, activation, gate,
// residual) on the way out.
//
//===----------------------------------------------------------------------===//

#include "Linear.h"

#include <algorithm>

namespace qzc::runtime::cpu {

/// Rows worth a task.
static constexpr int64_t kLeastRows = kGroupRows;

namespace {

/// The part's rows of its matrix.
format::RowView viewOf(const LinearWeights &weights, size_t part) {
  return weights.params.rowsOf(part, weights.parts[part].shape.rows);
}

/// The parts' rows in ranges; one that begins with output column c has at most
/// sizeAt(c).
template <typename SizeAt>
std::vector<RowRange> cutRows(const LinearWeights &weights,
                              const SizeAt &sizeAt) {
  std::vector<RowRange> ranges;
  int64_t column = 0;
  const bool gated = weights.params.gated;
  const size_t parts = gated ? 1 : weights.parts.size();
  for (size_t part = 0; part != parts; ++part) {
    const format::RowView view = viewOf(weights, part);
    const int64_t run = view.run;
    const int64_t otherRun = gated ? viewOf(weights, 1).run : run;
    for (int64_t begin = 0; begin < view.rows;) {
      const int64_t rows =
          std::min({sizeAt(column + begin), view.rows - begin,
                    run - begin % run, otherRun - begin % otherRun});
      ranges.push_back({part, begin, rows, column + begin});
      begin += rows;
    }
    column += view.rows;
  }
  return ranges;
}

/// FinishArgs for a range's results of `tokens` rows from `firstToken` on.
FinishArgs finishArgs(const LinearWeights &weights, const RowRange &range,
                      int64_t firstToken, int64_t tokens, const Rows &residual,
                      const Rows &out) {
  FinishArgs args = {};
  args.rows = tokens;
  args.columns = range.rows;
  args.activation = weights.params.activation;
  if (!weights.biases.empty()) {
    args.bias0 = weights.biases[range.part] + range.begin;
    if (weights.params.gated)
      args.bias1 = weights.biases[1] + range.begin;
  }
  if (residual.data)
    args.residual = residual.row(firstToken) + range.column;
  args.residualStride = residual.stride;
  args.out = out.row(firstToken) + range.column;
  args.outStride = out.stride;
  return args;
}

/// result[t * kRowBlock + i] = row range.begin + i of a part · in[t].
void dotRows(const KernelTable &kernels, const LinearWeights &weights,
             size_t part, const RowRange &range, const Activations *in,
             int64_t tokens, float *result) {
  const int64_t first = viewOf(weights, part).stored(range.begin);
  const int64_t end = first + range.rows;
  if (const GroupedView &groups = weights.groups[part]; groups.data)
    kernels.matVecGroups(groups, first, end, in, tokens, result, kRowBlock);
  else
    kernels.matVec(weights.parts[part], first, end, in, tokens, result,
                   kRowBlock);
}

ActivationOrders ordersFor(const KernelTable &kernels,
                           const LinearWeights &weights) {
  ActivationOrders orders;
  for (size_t part = 0; part != weights.parts.size(); ++part)
    addOrders(weights.parts[part].shape, weights.groups[part].data != nullptr,
              kernels, orders);
  return orders;
}

/// A token's activations as the launch's dot products read them, in a slot of
/// the execution's memory for them.
Activations arrangeToken(const Execution &execution,
                         const LinearWeights &weights, float *values,
                         int64_t slot) {
  const Activations x =
      layOutActivations(values, weights.parts.front().shape.cols,
                        ordersFor(execution.kernels, weights),
                        execution.activations + static_cast<uint64_t>(slot) *
                                                    execution.activationStride);
  execution.kernels.arrange(x);
  return x;
}

/// [tokens, kPanel] of scratch = in · Wᵀ for a panel of a part's rows.
void multiplyPanel(const KernelTable &kernels, const LinearWeights &weights,
                   size_t part, const RowRange &range, int64_t tokens,
                   const float *in, int64_t inStride, float *packed,
                   float *result) {
  const format::PackedView &weight = weights.parts[part];
  const int64_t first = viewOf(weights, part).stored(range.begin);
  const int64_t cols = weight.shape.cols;
  // Equal cuts, whole multiples of 32: a matter of the shape alone.
  const int64_t cuts = (cols + kMaxDepth - 1) / kMaxDepth;
  const int64_t depth = ((cols + cuts - 1) / cuts + 31) / 32 * 32;
  for (int64_t begin = 0; begin < cols; begin += depth) {
    const int64_t count = std::min(depth, cols - begin);
    if (const GroupedView &groups = weights.groups[part]; groups.data)
      kernels.packPanelGroups(groups, first, range.rows, begin, count, packed);
    else
      kernels.packPanel(weight, first, range.rows, begin, count, packed);
    kernels.multiply(in + begin, inStride, tokens, packed, kPanel, count,
                     kPanel, result, kPanel, begin != 0);
  }
}

} // namespace

uint64_t activationBytes(const KernelTable &kernels,
                         const LinearWeights &weights) {
  return activationBytes(weights.parts.front().shape.cols,
                         ordersFor(kernels, weights));
}

void shareRows(LinearWeights &weights, int threads) {
  int64_t columns = 0;
  for (size_t part = 0; part != weights.parts.size(); ++part)
    if (part == 0 || !weights.params.gated)
      columns += viewOf(weights, part).rows;
  const auto endOf = [&](int64_t share) {
    return share + 1 == threads
               ? columns
               : columns * (share + 1) / threads / kGroupRows * kGroupRows;
  };
  int64_t share = 0;
  weights.ranges = cutRows(weights, [&](int64_t column) {
    while (column == endOf(share))
      ++share;
    const int64_t left = endOf(share) - column;
    return std::min(
        std::clamp(left / 2 / kGroupRows * kGroupRows, kLeastRows, kRowBlock),
        left);
  });
  for (share = 0; share != threads; ++share)
    weights.shares.push_back(
        std::partition_point(weights.ranges.begin(), weights.ranges.end(),
                             [&](const RowRange &range) {
                               return range.column < endOf(share);
                             }) -
        weights.ranges.begin());
}

/// The range's columns of `tokens` results: its weights are read from memory
/// once, for all of them.
static void runRange(const Execution &execution, const LinearWeights &weights,
                     const RowRange &range, const Activations *x,
                     int64_t tokens, const Rows &residual, const Rows &out,
                     float *scratch) {
  float *y0 = scratch;
  float *y1 = y0 + kVectorBlock * kRowBlock;
  for (int64_t first = 0; first < tokens; first += kVectorBlock) {
    const int64_t count = std::min(kVectorBlock, tokens - first);
    FinishArgs args = finishArgs(weights, range, first, count, residual, out);
    args.yStride = kRowBlock;
    args.y0 = y0;
    dotRows(execution.kernels, weights, range.part, range, x + first, count,
            y0);
    if (weights.params.gated) {
      args.y1 = y1;
      dotRows(execution.kernels, weights, 1, range, x + first, count, y1);
    }
    execution.kernels.finish(args);
  }
}

void runEachToken(const Execution &execution, const LinearWeights &weights,
                  int64_t tokens, const Rows &in, const Rows &residual,
                  const Rows &out) {
  std::vector<Activations> shared;
  if (tokens != 1) {
    shared.resize(static_cast<size_t>(tokens));
    execution.pool.parallelFor(tokens, 1, [&](int64_t begin, int64_t end, int) {
      for (int64_t token = begin; token != end; ++token)
        shared[token] = arrangeToken(execution, weights, in.row(token), token);
    });
  }
  execution.pool.parallelShares(
      weights.shares, [&](ThreadPool::Indices &ranges, int worker) {
        // Of one token each thread arranges its own: that takes less time than
        // until a core has what another one wrote.
        Activations own;
        if (tokens == 1)
          own = arrangeToken(execution, weights, in.row(0), worker);
        const Activations *x = tokens == 1 ? &own : shared.data();
        for (int64_t range; ranges.take(range);)
          runRange(execution, weights, weights.ranges[range], x, tokens,
                   residual, out, execution.scratch[worker]);
      });
}

void runManyTokens(const Execution &execution, const LinearWeights &weights,
                   int64_t tokens, const Rows &in, const Rows &residual,
                   const Rows &out) {
  const std::vector<RowRange> ranges =
      cutRows(weights, [](int64_t) { return kPanel; });
  const auto panels = static_cast<int64_t>(ranges.size());
  // Many threads on a small weight share its panels by cutting the tokens.
  const int64_t wanted = 3 * execution.pool.threads();
  const int64_t pieces = std::max<int64_t>((wanted + panels - 1) / panels, 1);
  int64_t block = std::max<int64_t>((tokens + pieces - 1) / pieces, 96);
  block = std::min((block + 11) / 12 * 12, kTokenBlock);
  const int64_t blocks = (tokens + block - 1) / block;
  execution.pool.parallelFor(
      panels * blocks, 1, [&](int64_t begin, int64_t end, int worker) {
        float *packed = execution.scratch[worker];
        float *y0 = packed + kMaxDepth * kPanel;
        float *y1 = y0 + kTokenBlock * kPanel;
        for (int64_t task = begin; task != end; ++task) {
          const RowRange &range = ranges[task / blocks];
          const int64_t first = task % blocks * block;
          const int64_t count = std::min(block, tokens - first);
          FinishArgs args =
              finishArgs(weights, range, first, count, residual, out);
          args.yStride = kPanel;
          args.y0 = y0;
          multiplyPanel(execution.kernels, weights, range.part, range, count,
                        in.row(first), in.stride, packed, y0);
          if (weights.params.gated) {
            args.y1 = y1;
            multiplyPanel(execution.kernels, weights, 1, range, count,
                          in.row(first), in.stride, packed, y1);
          }
          execution.kernels.finish(args);
        }
      });
}

} // namespace qzc::runtime::cpu
