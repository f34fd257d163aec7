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

alignas(
    1024) char qzc::emulator::dynamicShared[kMostClusterBlocks * kSharedBytes];

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
/// 1,024 threads of a block, or 256 of each of a cluster.
constexpr size_t kMostFibers = 4096;

struct Fiber {
  void *stack = nullptr;
  bool done = false;
  bool waited = false;  ///< for the launches before
  unsigned arrived = 0; ///< at which generation of the cluster's meeting
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

struct Block {
  Meeting all;
  Meeting some; ///< of as many as say so
};

/// The cluster that runs now: the fibers of its blocks, one block after the
/// other.
struct Cluster {
  const Entry *entry;
  void **args;
  unsigned threads = 0; ///< of a block
  std::vector<Fiber> fibers;
  std::vector<Warp> warps;
  std::vector<Block> blocks;
  Meeting all;
  Meeting dependencies;
  DependentMemory memory;
  bool open = false; ///< memory may be touched
  void *scheduler = nullptr;
  unsigned current = 0;
  /// Set by whatever lets a waiting thread go on.
  bool progress = false;

  Fiber &fiber() { return fibers[current]; }
  Warp &warp() { return warps[current / kWarp]; }
  Block &block() { return blocks[current / threads]; }
};
Cluster cluster;
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
  qzcSwitchStack(&cluster.fiber().stack, cluster.scheduler);
}

/// Arrives; returns the generation that ends when all have.
static unsigned arrive(Meeting &meeting) {
  const unsigned generation = meeting.generation;
  ++meeting.arrived;
  meeting.settle();
  cluster.progress |= meeting.generation != generation;
  return generation;
}

static void waitFor(const Meeting &meeting, unsigned generation) {
  while (meeting.generation == generation)
    yield();
}

static void wait(Meeting &meeting) { waitFor(meeting, arrive(meeting)); }

const char *qzc::emulator::meetWarp(const void *data, size_t bytes) {
  Warp &warp = cluster.warp();
  char *slots = warp.slots[warp.meeting.generation % 2];
  if (bytes > 0)
    std::memcpy(slots + 64 * (cluster.current % kWarp), data, bytes);
  wait(warp.meeting);
  return slots;
}

void qzc::emulator::meetBlock() { wait(cluster.block().all); }
void qzc::emulator::meetThreads(unsigned count) {
  Meeting &some = cluster.block().some;
  some.alive = count;
  wait(some);
}
void qzc::emulator::arriveCluster() {
  cluster.fiber().arrived = arrive(cluster.all);
}
void qzc::emulator::waitCluster() {
  waitFor(cluster.all, cluster.fiber().arrived);
}
unsigned qzc::emulator::blockOfCluster() {
  return cluster.current / cluster.threads;
}
void qzc::emulator::yieldThread() { yield(); }
void qzc::emulator::noteProgress() { cluster.progress = true; }

static void protectMemory(int protection) {
  if (cluster.memory.bytes > 0 &&
      mprotect(cluster.memory.begin, cluster.memory.bytes, protection) != 0)
    throw std::runtime_error("mprotect failed");
}

void qzc::emulator::openMemory() {
  cluster.fiber().waited = true;
  if (!cluster.open)
    protectMemory(PROT_READ | PROT_WRITE);
  cluster.open = true;
}

void qzc::emulator::meetDependencies() {
  wait(cluster.dependencies);
  openMemory();
}

/// A fault in hidden memory: nothing can go on, but it can be said why.
static void onFault(int, siginfo_t *info, void *) {
  const auto address = static_cast<const char *>(info->si_addr);
  const auto begin = static_cast<const char *>(cluster.memory.begin);
  if (address >= begin && address < begin + cluster.memory.bytes)
    std::fprintf(stderr,
                 "%s touches what kernels write before it waits for them\n",
                 cluster.entry->symbol);
  std::_Exit(1);
}

static void reportFaults() {
  struct sigaction action = {};
  action.sa_sigaction = &onFault;
  action.sa_flags = SA_SIGINFO;
  sigaction(SIGSEGV, &action, nullptr);
}

static void fiberMain() {
  cluster.entry->call(cluster.args);
  cluster.fiber().done = true;
  cluster.progress = true;
  for (Meeting *meeting : {&cluster.warp().meeting, &cluster.block().all,
                           &cluster.all, &cluster.dependencies}) {
    --meeting->alive;
    meeting->settle();
  }
  yield();
  std::abort();
}

/// A stack on which a fiber begins.
static void *newStack(unsigned number) {
  char *top = stacks.get() + (number + 1) * kStackBytes;
  top -= reinterpret_cast<uintptr_t>(top) % 16;
  // Six saved registers, the address to return to, and the misalignment that
  // a call leaves.
  auto **words = reinterpret_cast<void **>(top) - 8;
  std::memset(words, 0, 8 * sizeof(void *));
  words[6] = reinterpret_cast<void *>(&fiberMain);
  return words;
}

static void prepareCluster(unsigned blocks) {
  const unsigned threads = blocks * cluster.threads;
  cluster.fibers.assign(threads, Fiber());
  cluster.warps.assign((threads + kWarp - 1) / kWarp, Warp());
  cluster.blocks.assign(blocks, Block());
  cluster.all = Meeting();
  cluster.dependencies = Meeting();
  cluster.all.alive = cluster.dependencies.alive = threads;
  for (Block &block : cluster.blocks)
    block.all.alive = cluster.threads;
  for (unsigned i = 0; i < threads; ++i) {
    ++cluster.warps[i / kWarp].meeting.alive;
    cluster.fibers[i].stack = newStack(i);
  }
  protectMemory(PROT_NONE);
  cluster.open = false;
}

/// Runs the blocks from blockIdx on.
static void runCluster(unsigned blocks) {
  prepareCluster(blocks);
  const unsigned firstBlock = blockIdx.x;
  const auto threads = static_cast<unsigned>(cluster.fibers.size());
  unsigned left = threads;
  while (left > 0) {
    cluster.progress = false;
    for (size_t w = 0; w < cluster.warps.size(); ++w) {
      bool warpMoves = true;
      while (warpMoves) {
        const unsigned before = cluster.warps[w].meeting.generation;
        for (unsigned i = unsigned(w) * kWarp;
             i < threads && i < unsigned(w + 1) * kWarp; ++i) {
          if (cluster.fibers[i].done)
            continue;
          cluster.current = i;
          threadIdx.x = i % cluster.threads;
          blockIdx.x = firstBlock + i / cluster.threads;
          qzcSwitchStack(&cluster.scheduler, cluster.fibers[i].stack);
          left -= cluster.fibers[i].done;
        }
        warpMoves = cluster.warps[w].meeting.generation != before;
      }
    }
    if (!cluster.progress && left > 0)
      throw std::runtime_error(std::string(cluster.entry->symbol) +
                               ": threads wait for each other for ever");
  }
  blockIdx.x = firstBlock;
  for (const Fiber &fiber : cluster.fibers)
    if (!fiber.waited)
      throw std::runtime_error(
          std::string(cluster.entry->symbol) +
          ": a thread ends without waiting for the launches before");
}

void qzc::emulator::runGrid(const Entry &entry, void **args, dim3 grid,
                            unsigned threads, unsigned sharedBytes,
                            const DependentMemory &memory) {
  const unsigned blocks = entry.clusterBlocks;
  if (sharedBytes > kSharedBytes)
    throw std::runtime_error(std::string(entry.symbol) +
                             ": too much shared memory");
  if (blocks > kMostClusterBlocks || grid.x % blocks != 0 ||
      (blocks > 1 && threads % kWarp != 0))
    throw std::runtime_error(std::string(entry.symbol) +
                             ": its grid has no such clusters");
  if (size_t{blocks} * threads > kMostFibers)
    throw std::runtime_error(std::string(entry.symbol) +
                             ": a cluster of too many threads");
  if (!stacks) {
    // Not written to: only what fibers need becomes memory.
    stacks.reset(new char[kMostFibers * kStackBytes + 16]);
    reportFaults();
  }
  cluster.entry = &entry;
  cluster.args = args;
  cluster.threads = threads;
  cluster.memory = memory;
  gridDim = grid;
  blockDim = {threads, 1, 1};
  threadIdx = {0, 0, 0};
  for (blockIdx.z = 0; blockIdx.z < grid.z; ++blockIdx.z)
    for (blockIdx.y = 0; blockIdx.y < grid.y; ++blockIdx.y)
      for (blockIdx.x = 0; blockIdx.x < grid.x; blockIdx.x += blocks) {
        // NaN patterns, so that reading what nobody wrote shows.
        for (unsigned i = 0; i < blocks; ++i)
          std::memset(dynamicShared + i * kSharedBytes, 0xff,
                      std::min(kSharedBytes, sharedBytes + size_t{4096}));
        runCluster(blocks);
      }
}
