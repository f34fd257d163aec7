//===- Process.cpp - A program run to its end -----------------------------===//

#include "Process.h"

#include "qzc/Support/Error.h"

#include <cerrno>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace qzc::evaltool {

namespace {

constexpr size_t kMostOutput = size_t{64} << 20;
constexpr size_t kMostErrors = size_t{64} << 10;

[[noreturn]] void failed(const std::string &what, int error) {
  throw Error(what + ": " + std::strerror(error));
}

/// In the child, between fork and exec: system calls alone. Writes errno to
/// `report` where the program cannot be run.
[[noreturn]] void become(char *const *argv, pid_t parent, int out, int err,
                         int extra, int report) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent)
    ::_exit(1);
  const int null = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  const bool ready = null >= 0 && ::dup2(null, STDIN_FILENO) >= 0 &&
                     ::dup2(out, STDOUT_FILENO) >= 0 &&
                     ::dup2(err, STDERR_FILENO) >= 0 &&
                     (extra < 0 || ::fcntl(extra, F_SETFD, 0) >= 0);
  if (ready)
    ::execv(argv[0], argv);
  const int error = errno;
  (void)!::write(report, &error, sizeof error);
  ::_exit(1);
}

/// Appends what can be read; false at the end.
bool readSome(int fd, std::string &text) {
  std::array<char, 65536> part;
  ssize_t count = ::read(fd, part.data(), part.size());
  if (count < 0)
    return errno == EINTR || errno == EAGAIN;
  text.append(part.data(), static_cast<size_t>(count));
  return count > 0;
}

} // namespace

Pipe::Pipe() {
  if (::pipe2(Ends.data(), O_CLOEXEC) != 0)
    failed("cannot make a pipe", errno);
}

Pipe::~Pipe() {
  closeWriter();
  closeReader();
}

void Pipe::close(int &end) {
  if (end >= 0)
    ::close(end);
  end = -1;
}

Process::Process(const std::vector<std::string> &argv, Pipe *extra) {
  std::vector<char *> words;
  for (const std::string &word : argv)
    words.push_back(const_cast<char *>(word.c_str()));
  words.push_back(nullptr);
  Pipe report;
  const pid_t parent = ::getpid();
  Id = ::fork();
  if (Id < 0)
    failed("cannot start a process", errno);
  if (Id == 0)
    become(words.data(), parent, Out.writer(), Err.writer(),
           extra ? extra->writer() : -1, report.writer());
  Out.closeWriter();
  Err.closeWriter();
  report.closeWriter();
  if (extra)
    extra->closeWriter();
  int error = 0;
  ssize_t count = 0;
  while ((count = ::read(report.reader(), &error, sizeof error)) < 0 &&
         errno == EINTR) {
  }
  if (count == sizeof error) {
    wait();
    failed("cannot be run", error);
  }
}

Process::~Process() {
  if (Id < 0)
    return;
  ::kill(Id, SIGKILL);
  wait();
}

int Process::wait() {
  int status = 0;
  while (::waitpid(Id, &status, 0) < 0 && errno == EINTR) {
  }
  Id = -1;
  return status;
}

Outcome Process::finish(const std::function<void()> &waiting) {
  Outcome outcome;
  std::array<pollfd, 2> polled = {
      pollfd{Out.reader(), POLLIN, 0},
      pollfd{Err.reader(), POLLIN, 0},
  };
  // A closed end is taken out by a negative descriptor.
  while (polled[0].fd >= 0 || polled[1].fd >= 0) {
    waiting();
    if (::poll(polled.data(), polled.size(), 1000) < 0 && errno != EINTR)
      failed("cannot wait for it", errno);
    if (polled[0].revents != 0 && !readSome(polled[0].fd, outcome.out))
      polled[0].fd = -1;
    if (polled[1].revents != 0 && !readSome(polled[1].fd, outcome.err))
      polled[1].fd = -1;
    polled[0].revents = polled[1].revents = 0;
    if (outcome.out.size() > kMostOutput)
      throw Error("writes more than 64 MiB");
    if (outcome.err.size() > kMostErrors)
      outcome.err.erase(0, outcome.err.size() - kMostErrors);
  }
  int status = wait();
  if (WIFSIGNALED(status))
    outcome.signal = WTERMSIG(status);
  else
    outcome.exitCode = WEXITSTATUS(status);
  return outcome;
}

Outcome runProcess(const std::vector<std::string> &argv,
                   const std::function<void()> &waiting) {
  return Process(argv).finish(waiting);
}

} // namespace qzc::evaltool
