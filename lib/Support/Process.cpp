//===- Process.cpp - What a tool's process is like ------------------------===//

#include "qzc/Support/Process.h"

#include "qzc/Support/RemoveOnSignal.h"

#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <unistd.h>

namespace qzc {

/// Reading a closed stdin ends at once; writing to the others fails, as it did.
static void holdStandardFiles() {
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
    if (::fcntl(fd, F_GETFD) < 0 && errno == EBADF)
      // The lowest number that is free: this one.
      static_cast<void>(::open("/dev/null", O_RDONLY));
}

void prepareProcess() {
  holdStandardFiles();
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);
  std::signal(SIGCHLD, SIG_DFL);
  removeFilesOnSignals();
}

} // namespace qzc
