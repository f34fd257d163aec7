//===- Machine.h - Where something was measured -----------------*- C++ -*-===//

#ifndef QZC_LIB_EVALTOOL_MACHINE_H
#define QZC_LIB_EVALTOOL_MACHINE_H

#include <cstdint>
#include <string>
#include <vector>

namespace qzc::evaltool {

/// What the system says of itself; empty or 0 where it does not.
struct Machine {
  std::string cpu; ///< "AMD EPYC 7B13"
  int threads = 0; ///< that this process may use
  uint64_t memoryBytes = 0;
  std::string system; ///< "Linux 6.1.0 x86_64"
  std::string driver; ///< NVIDIA's, "550.54.15"
  std::vector<std::string> gpus;
};

/// `root` is where /proc is: another folder in tests.
Machine thisMachine(const std::string &root = "/proc");

/// The commit that this program was built from, with a "+" where files were
/// changed; "unknown" where the build did not know.
std::string builtFrom();

} // namespace qzc::evaltool

#endif // QZC_LIB_EVALTOOL_MACHINE_H
