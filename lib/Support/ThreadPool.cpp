//===- ThreadPool.cpp - Parallel loops over index ranges ------------------===//
//
// A loop is published by bumping Generation; every worker takes ranges from
// shared counters, one a share, until they run out and then reports in. A
// worker that finds no new loop spins for a moment (a decode step is hundreds
// of short loops) and then waits on a condition variable.
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

struct ThreadPool::Impl {
  using Body = std::function<void(int64_t, int64_t, int)>;

  static constexpr int kSpins = 4000;

  /// Indices of a loop that are taken in order; on a cache line of its own.
  struct alignas(64) Share {
    std::atomic<int64_t> next{0};
    int64_t end = 0;
  };

  // The current loop; written by the caller before Generation is bumped.
  const Body *body = nullptr;
  int64_t grain = 1;
  std::vector<Share> shares; // one a thread, of which the loop has so many:
  size_t shareCount = 0;
  std::atomic<int> busy{0};
  std::atomic<uint64_t> generation{0};
  std::atomic<bool> stopping{false};

  std::mutex mutex;
  std::condition_variable wake;
  int sleeping = 0;           // guarded by mutex
  std::exception_ptr failure; // guarded by mutex
  std::vector<std::thread> workers;

  explicit Impl(int threads) : shares(static_cast<size_t>(threads)) {}

  ~Impl() {
    {
      std::lock_guard<std::mutex> lock(mutex);
      stopping.store(true, std::memory_order_release);
    }
    wake.notify_all();
    for (std::thread &worker : workers)
      worker.join();
  }

  void runShare(Share &share, int worker) {
    while (share.next.load(std::memory_order_relaxed) < share.end) {
      int64_t begin = share.next.fetch_add(grain, std::memory_order_relaxed);
      if (begin < share.end)
        (*body)(begin, std::min(begin + grain, share.end), worker);
    }
  }

  void runRanges(int worker) {
    try {
      for (size_t i = 0; i != shareCount; ++i)
        runShare(shares[(static_cast<size_t>(worker) + i) % shareCount],
                 worker);
    } catch (...) {
      for (size_t i = 0; i != shareCount; ++i)
        shares[i].next.store(shares[i].end, std::memory_order_relaxed);
      std::lock_guard<std::mutex> lock(mutex);
      if (!failure)
        failure = std::current_exception();
    }
  }

  void setShare(size_t index, int64_t begin, int64_t end) {
    shares[index].next.store(begin, std::memory_order_relaxed);
    shares[index].end = end;
  }

  bool ready(uint64_t seen) const {
    return generation.load(std::memory_order_acquire) != seen ||
           stopping.load(std::memory_order_acquire);
  }

  void waitForLoop(uint64_t seen) {
    for (int spin = 0; spin != kSpins; ++spin) {
      if (ready(seen))
        return;
      relax();
    }
    std::unique_lock<std::mutex> lock(mutex);
    ++sleeping;
    wake.wait(lock, [&] { return ready(seen); });
    --sleeping;
  }

  void work(int worker) {
    uint64_t seen = 0;
    for (;;) {
      waitForLoop(seen);
      if (stopping.load(std::memory_order_acquire))
        return;
      ++seen;
      runRanges(worker);
      busy.fetch_sub(1, std::memory_order_release);
    }
  }

  /// The caller's part of a loop over the first `count` shares, which are set.
  void runLoop(const Body &loop, int64_t size, size_t count) {
    body = &loop;
    grain = size;
    shareCount = count;
    busy.store(static_cast<int>(workers.size()), std::memory_order_relaxed);
    bool anySleeping = false;
    {
      std::lock_guard<std::mutex> lock(mutex);
      generation.fetch_add(1, std::memory_order_release);
      anySleeping = sleeping != 0;
    }
    if (anySleeping)
      wake.notify_all();
    runRanges(0);
    // Where other programs want the cores, a worker may not be running at all.
    int spins = 0;
    while (busy.load(std::memory_order_acquire) != 0) {
      if (spins == kSpins) {
        std::this_thread::yield();
        continue;
      }
      ++spins;
      relax();
    }
    if (failure)
      std::rethrow_exception(std::exchange(failure, nullptr));
  }
};

ThreadPool::ThreadPool(int threads)
    : Threads(threads > 0 ? threads : availableThreads()),
      State(std::make_unique<Impl>(Threads)) {
  try {
    for (int worker = 1; worker < Threads; ++worker)
      State->workers.emplace_back(
          [impl = State.get(), worker] { impl->work(worker); });
  } catch (const std::system_error &error) {
    throw Error("cannot start " + std::to_string(Threads) + " threads: " +
                error.code().message() + "; give fewer with --threads");
  }
}

ThreadPool::~ThreadPool() = default;

void ThreadPool::parallelFor(
    int64_t count, int64_t grain,
    const std::function<void(int64_t, int64_t, int)> &body) {
  if (count <= 0)
    return;
  grain = std::max<int64_t>(grain, 1);
  if (Threads == 1 || count <= grain) {
    for (int64_t begin = 0; begin < count; begin += grain)
      body(begin, std::min(begin + grain, count), 0);
    return;
  }
  State->setShare(0, 0, count);
  State->runLoop(body, grain, 1);
}

void ThreadPool::parallelShares(const std::vector<int64_t> &ends,
                                const std::function<void(int64_t, int)> &body) {
  if (Threads == 1) {
    for (int64_t index = 0; index != ends.back(); ++index)
      body(index, 0);
    return;
  }
  for (size_t i = 0; i != ends.size(); ++i)
    State->setShare(i, i == 0 ? 0 : ends[i - 1], ends[i]);
  State->runLoop(
      [&](int64_t index, int64_t, int worker) { body(index, worker); },
      /*grain=*/1, ends.size());
}

} // namespace qzc
