//===- EmulatedTarget.cpp - A program run by the emulator -----------------===//

#include "EmulatedTarget.h"

#include <algorithm>
#include <cstring>
#include <stdexcept>
#include <sys/mman.h>

using namespace qzc;
using namespace qzc::kernel_test;
using namespace qzc::format;

/// Address space for what a case's kernels write.
static constexpr uint64_t kMostWritten = uint64_t{1} << 30;

/// 256-byte aligned memory full of NaN patterns.
uint64_t EmulatedTarget::allocate(uint64_t bytes) {
  Memory.push_back(std::make_unique<char[]>(bytes + 512));
  std::memset(Memory.back().get(), 0xff, bytes + 512);
  return (reinterpret_cast<uint64_t>(Memory.back().get()) + 255) / 256 * 256;
}

/// The same of the memory that kernels write.
uint64_t EmulatedTarget::allocateWritten(uint64_t bytes) {
  constexpr uint64_t page = 4096;
  const uint64_t begin = Written.bytes;
  Written.bytes = (begin + bytes + page) / page * page;
  if (Written.bytes > kMostWritten)
    throw std::runtime_error("the model takes too much memory");
  char *first = static_cast<char *>(Written.begin) + begin;
  std::memset(first, 0xff, Written.bytes - begin);
  return reinterpret_cast<uint64_t>(first);
}

template <class T> static T *at(uint64_t address) {
  return reinterpret_cast<T *>(address);
}

EmulatedTarget::EmulatedTarget(const Model &model,
                               const std::vector<emulator::Entry> &entries,
                               bool halfCache, int64_t chunk, int64_t capacity)
    : Target(model, halfCache, chunk, capacity), Entries(entries) {
  void *pages = mmap(nullptr, kMostWritten, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (pages == MAP_FAILED)
    throw std::runtime_error("no address space");
  Written.begin = pages;
  const Plan &plan = M.manifest.plan;
  const auto rows = uint64_t(chunk);
  At.weights = allocate(M.weights.size());
  std::memcpy(at<char>(At.weights), M.weights.data(), M.weights.size());
  At.body = allocateWritten(plan.bytesPerToken * rows);
  At.head = allocateWritten(plan.headBytesPerToken * rows);
  At.scratch = allocateWritten(Program.scratchBytes +
                               Program.scratchBytesPerToken * rows);
  At.state = allocateWritten(sizeof(DeviceState));
  *at<DeviceState>(At.state) = {};
  At.tokens = allocateWritten(rows * 4);
  At.targets = allocateWritten(rows * 4);
  At.losses = allocateWritten(rows * 4);
  for (const Launch &launch : plan.body)
    if (const auto *p = std::get_if<AttentionParams>(&launch.params)) {
      const auto bytes =
          uint64_t(p->kvHeads * capacity * p->headDim) * (halfCache ? 2 : 4);
      At.keys.push_back(allocateWritten(bytes));
      At.values.push_back(allocateWritten(bytes));
    }
  Ranges = At.keys.size();
  At.cacheRanges = allocateWritten(Ranges * sizeof(CacheRange));
  std::fill_n(at<CacheRange>(At.cacheRanges), Ranges, CacheRange{});
  for (const Rope &rope : plan.ropes) {
    const std::vector<float> table = ropeTable(rope, capacity);
    At.ropes.push_back(allocate(table.size() * 4));
    std::memcpy(at<char>(At.ropes.back()), table.data(), table.size() * 4);
  }
}

EmulatedTarget::~EmulatedTarget() { munmap(Written.begin, kMostWritten); }

DeviceState EmulatedTarget::state() const { return *at<DeviceState>(At.state); }

std::vector<CacheRange> EmulatedTarget::cacheRanges() const {
  const auto *first = at<CacheRange>(At.cacheRanges);
  return {first, first + Ranges};
}

void EmulatedTarget::setState(int position, int tokens, int token, int rows) {
  auto &state = *at<DeviceState>(At.state);
  state.position = position;
  state.tokens = tokens;
  state.token = token;
  state.rows = rows;
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
                      launch.blockThreads, launch.sharedBytes, Written);
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
