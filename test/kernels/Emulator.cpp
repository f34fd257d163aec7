//===- Emulator.cpp - Fibers that meet at barriers ------------------------===//

#include "Emulator.h"

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <map>
#include <memory>
#include <stdexcept>
#include <sys/mman.h>

dim3 threadIdx, blockIdx, blockDim, gridDim;

using namespace qzc::emulator;

alignas(1024) char qzc::emulator::dynamicShared[227 * 1024];

// Saves the callee-saved registers and the stack pointer, and takes others.
extern "C" void qzcSwitchStack(void **save, void *load);
asm(R"(
.text
.globl qzcSwitchStack
.type qzcSwitchStack, @function
qzcSwitchStack:
  push %rbp
  push %rbx
  push %r12
  push %r13
  push %r14
  push %r15
  mov %rsp, (%rdi)
  mov %rsi, %rsp
  pop %r15
  pop %r14
  pop %r13
  pop %r12
  pop %rbx
  pop %rbp
  ret
.size qzcSwitchStack, .-qzcSwitchStack
)");

namespace {
constexpr size_t kStackBytes = 64 * 1024;
constexpr unsigned kWarp = 32;

struct Fiber {
  void *stack = nullptr;
  bool done = false;
  bool waited = false; ///< for the launches before
};

struct Meeting {
  unsigned generation = 0;
  unsigned arrived = 0;
  unsigned alive = 0;
  void settle() {
    if (arrived > 0 && arrived == alive) {
      arrived = 0;
      ++generation;
    }
  }
};

struct Warp {
  Meeting meeting;
  alignas(16) char slots[2][kWarp * 64];
};

/// The block that runs now.
struct Block {
  const Entry *entry;
  void **args;
  std::vector<Fiber> fibers;
  std::vector<Warp> warps;
  Meeting meeting;
  Meeting some; ///< of as many as say so
  Meeting dependencies;
  DependentMemory memory;
  bool open = false; ///< memory may be touched
  void *scheduler = nullptr;
  unsigned current = 0;
  /// Set by whatever lets a waiting thread go on.
  bool progress = false;
};
Block block;
std::unique_ptr<char[]> stacks;
} // namespace

static std::map<int, std::vector<Entry>> &registry() {
  static std::map<int, std::vector<Entry>> entries;
  return entries;
}

Registration::Registration(int number, std::vector<Entry> entries) {
  registry()[number] = std::move(entries);
}

const std::vector<Entry> &qzc::emulator::entriesOf(int number) {
  return registry().at(number);
}

const float *qzc::emulator::halfValues() {
  static const std::vector<float> values = [] {
    std::vector<float> table;
    for (unsigned bits = 0; bits < 65536; ++bits) {
      const auto half = static_cast<unsigned short>(bits);
      _Float16 value;
      std::memcpy(&value, &half, 2);
      table.push_back(value);
    }
    return table;
  }();
  return values.data();
}

static void yield() {
  qzcSwitchStack(&block.fibers[block.current].stack, block.scheduler);
}

static void wait(Meeting &meeting) {
  const unsigned generation = meeting.generation;
  ++meeting.arrived;
  meeting.settle();
  if (meeting.generation != generation)
    block.progress = true;
  while (meeting.generation == generation)
    yield();
}

const char *qzc::emulator::meetWarp(const void *data, size_t bytes) {
  Warp &warp = block.warps[block.current / kWarp];
  char *slots = warp.slots[warp.meeting.generation % 2];
  if (bytes > 0)
    std::memcpy(slots + 64 * (block.current % kWarp), data, bytes);
  wait(warp.meeting);
  return slots;
}

void qzc::emulator::meetBlock() { wait(block.meeting); }
void qzc::emulator::meetThreads(unsigned count) {
  block.some.alive = count;
  wait(block.some);
}
void qzc::emulator::yieldThread() { yield(); }
void qzc::emulator::noteProgress() { block.progress = true; }

static void protectMemory(int protection) {
  if (block.memory.bytes > 0 &&
      mprotect(block.memory.begin, block.memory.bytes, protection) != 0)
    throw std::runtime_error("mprotect failed");
}

void qzc::emulator::meetDependencies() {
  block.fibers[block.current].waited = true;
  wait(block.dependencies);
  if (!block.open)
    protectMemory(PROT_READ | PROT_WRITE);
  block.open = true;
}

/// A fault in hidden memory: nothing can go on, but it can be said why.
static void onFault(int, siginfo_t *info, void *) {
  const auto address = static_cast<const char *>(info->si_addr);
  const auto begin = static_cast<const char *>(block.memory.begin);
  if (address >= begin && address < begin + block.memory.bytes)
    std::fprintf(stderr,
                 "%s touches what kernels write before it waits for them\n",
                 block.entry->symbol);
  std::_Exit(1);
}

static void reportFaults() {
  struct sigaction action = {};
  action.sa_sigaction = &onFault;
  action.sa_flags = SA_SIGINFO;
  sigaction(SIGSEGV, &action, nullptr);
}

static void fiberMain() {
  block.entry->call(block.args);
  Fiber &fiber = block.fibers[block.current];
  fiber.done = true;
  block.progress = true;
  Warp &warp = block.warps[block.current / kWarp];
  --warp.meeting.alive;
  warp.meeting.settle();
  --block.meeting.alive;
  block.meeting.settle();
  --block.dependencies.alive;
  block.dependencies.settle();
  yield();
  std::abort();
}

static void runBlock(unsigned threads) {
  block.fibers.assign(threads, Fiber());
  block.warps.assign((threads + kWarp - 1) / kWarp, Warp());
  block.meeting = Meeting();
  block.meeting.alive = threads;
  block.dependencies = Meeting();
  block.some = Meeting();
  block.dependencies.alive = threads;
  protectMemory(PROT_NONE);
  block.open = false;
  for (unsigned i = 0; i < threads; ++i) {
    ++block.warps[i / kWarp].meeting.alive;
    char *top = stacks.get() + (i + 1) * kStackBytes;
    top -= reinterpret_cast<uintptr_t>(top) % 16;
    // Six saved registers, the address to return to, and the misalignment that
    // a call leaves.
    auto **words = reinterpret_cast<void **>(top) - 8;
    std::memset(words, 0, 8 * sizeof(void *));
    words[6] = reinterpret_cast<void *>(&fiberMain);
    block.fibers[i].stack = words;
  }
  unsigned left = threads;
  while (left > 0) {
    block.progress = false;
    for (size_t w = 0; w < block.warps.size(); ++w) {
      bool warpMoves = true;
      while (warpMoves) {
        const unsigned before = block.warps[w].meeting.generation;
        for (unsigned i = unsigned(w) * kWarp;
             i < threads && i < unsigned(w + 1) * kWarp; ++i) {
          if (block.fibers[i].done)
            continue;
          block.current = i;
          threadIdx.x = i;
          qzcSwitchStack(&block.scheduler, block.fibers[i].stack);
          left -= block.fibers[i].done;
        }
        warpMoves = block.warps[w].meeting.generation != before;
      }
    }
    if (!block.progress && left > 0)
      throw std::runtime_error(std::string(block.entry->symbol) +
                               ": threads wait for each other for ever");
  }
  for (const Fiber &fiber : block.fibers)
    if (!fiber.waited)
      throw std::runtime_error(
          std::string(block.entry->symbol) +
          ": a thread ends without waiting for the launches before");
}

void qzc::emulator::runGrid(const Entry &entry, void **args, dim3 grid,
                            unsigned threads, unsigned sharedBytes,
                            const DependentMemory &memory) {
  if (sharedBytes > sizeof(dynamicShared))
    throw std::runtime_error(std::string(entry.symbol) +
                             ": too much shared memory");
  if (!stacks) {
    stacks = std::make_unique<char[]>(1024 * kStackBytes + 16);
    reportFaults();
  }
  block.entry = &entry;
  block.args = args;
  block.memory = memory;
  gridDim = grid;
  blockDim = {threads, 1, 1};
  threadIdx = {0, 0, 0};
  for (blockIdx.z = 0; blockIdx.z < grid.z; ++blockIdx.z)
    for (blockIdx.y = 0; blockIdx.y < grid.y; ++blockIdx.y)
      for (blockIdx.x = 0; blockIdx.x < grid.x; ++blockIdx.x) {
        // NaN patterns, so that reading what nobody wrote shows.
        std::memset(
            dynamicShared, 0xff,
            std::min(sizeof(dynamicShared), sharedBytes + size_t{4096}));
        runBlock(threads);
      }
}
