//===- Process.h - A program run to its end ---------------------*- C++ -*-===//

#ifndef QZC_LIB_EVALTOOL_PROCESS_H
#define QZC_LIB_EVALTOOL_PROCESS_H

#include <array>
#include <functional>
#include <string>
#include <sys/types.h>
#include <vector>

namespace qzc::evaltool {

struct Outcome {
  int exitCode = 0; ///< meaningless after a signal
  int signal = 0;   ///< that ended it, or 0
  std::string out;
  std::string err; ///< the last 64 KiB
};

/// Both ends of a pipe, closed at the end of the scope.
class Pipe {
public:
  Pipe();
  ~Pipe();
  Pipe(const Pipe &) = delete;
  Pipe &operator=(const Pipe &) = delete;

  int reader() const { return Ends[0]; }
  int writer() const { return Ends[1]; }
  void closeReader() { close(Ends[0]); }
  void closeWriter() { close(Ends[1]); }

private:
  static void close(int &end);
  std::array<int, 2> Ends = {-1, -1};
};

/// A program on its way; killed if it is not waited for, or if this process
/// ends before it.
class Process {
public:
  /// Starts the program at the path argv[0] with empty input. The writing end
  /// of `extra`, if any, is open there under its number, and closed here.
  /// Throws qzc::Error where it cannot be started.
  explicit Process(const std::vector<std::string> &argv, Pipe *extra = nullptr);
  ~Process();
  Process(const Process &) = delete;
  Process &operator=(const Process &) = delete;

  /// Collects what it writes until it has ended; once. `waiting` is called
  /// about once a second meanwhile. Throws qzc::Error where it writes more than
  /// 64 MiB.
  Outcome finish(const std::function<void()> &waiting);

private:
  int wait();

  Pipe Out;
  Pipe Err;
  pid_t Id = -1;
};

/// Starts and finishes.
Outcome runProcess(const std::vector<std::string> &argv,
                   const std::function<void()> &waiting);

} // namespace qzc::evaltool

#endif // QZC_LIB_EVALTOOL_PROCESS_H
