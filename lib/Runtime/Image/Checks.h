//===- Checks.h - Comparing sections with their hashes ----------*- C++ -*-===//

#ifndef QZC_LIB_RUNTIME_IMAGE_CHECKS_H
#define QZC_LIB_RUNTIME_IMAGE_CHECKS_H

#include "qzc/Format/Image.h"

#include <atomic>
#include <cstddef>
#include <exception>
#include <string>
#include <thread>
#include <vector>

namespace qzc::runtime {

/// Bytes that should have the hashes of a table entry.
struct CheckedRange {
  std::string file; ///< where the bytes are, for messages
  format::SectionEntry entry;
  const std::byte *data; ///< entry.bytes of them, mapped
};

/// Compares every range with its XXH3 and, with `fullCheck`, its SHA-256
/// (showing progress). Also brings the pages into memory, so that nobody waits
/// for them later. Throws qzc::Error naming the first section that differs.
/// Returns early, and without a verdict, once `stop` is true.
void checkHashes(const std::vector<CheckedRange> &ranges, bool fullCheck,
                 const std::atomic<bool> &stop = false);

/// checkHashes on a thread of its own, where one can be started.
class BackgroundCheck {
public:
  explicit BackgroundCheck(std::vector<CheckedRange> ranges);
  BackgroundCheck(const BackgroundCheck &) = delete;
  BackgroundCheck &operator=(const BackgroundCheck &) = delete;
  ~BackgroundCheck();

  /// Returns when all are found right; throws as checkHashes does.
  void wait();

private:
  void run();

  const std::vector<CheckedRange> Ranges;
  std::atomic<bool> Stop{false};
  std::exception_ptr Failure;
  std::thread Thread;
};

} // namespace qzc::runtime

#endif // QZC_LIB_RUNTIME_IMAGE_CHECKS_H
