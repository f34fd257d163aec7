//===- WaitingRuns.cpp - Runs of a plan's body that go on later -----------===//

#include "WaitingRuns.h"

#include <algorithm>

namespace qzc::calibrate {

using format::View;

/// Buffers that are written before a launch, and read from it on.
static std::vector<size_t> liveAt(const format::Plan &plan, size_t launch) {
  std::vector<bool> written(plan.buffers.size());
  std::vector<bool> read(plan.buffers.size());
  for (size_t i = 0; i < plan.body.size(); ++i) {
    const std::vector<View> &views =
        i < launch ? plan.body[i].outputs : plan.body[i].inputs;
    for (const View &view : views)
      (i < launch ? written : read)[static_cast<size_t>(view.buffer)] = true;
  }
  read[static_cast<size_t>(plan.hidden.buffer)] = true;
  std::vector<size_t> live;
  for (size_t i = 0; i < written.size(); ++i)
    if (written[i] && read[i])
      live.push_back(i);
  return live;
}

WaitingRuns::WaitingRuns(const format::Plan &plan,
                         runtime::cpu::StepRunner &runner, int64_t tokens,
                         const std::vector<size_t> &launches)
    : Plan(plan), Runner(runner), Tokens(tokens) {
  for (const size_t launch : launches) {
    Live[launch] = liveAt(plan, launch);
    Slot = std::max(Slot, forLive(launch, [](size_t, uint64_t, uint64_t) {}));
  }
}

template <typename Take>
uint64_t WaitingRuns::forLive(size_t launch, Take take) const {
  uint64_t at = 0;
  for (const size_t index : Live.at(launch)) {
    const auto bytes =
        static_cast<uint64_t>(Plan.buffers[index].columns * Tokens) *
        sizeof(float);
    take(index, at, bytes);
    at += bytes;
  }
  return at;
}

void WaitingRuns::save(size_t launch, size_t run) {
  forLive(launch, [&](size_t index, uint64_t at, uint64_t bytes) {
    File.write(run * Slot + at, Runner.buffer(index, Tokens), bytes);
  });
}

void WaitingRuns::restore(size_t launch, size_t run) {
  forLive(launch, [&](size_t index, uint64_t at, uint64_t bytes) {
    File.read(run * Slot + at, Runner.buffer(index, Tokens), bytes);
  });
}

} // namespace qzc::calibrate
