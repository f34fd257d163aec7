//===- Progress.h - A progress line on a terminal ---------------*- C++ -*-===//

#ifndef QZC_SUPPORT_PROGRESS_H
#define QZC_SUPPORT_PROGRESS_H

#include <atomic>
#include <cstdint>
#include <string>

namespace qzc {

/// "encode  41% (123/300 MB)" on stderr, rewritten in place at most ten times
/// a second; nothing at all where stderr is not a terminal. advance() may be
/// called from any thread.
class Progress {
public:
  Progress(std::string what, uint64_t total, std::string unit = "");
  ~Progress(); ///< clears the line
  Progress(const Progress &) = delete;
  Progress &operator=(const Progress &) = delete;
  void advance(uint64_t amount);

private:
  std::string Activity;
  std::string Unit;
  uint64_t Total;
  std::atomic<uint64_t> Done{0};
  std::atomic<int64_t> NextPrint{0};
  bool Shown;
};

} // namespace qzc

#endif // QZC_SUPPORT_PROGRESS_H
