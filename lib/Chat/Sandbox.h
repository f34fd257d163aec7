//===- Sandbox.h - Work that may not end ------------------------*- C++ -*-===//

#ifndef QZC_LIB_CHAT_SANDBOX_H
#define QZC_LIB_CHAT_SANDBOX_H

#include <cstdint>
#include <functional>
#include <string>

namespace qzc::chat {

struct SandboxLimits {
  unsigned cpuSeconds = 1;
  uint64_t memoryBytes = uint64_t(512) << 20; ///< beyond what the process has
  uint64_t stackBytes = uint64_t(8) << 20;
  uint64_t resultBytes = uint64_t(16) << 20;
};

/// The result of `work`, run in a child process within `limits`. Throws
/// qzc::Error with what `work` threw, or with the limit that it broke; `name`
/// is what the error calls it.
std::string runInSandbox(const std::string &name, const SandboxLimits &limits,
                         const std::function<std::string()> &work);

} // namespace qzc::chat

#endif // QZC_LIB_CHAT_SANDBOX_H
