//===- ThreadPool.cpp - Parallel loops over index ranges ------------------===//
//
// A loop is published by its number, the generation; each thread takes indices
// from shared counters, one a share, until they run out, and then says how many
// it has done. Counters hold the number of their loop, too: a thread that comes
// late finds another one's there, and takes nothing. A worker that finds no new
// loop spins for a moment (a decode step is hundreds of short loops) and then
// waits on a condition variable.
//
// What one thread writes and another reads goes from core to core, which takes
// as long as hundreds of instructions: a loop needs few such lines.
//
//===----------------------------------------------------------------------===//

#include "qzc/Support/ThreadPool.h"

#include "qzc/Support/CpuQuota.h"
#include "qzc/Support/Error.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <optional>
#include <sched.h>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

namespace qzc {

static int usableCores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (::sched_getaffinity(0, sizeof(set), &set) == 0)
    return CPU_COUNT(&set);
  return static_cast<int>(std::thread::hardware_concurrency());
}

int availableThreads() {
  double threads = usableCores();
  if (const std::optional<double> quota = cpuQuota())
    threads = std::min(threads, *quota);
  return std::max(1, static_cast<int>(threads));
}

static void relax() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#else
  std::this_thread::yield();
#endif
}

namespace {

/// A share of a loop, and what its thread has done of all loops.
struct alignas(64) Lane {
  /// The loop's epoch, then the next index.
  std::atomic<uint64_t> state{0};
  std::atomic<uint32_t> end{0};
  std::atomic<uint64_t> done{0};

  /// Before anything else of the loop is written: whoever has seen that finds
  /// no index of the loop before.
  void begin(uint32_t epoch, int64_t first) {
    state.store(uint64_t{epoch} << 32 | static_cast<uint32_t>(first),
                std::memory_order_relaxed);
  }

  bool take(uint32_t epoch, int64_t &index) {
    uint64_t now = state.load(std::memory_order_acquire);
    do {
      index = static_cast<uint32_t>(now);
      if (now >> 32 != epoch || index >= end.load(std::memory_order_acquire))
        return false;
    } while (
        !state.compare_exchange_weak(now, now + 1, std::memory_order_acquire));
    return true;
  }
};

} // namespace

struct ThreadPool::Impl {
  using Loop = FunctionRef<void(Indices &, int)>;

  static constexpr int kSpins = 4000;

  /// The loop that is published last.
  struct alignas(64) Published {
    std::atomic<uint64_t> generation{0};
    std::atomic<const Loop *> loop{nullptr};
    std::atomic<size_t> shares{0};
    std::atomic<bool> failed{false};
    std::atomic<bool> stopping{false};
  };

  Published published;
  std::vector<Lane> lanes;
  alignas(64) std::atomic<int> sleeping{0};
  std::mutex mutex;
  std::condition_variable wake;
  uint64_t doneBefore = 0;    ///< of all loops before; the caller's
  std::exception_ptr failure; // guarded by mutex
  std::vector<std::thread> workers;

  explicit Impl(int threads) : lanes(static_cast<size_t>(threads)) {}

  ~Impl() {
    {
      std::lock_guard<std::mutex> lock(mutex);
      published.stopping.store(true);
    }
    wake.notify_all();
    for (std::thread &worker : workers)
      worker.join();
  }

  /// A thread's part of the loop, if there is something left for it.
  void run(const Loop *loop, Indices indices) {
    indices.HasFirst = indices.takeAny(indices.First);
    // Of a loop that has failed there may be some that are counted only.
    if (indices.Taken == 0)
      return;
    try {
      if (indices.HasFirst)
        (*loop)(indices, static_cast<int>(indices.Worker));
    } catch (...) {
      {
        std::lock_guard<std::mutex> lock(mutex);
        if (!failure)
          failure = std::current_exception();
      }
      published.failed.store(true, std::memory_order_relaxed);
      // Nobody does what is left, but it is counted.
      int64_t index;
      while (indices.takeAny(index)) {
      }
    }
    std::atomic<uint64_t> &done = lanes[indices.Worker].done;
    done.store(done.load(std::memory_order_relaxed) + indices.Taken,
               std::memory_order_release);
  }

  bool ready(uint64_t seen) const {
    return published.generation.load() != seen || published.stopping.load();
  }

  void waitForLoop(uint64_t seen) {
    for (int spin = 0; spin != kSpins; ++spin) {
      if (ready(seen))
        return;
      relax();
    }
    // Either this sees the next loop or its caller sees that somebody sleeps.
    std::unique_lock<std::mutex> lock(mutex);
    ++sleeping;
    wake.wait(lock, [&] { return ready(seen); });
    --sleeping;
  }

  void work(size_t worker) {
    uint64_t seen = 0;
    for (;;) {
      waitForLoop(seen);
      if (published.stopping.load())
        return;
      seen = published.generation.load();
      // Those of a later loop where this comes late: run() finds nothing then.
      const Loop *loop = published.loop.load(std::memory_order_acquire);
      const size_t shares = published.shares.load(std::memory_order_acquire);
      const auto epoch = static_cast<uint32_t>(seen);
      run(loop, Indices(this, epoch, shares, worker));
    }
  }

  uint64_t doneOfAll() const {
    uint64_t sum = 0;
    for (const Lane &lane : lanes)
      sum += lane.done.load(std::memory_order_acquire);
    return sum;
  }

  /// `ends` as of parallelShares, of any number of shares up to the threads'.
  void runLoop(const Loop &loop, const int64_t *ends, size_t shares) {
    const uint64_t generation =
        published.generation.load(std::memory_order_relaxed) + 1;
    const auto epoch = static_cast<uint32_t>(generation);
    if (ends[shares - 1] >= int64_t{1} << 32)
      throw Error("a loop of 2^32 ranges or more is not supported");
    for (size_t i = 0; i != shares; ++i)
      lanes[i].begin(epoch, i == 0 ? 0 : ends[i - 1]);
    for (size_t i = 0; i != shares; ++i)
      lanes[i].end.store(static_cast<uint32_t>(ends[i]),
                         std::memory_order_release);
    if (!workers.empty()) {
      published.loop.store(&loop, std::memory_order_release);
      published.shares.store(shares, std::memory_order_release);
      published.generation.store(generation);
      if (sleeping.load() != 0) {
        { std::lock_guard<std::mutex> lock(mutex); }
        wake.notify_all();
      }
    }
    run(&loop, Indices(this, epoch, shares, 0));
    doneBefore += static_cast<uint64_t>(ends[shares - 1]);
    // Where other programs want the cores, a worker may not be running.
    for (int spins = 0; doneOfAll() != doneBefore; ++spins) {
      if (spins < kSpins)
        relax();
      else
        std::this_thread::yield();
    }
    if (published.failed.load(std::memory_order_relaxed)) {
      published.failed.store(false, std::memory_order_relaxed);
      std::lock_guard<std::mutex> lock(mutex);
      std::rethrow_exception(std::exchange(failure, nullptr));
    }
  }
};

bool ThreadPool::Indices::takeAny(int64_t &index) {
  while (Emptied != Shares) {
    if (!Of->lanes[(Worker + Emptied) % Shares].take(Epoch, index)) {
      ++Emptied;
      continue;
    }
    ++Taken;
    if (!Of->published.failed.load(std::memory_order_relaxed))
      return true;
  }
  return false;
}

bool ThreadPool::Indices::take(int64_t &index) {
  if (!HasFirst)
    return takeAny(index);
  HasFirst = false;
  index = First;
  return true;
}

ThreadPool::ThreadPool(int threads)
    : Threads(threads > 0 ? threads : availableThreads()),
      State(std::make_unique<Impl>(Threads)) {
  try {
    for (int worker = 1; worker < Threads; ++worker)
      State->workers.emplace_back(
          [impl = State.get(), worker = static_cast<size_t>(worker)] {
            impl->work(worker);
          });
  } catch (const std::system_error &error) {
    throw Error("cannot start " + std::to_string(Threads) + " threads: " +
                error.code().message() + "; give fewer with --threads");
  }
}

ThreadPool::~ThreadPool() = default;

void ThreadPool::parallelFor(int64_t count, int64_t grain,
                             FunctionRef<void(int64_t, int64_t, int)> body) {
  if (count <= 0)
    return;
  grain = std::max<int64_t>(grain, 1);
  if (Threads == 1 || count <= grain) {
    for (int64_t begin = 0; begin < count; begin += grain)
      body(begin, std::min(begin + grain, count), 0);
    return;
  }
  const int64_t ranges = (count + grain - 1) / grain;
  State->runLoop(
      [&](Indices &indices, int worker) {
        for (int64_t range; indices.take(range);)
          body(range * grain, std::min((range + 1) * grain, count), worker);
      },
      &ranges, 1);
}

void ThreadPool::parallelShares(const std::vector<int64_t> &ends,
                                FunctionRef<void(Indices &, int)> body) {
  State->runLoop(body, ends.data(), ends.size());
}

} // namespace qzc
