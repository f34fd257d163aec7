//===- Fusion.cpp - Which norms their readers may compute -----------------===//

#include "Lowerer.h"

using namespace qzc;
using namespace qzc::cuda;
using format::Launch;
using format::Opcode;
using format::View;

/// Readers beyond this number compute the norm too often.
static constexpr size_t kMostReaders = 4;

bool Lowerer::overlap(const View &a, const View &b) const {
  if (a.buffer == b.buffer)
    return a.column < b.column + b.columns && b.column < a.column + a.columns;
  if (a.buffer < 0 || b.buffer < 0)
    return false;
  const format::Buffer &x = buffers()[static_cast<size_t>(a.buffer)];
  const format::Buffer &y = buffers()[static_cast<size_t>(b.buffer)];
  const uint64_t xEnd = x.offset + static_cast<uint64_t>(x.columns) * 4;
  const uint64_t yEnd = y.offset + static_cast<uint64_t>(y.columns) * 4;
  return x.offset < yEnd && y.offset < xEnd;
}

static bool same(const View &a, const View &b) {
  return a.buffer == b.buffer && a.column == b.column && a.columns == b.columns;
}

std::vector<size_t> Lowerer::fusableReaders(const std::vector<Launch> &list,
                                            size_t index) const {
  const Launch &norm = list[index];
  const View &from = norm.inputs[0];
  const View &to = norm.outputs[0];
  const View &result = isHead() ? M.plan.logits : M.plan.hidden;
  if (overlap(from, to) || std::get<format::NormParams>(norm.params).heads != 1)
    return {};
  std::vector<size_t> readers;
  bool sourceIntact = true;
  for (size_t i = index + 1; i < list.size(); ++i) {
    const Launch &launch = list[i];
    bool writesSource = false;
    bool writesResult = false;
    for (const View &out : launch.outputs) {
      writesSource |= overlap(out, from);
      writesResult |= overlap(out, to);
    }
    bool reads = false;
    for (const View &in : launch.inputs)
      reads |= overlap(in, to);
    if (reads) {
      const bool fits =
          launch.opcode == Opcode::Linear && same(launch.inputs[0], to) &&
          (launch.inputs.size() < 2 || !overlap(launch.inputs[1], to)) &&
          sourceIntact && !writesSource && readers.size() < kMostReaders;
      if (!fits)
        return {};
      readers.push_back(i);
    }
    sourceIntact &= !writesSource;
    if (writesResult)
      return readers;
  }
  if (overlap(result, to))
    return {};
  return readers;
}

bool Lowerer::onlyNextReads(const std::vector<Launch> &list,
                            size_t index) const {
  const View &made = list[index].outputs[0];
  for (size_t i = index + 2; i < list.size(); ++i) {
    for (const View &in : list[i].inputs)
      if (overlap(in, made))
        return false;
    for (const View &out : list[i].outputs)
      if (overlap(out, made))
        return true;
  }
  return !overlap(isHead() ? M.plan.logits : M.plan.hidden, made);
}

bool Lowerer::headTakesLastNorm() const {
  if (M.plan.body.empty())
    return false;
  const Launch &last = M.plan.body.back();
  if ((last.opcode != Opcode::RmsNorm && last.opcode != Opcode::LayerNorm) ||
      std::get<format::NormParams>(last.params).heads != 1 ||
      !same(last.outputs[0], M.plan.hidden))
    return false;
  size_t readers = 0;
  for (const Launch &launch : M.plan.head)
    for (size_t i = 0; i < launch.inputs.size(); ++i) {
      const View &in = launch.inputs[i];
      if (in.buffer != format::kHiddenBuffer)
        continue;
      if (launch.opcode != Opcode::Linear || i > 0 || in.column != 0 ||
          in.columns != M.plan.hidden.columns)
        return false;
      ++readers;
    }
  return readers > 0 && readers <= kMostReaders;
}
