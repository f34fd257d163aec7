//===- EmulatedTarget.cpp - A program run by the emulator -----------------===//

#include "EmulatedTarget.h"

#include "Emulator.h"

#include <cstring>
#include <stdexcept>

using namespace qzc;
using namespace qzc::kernel_test;
using namespace qzc::format;

/// 256-byte aligned memory full of NaN patterns.
uint64_t EmulatedTarget::allocate(uint64_t bytes) {
  Memory.push_back(std::make_unique<char[]>(bytes + 512));
  std::memset(Memory.back().get(), 0xff, bytes + 512);
  return (reinterpret_cast<uint64_t>(Memory.back().get()) + 255) / 256 * 256;
}

template <class T> static T *at(uint64_t address) {
  return reinterpret_cast<T *>(address);
}

EmulatedTarget::EmulatedTarget(const Model &model,
                               const std::vector<emulator::Entry> &entries,
                               bool halfCache, int64_t chunk, int64_t capacity)
    : Target(model, halfCache, chunk, capacity), Entries(entries) {
  const Plan &plan = M.manifest.plan;
  const auto rows = uint64_t(chunk);
  At.weights = allocate(M.weights.size());
  std::memcpy(at<char>(At.weights), M.weights.data(), M.weights.size());
  At.body = allocate(plan.bytesPerToken * rows);
  At.head = allocate(plan.headBytesPerToken * rows);
  At.scratch =
      allocate(Program.scratchBytes + Program.scratchBytesPerToken * rows);
  At.state = reinterpret_cast<uint64_t>(&State);
  At.tokens = allocate(rows * 4);
  At.targets = allocate(rows * 4);
  At.losses = allocate(rows * 4);
  for (const Launch &launch : plan.body)
    if (const auto *p = std::get_if<AttentionParams>(&launch.params)) {
      const auto bytes =
          uint64_t(p->kvHeads * capacity * p->headDim) * (halfCache ? 2 : 4);
      At.keys.push_back(allocate(bytes));
      At.values.push_back(allocate(bytes));
    }
  for (const Rope &rope : plan.ropes) {
    const std::vector<float> table = ropeTable(rope, capacity);
    At.ropes.push_back(allocate(table.size() * 4));
    std::memcpy(at<char>(At.ropes.back()), table.data(), table.size() * 4);
  }
}

void EmulatedTarget::setState(int position, int tokens, int token, int rows) {
  State.position = position;
  State.tokens = tokens;
  State.token = token;
  State.rows = rows;
}

void EmulatedTarget::setTokens(const std::vector<int32_t> &tokens) {
  std::memcpy(at<char>(At.tokens), tokens.data(), tokens.size() * 4);
}
void EmulatedTarget::setTargets(const std::vector<int32_t> &targets) {
  std::memcpy(at<char>(At.targets), targets.data(), targets.size() * 4);
}

void EmulatedTarget::run(const std::vector<CudaLaunch> &list, int64_t rows,
                         int64_t firstRow) {
  for (const CudaLaunch &launch : list) {
    const std::string name = symbol(launch);
    const emulator::Entry *entry = nullptr;
    for (const emulator::Entry &candidate : Entries)
      if (name == candidate.symbol)
        entry = &candidate;
    if (!entry)
      throw std::runtime_error("no kernel " + name);
    std::vector<uint64_t> values = resolve(launch, firstRow);
    std::vector<void *> pointers;
    for (uint64_t &value : values)
      pointers.push_back(&value);
    emulator::runGrid(*entry, pointers.data(),
                      {extent(launch.grid[0], rows),
                       extent(launch.grid[1], rows),
                       extent(launch.grid[2], rows)},
                      launch.blockThreads, launch.sharedBytes);
  }
}

std::vector<float> EmulatedTarget::losses(int64_t rows) const {
  return {at<float>(At.losses), at<float>(At.losses) + rows};
}

std::vector<float> EmulatedTarget::readHead(uint64_t offset,
                                            size_t count) const {
  const auto *first = at<float>(At.head + offset);
  return {first, first + count};
}
