//===- Checks.cpp - Comparing sections with their hashes ------------------===//
//
// A section's hash is one sequential stream, and mapping pages costs more than
// hashing them. So one thread hashes while the others walk ahead of it and
// bring the pages in.
//
//===----------------------------------------------------------------------===//

#include "Checks.h"

#include "SectionTable.h"
#include "qzc/Support/Error.h"
#include "qzc/Support/Hash.h"
#include "qzc/Support/Progress.h"
#include "qzc/Support/ThreadPool.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <optional>
#include <sys/mman.h>
#include <system_error>
#include <thread>
#include <utility>

namespace qzc::runtime {

static constexpr uint64_t kChunk = uint64_t{4} << 20;
static constexpr int kMiBShift = 20;
static constexpr int kMaxHelpers = 3;

/// Maps the pages of [data, data + bytes).
static void populate(const std::byte *data, uint64_t bytes) {
  constexpr uint64_t kPage = 4096;
#ifdef MADV_POPULATE_READ
  uintptr_t begin = reinterpret_cast<uintptr_t>(data) / kPage * kPage;
  uintptr_t end = reinterpret_cast<uintptr_t>(data) + bytes;
  if (::madvise(reinterpret_cast<void *>(begin), end - begin,
                MADV_POPULATE_READ) == 0)
    return;
#endif
  // An older kernel: touching a page maps it.
  for (uint64_t offset = 0; offset < bytes; offset += kPage)
    static_cast<void>(*const_cast<const volatile std::byte *>(data + offset));
}

namespace {
/// Threads that map a list of chunks in order, ahead of the hashing thread.
class Prefault {
public:
  explicit Prefault(const std::vector<CheckedRange> &ranges) {
    uint64_t total = 0;
    for (const CheckedRange &range : ranges) {
      total += range.entry.bytes;
      for (uint64_t offset = 0; offset < range.entry.bytes; offset += kChunk)
        Chunks.push_back({range.data + offset,
                          std::min(kChunk, range.entry.bytes - offset)});
    }
    int helpers = std::min(kMaxHelpers, availableThreads() - 1);
    if (total < kChunk)
      helpers = 0;
    try {
      for (int helper = 0; helper < helpers; ++helper)
        Threads.emplace_back([this] { run(); });
    } catch (const std::system_error &) {
      // Fewer helpers only cost time.
    }
  }
  Prefault(const Prefault &) = delete;
  Prefault &operator=(const Prefault &) = delete;
  ~Prefault() {
    Next.store(Chunks.size());
    for (std::thread &thread : Threads)
      thread.join();
  }

private:
  struct Chunk {
    const std::byte *data;
    uint64_t bytes;
  };

  void run() {
    for (;;) {
      size_t index = Next.fetch_add(1);
      if (index >= Chunks.size())
        return;
      populate(Chunks[index].data, Chunks[index].bytes);
    }
  }

  std::vector<Chunk> Chunks;
  std::vector<std::thread> Threads;
  std::atomic<size_t> Next{0};
};
} // namespace

[[noreturn]] static void failAltered(const CheckedRange &range,
                                     const char *hash) {
  throw Error("'" + range.file + "' was altered: section '" +
              sectionName(range.entry) + "' does not have its " + hash +
              ": copy or compile the file again");
}

void checkHashes(const std::vector<CheckedRange> &ranges, bool fullCheck,
                 const std::atomic<bool> &stop) {
  Prefault prefault(ranges);
  std::optional<Progress> progress;
  if (fullCheck) {
    uint64_t total = 0;
    for (const CheckedRange &range : ranges)
      total += range.entry.bytes;
    progress.emplace("verify", total >> kMiBShift, "MiB");
  }
  uint64_t done = 0;
  for (const CheckedRange &range : ranges) {
    Xxh3 fast;
    Sha256 full;
    for (uint64_t offset = 0; offset < range.entry.bytes; offset += kChunk) {
      if (stop)
        return;
      uint64_t bytes = std::min(kChunk, range.entry.bytes - offset);
      fast.update(range.data + offset, bytes);
      if (fullCheck) {
        full.update(range.data + offset, bytes);
        progress->advance(((done + bytes) >> kMiBShift) - (done >> kMiBShift));
        done += bytes;
      }
    }
    if (fast.finish() != range.entry.xxh3)
      failAltered(range, "XXH3 hash");
    if (fullCheck) {
      Sha256Digest digest = full.finish();
      if (std::memcmp(digest.data(), range.entry.sha256, digest.size()) != 0)
        failAltered(range, "SHA-256 hash");
    }
  }
}

BackgroundCheck::BackgroundCheck(std::vector<CheckedRange> ranges)
    : Ranges(std::move(ranges)) {
  try {
    Thread = std::thread([this] { run(); });
  } catch (const std::system_error &) {
    run();
  }
}

BackgroundCheck::~BackgroundCheck() {
  Stop = true;
  if (Thread.joinable())
    Thread.join();
}

void BackgroundCheck::run() {
  try {
    checkHashes(Ranges, /*fullCheck=*/false, Stop);
  } catch (...) {
    Failure = std::current_exception();
  }
}

void BackgroundCheck::wait() {
  if (Thread.joinable())
    Thread.join();
  if (Failure)
    std::rethrow_exception(Failure);
}

} // namespace qzc::runtime
