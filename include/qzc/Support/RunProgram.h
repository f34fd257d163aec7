//===- RunProgram.h - A program run to its end ------------------*- C++ -*-===//

#ifndef QZC_SUPPORT_RUNPROGRAM_H
#define QZC_SUPPORT_RUNPROGRAM_H

#include <string>
#include <string_view>
#include <vector>

namespace qzc {

/// What a program left.
struct ProgramResult {
  int exitCode = 0; ///< unless it was killed
  int signal = 0;   ///< 0: none killed it
  std::string out;
  std::string err;

  bool succeeded() const { return signal == 0 && exitCode == 0; }
};

/// Runs the program at the path `argv[0]` with `input` as its standard input
/// and waits for its end. Threads may run meanwhile, and call it as well.
/// Throws qzc::Error naming the program where it cannot be started.
ProgramResult runProgram(const std::vector<std::string> &argv,
                         std::string_view input);

} // namespace qzc

#endif // QZC_SUPPORT_RUNPROGRAM_H
