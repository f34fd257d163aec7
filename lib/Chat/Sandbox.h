//===- Sandbox.h - Work that may not end ------------------------*- C++ -*-===//
//
// Such work is done by a program of its own, which bounds itself before it
// looks at what it is given: runInSandbox starts it, workInSandbox is its
// main().
//
//===----------------------------------------------------------------------===//

#ifndef QZC_LIB_CHAT_SANDBOX_H
#define QZC_LIB_CHAT_SANDBOX_H

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace qzc::chat {

/// What a program's work may take; the program and who starts it agree on it.
struct SandboxLimits {
  uint64_t steps = 500'000'000; ///< of the Jinja engine, as Steps.h counts them
  unsigned cpuSeconds = 30;     ///< of anything else
  uint64_t memoryBytes = uint64_t(512) << 20; ///< beyond what the process has
  uint64_t stackBytes = uint64_t(8) << 20;
  uint64_t resultBytes = uint64_t(16) << 20;
};
inline constexpr SandboxLimits kSandboxLimits;

/// What the program `argv` makes of `input` within the limits. Throws
/// qzc::Error with what its work threw, or with the limit that it broke; `name`
/// is what the error calls it.
std::string runInSandbox(const std::string &name,
                         const std::vector<std::string> &argv,
                         const std::string &input);

/// Gives this process the limits, and writes the result of `work` on its
/// standard input to its standard output. Returns the process's exit code.
int workInSandbox(const std::function<std::string(const std::string &)> &work);

} // namespace qzc::chat

#endif // QZC_LIB_CHAT_SANDBOX_H
