//===- Fusion.cpp - Which norms their readers may compute -----------------===//

#include "Lowerer.h"

#include <algorithm>

using namespace qzc;
using namespace qzc::cuda;
using format::Launch;
using format::Opcode;
using format::View;

/// Readers beyond this number compute the norm too often.
static constexpr size_t kMostReaders = 4;

/// Buffers have no places yet: each is memory of its own.
bool Lowerer::overlap(const View &a, const View &b) {
  return a.buffer == b.buffer && a.column < b.column + b.columns &&
         b.column < a.column + a.columns;
}

bool Lowerer::same(const View &a, const View &b) {
  return a.buffer == b.buffer && a.column == b.column && a.columns == b.columns;
}

Lowerer::NormReaders Lowerer::normReaders(const std::vector<Launch> &list,
                                          size_t index) const {
  const Launch &norm = list[index];
  const View &from = norm.inputs[0];
  const View &to = norm.outputs[0];
  if (overlap(from, to) || std::get<format::NormParams>(norm.params).heads != 1)
    return {};
  NormReaders readers;
  size_t first = list.size(); ///< to read the rows
  bool othersRead = false;
  bool sourceIntact = true;
  bool isOverwritten = false;
  for (size_t i = index + 1; i < list.size() && !isOverwritten; ++i) {
    const Launch &launch = list[i];
    for (const View &out : launch.outputs) {
      sourceIntact &= !overlap(out, from);
      isOverwritten |= overlap(out, to);
    }
    bool reads = false;
    for (const View &in : launch.inputs)
      reads |= overlap(in, to);
    if (!reads)
      continue;
    first = std::min(first, i);
    if (launch.opcode == Opcode::Linear && same(launch.inputs[0], to) &&
        (launch.inputs.size() < 2 || !overlap(launch.inputs[1], to)) &&
        sourceIntact && readers.launches.size() < kMostReaders)
      readers.launches.push_back(i);
    else
      othersRead = true;
  }
  if (!isOverwritten)
    othersRead |= overlap(isHead() ? M.plan.logits : M.plan.hidden, to);
  if (!othersRead)
    return readers;
  // The first one leaves the rows to all others.
  if (!isDecode() || readers.launches.empty() ||
      readers.launches.front() != first)
    return {};
  return {{first}, true};
}

bool Lowerer::isReadFrom(const std::vector<Launch> &list, size_t first,
                         const View &view) const {
  for (size_t i = first; i < list.size(); ++i) {
    for (const View &in : list[i].inputs)
      if (overlap(in, view))
        return true;
    for (const View &out : list[i].outputs)
      if (overlap(out, view))
        return false;
  }
  return overlap(isHead() ? M.plan.logits : M.plan.hidden, view);
}

bool Lowerer::onlyNextReads(const std::vector<Launch> &list,
                            size_t index) const {
  return !isReadFrom(list, index + 2, list[index].outputs[0]);
}

bool Lowerer::addsInput(const Launch &in, const Launch &out) {
  return out.inputs.size() > 1 && same(out.inputs[1], in.inputs[0]);
}

bool Lowerer::readsPartOfKept(const FusedNorm &norm, const Launch &in,
                              const Launch &out) {
  return norm.keeps && out.inputs.size() > 1 &&
         overlap(out.inputs[1], in.inputs[0]) && !addsInput(in, out);
}

FusedNorm Lowerer::keptBehind(const std::vector<Launch> &list, size_t first,
                              const FusedNorm &norm) const {
  const View &row = list[first - 1].outputs[0];
  FusedNorm kept = norm;
  kept.keeps = norm.keeps && !overlap(row, norm.launch->outputs[0]) &&
               isReadFrom(list, first, norm.launch->outputs[0]);
  return kept;
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
