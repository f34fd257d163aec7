//===- Process.h - A program run to its end ---------------------*- C++ -*-===//

#ifndef QZC_LIB_EVALTOOL_PROCESS_H
#define QZC_LIB_EVALTOOL_PROCESS_H

#include <functional>
#include <string>
#include <vector>

namespace qzc::evaltool {

struct Outcome {
  int exitCode = 0; ///< meaningless after a signal
  int signal = 0;   ///< that ended it, or 0
  std::string out;
  std::string err; ///< the last 64 KiB
};

/// Runs the program at the path argv[0] with empty input and collects what it
/// writes. `waiting` is called about once a second meanwhile. Throws qzc::Error
/// where it cannot be started or writes more than 64 MiB.
Outcome runProcess(const std::vector<std::string> &argv,
                   const std::function<void()> &waiting);

} // namespace qzc::evaltool

#endif // QZC_LIB_EVALTOOL_PROCESS_H
