//===- ThreadPool.h - Parallel loops over index ranges ----------*- C++ -*-===//

#ifndef QZC_SUPPORT_THREADPOOL_H
#define QZC_SUPPORT_THREADPOOL_H

#include "qzc/Support/FunctionRef.h"

#include <cstdint>
#include <memory>
#include <vector>

namespace qzc {

/// Cores this process may run on (sched_getaffinity), no more than the whole
/// ones whose time it may use (CpuQuota.h), at least 1. Threads that share less
/// than a core each wait for one another through every stall of the quota.
int availableThreads();

/// The most threads that options may ask for.
inline constexpr int kMaxThreads = 1024;

/// A fixed team of threads (the caller is one of them). Workers spin briefly
/// between loops and then sleep, so that many short loops are cheap. One that
/// does not come to run while others do the whole loop is not waited for.
class ThreadPool {
  struct Impl;

public:
  /// A loop's indices, as one thread is given them.
  class Indices {
  public:
    /// The next one; false where none is left.
    bool take(int64_t &index);

  private:
    friend struct Impl;
    Impl *Of;
    uint32_t Epoch;
    size_t Shares;
    size_t Worker;
    size_t Emptied = 0; ///< shares, from the worker's own one on
    uint64_t Taken = 0;
    int64_t First = 0;
    bool HasFirst = false;

    Indices(Impl *of, uint32_t epoch, size_t shares, size_t worker)
        : Of(of), Epoch(epoch), Shares(shares), Worker(worker) {}
    bool takeAny(int64_t &index);
  };

  /// `threads` ≤ 0: availableThreads(). Throws qzc::Error where they cannot be
  /// started.
  explicit ThreadPool(int threads = 0);
  ~ThreadPool();
  ThreadPool(const ThreadPool &) = delete;
  ThreadPool &operator=(const ThreadPool &) = delete;

  int threads() const { return Threads; }

  /// Calls body(begin, end, worker) over disjoint ranges of at most `grain`
  /// indices covering [0, count); returns when all are done. Which worker gets
  /// which range is not determined: results must not depend on it. The first
  /// exception is rethrown in the caller.
  void
  parallelFor(int64_t count, int64_t grain,
              FunctionRef<void(int64_t begin, int64_t end, int worker)> body);

  /// Calls body(indices, worker) on threads that take() what is below
  /// ends.back() among them, and must until there is no more: what nobody took
  /// is waited for. Worker w, of threads() ones, begins with
  /// [ends[w - 1], ends[w]), one behind the other, and then helps the others
  /// with what is left of theirs: memory that is read in the order of indices
  /// is a stream for each of them. Otherwise as parallelFor.
  void parallelShares(const std::vector<int64_t> &ends,
                      FunctionRef<void(Indices &indices, int worker)> body);

private:
  int Threads;
  std::unique_ptr<Impl> State;
};

} // namespace qzc

#endif // QZC_SUPPORT_THREADPOOL_H
