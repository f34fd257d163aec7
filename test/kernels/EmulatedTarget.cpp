//===- EmulatedTarget.cpp - A program run by the emulator -----------------===//

#include "EmulatedTarget.h"
#include "Lowered.h"

#include <algorithm>
#include <cstddef>
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
  if (Written.bytes > kMostWritten - sizeof(DeviceState))
    throw std::runtime_error("the model takes too much memory");
  char *first = static_cast<char *>(Written.begin) + begin;
  std::memset(first, 0xff, Written.bytes - begin);
  return reinterpret_cast<uint64_t>(first);
}

uint64_t EmulatedTarget::allocateState() {
  return reinterpret_cast<uint64_t>(Pages);
}

EmulatedTarget::EmulatedTarget(const Model &model,
                               const std::vector<emulator::Entry> &entries,
                               runtime::CacheType cache, int64_t chunk,
                               int64_t capacity)
    : Target(model, lower(model.manifest, model.gpuOf(model.emulated)).program,
             cache, chunk, capacity),
      Entries(entries) {
  constexpr size_t counters = offsetof(DeviceState, counters);
  void *pages = mmap(nullptr, kMostWritten, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (pages == MAP_FAILED)
    throw std::runtime_error("no address space");
  Pages = static_cast<char *>(pages);
  Written = {Pages + counters, sizeof(DeviceState) - counters};
  At.weights = allocate(M.weights.size());
  write(At.weights, M.weights.data(), M.weights.size());
  allocateAll();
  EmulatedTarget::run(Program.arrange, 1, 0);
}

EmulatedTarget::~EmulatedTarget() { munmap(Pages, kMostWritten); }

void EmulatedTarget::write(uint64_t to, const void *from, size_t bytes) {
  std::memcpy(reinterpret_cast<void *>(to), from, bytes);
}
void EmulatedTarget::read(void *to, uint64_t from, size_t bytes) const {
  std::memcpy(to, reinterpret_cast<const void *>(from), bytes);
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
    std::vector<std::vector<uint64_t>> values = resolve(launch, firstRow);
    std::vector<void *> pointers;
    for (std::vector<uint64_t> &value : values)
      pointers.push_back(value.data());
    emulator::runGrid(*entry, pointers.data(),
                      {extent(launch.grid[0], rows),
                       extent(launch.grid[1], rows),
                       extent(launch.grid[2], rows)},
                      launch.blockThreads, launch.sharedBytes, Written);
  }
}
