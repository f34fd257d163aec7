//===- Process.cpp - A program run to its end -----------------------------===//

#include "Process.h"

#include "qzc/Support/Error.h"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

namespace qzc::evaltool {

namespace {

constexpr size_t kMostOutput = size_t{64} << 20;
constexpr size_t kMostErrors = size_t{64} << 10;

[[noreturn]] void failed(const std::string &what, int error) {
  throw Error(what + ": " + std::strerror(error));
}

/// Both ends of a pipe, closed at the end of the scope.
class Pipe {
public:
  Pipe() {
    if (::pipe2(Ends.data(), O_CLOEXEC) != 0)
      failed("cannot make a pipe", errno);
  }
  ~Pipe() {
    closeWriter();
    ::close(Ends[0]);
  }
  Pipe(const Pipe &) = delete;
  Pipe &operator=(const Pipe &) = delete;

  int reader() const { return Ends[0]; }
  int writer() const { return Ends[1]; }
  void closeWriter() {
    if (Ends[1] >= 0)
      ::close(Ends[1]);
    Ends[1] = -1;
  }

private:
  std::array<int, 2> Ends = {-1, -1};
};

/// A started program; killed if it is not waited for.
class Child {
public:
  Child(const std::vector<std::string> &argv, Pipe &out, Pipe &err) {
    std::vector<char *> words;
    for (const std::string &word : argv)
      words.push_back(const_cast<char *>(word.c_str()));
    words.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null",
                                     O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, out.writer(), STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, err.writer(), STDERR_FILENO);
    int error =
        ::posix_spawn(&Id, words[0], &actions, nullptr, words.data(), environ);
    posix_spawn_file_actions_destroy(&actions);
    if (error != 0)
      failed("cannot be run", error);
    out.closeWriter();
    err.closeWriter();
  }
  ~Child() {
    if (Waited)
      return;
    ::kill(Id, SIGKILL);
    wait();
  }
  Child(const Child &) = delete;
  Child &operator=(const Child &) = delete;

  int wait() {
    int status = 0;
    while (::waitpid(Id, &status, 0) < 0 && errno == EINTR) {
    }
    Waited = true;
    return status;
  }

private:
  pid_t Id = -1;
  bool Waited = false;
};

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

Outcome runProcess(const std::vector<std::string> &argv,
                   const std::function<void()> &waiting) {
  Pipe out;
  Pipe err;
  Child child(argv, out, err);
  Outcome outcome;
  std::array<pollfd, 2> polled = {
      pollfd{out.reader(), POLLIN, 0},
      pollfd{err.reader(), POLLIN, 0},
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
  int status = child.wait();
  if (WIFSIGNALED(status))
    outcome.signal = WTERMSIG(status);
  else
    outcome.exitCode = WEXITSTATUS(status);
  return outcome;
}

} // namespace qzc::evaltool
