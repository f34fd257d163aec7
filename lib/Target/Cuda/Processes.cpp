//===- Processes.cpp - Jobs in child processes ----------------------------===//

#include "Processes.h"

#include "qzc/Support/Error.h"

#include <cerrno>
#include <csignal>
#include <cstring>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace qzc;

namespace {
/// What a child sends first; its result or message follows until it closes.
enum class Outcome : char { Result = 'r', Failure = 'f' };

/// A running child and what it has sent so far.
struct Child {
  size_t job = 0;
  pid_t pid = -1;
  int fd = -1;
  std::string received;
};
} // namespace

static void writeAll(int fd, const char *data, size_t bytes) {
  while (bytes > 0) {
    const ssize_t written = write(fd, data, bytes);
    if (written < 0 && errno == EINTR)
      continue;
    if (written <= 0)
      _exit(1);
    data += written;
    bytes -= static_cast<size_t>(written);
  }
}

[[noreturn]] static void runChild(const std::function<std::string()> &job,
                                  int fd) {
  Outcome outcome = Outcome::Result;
  std::string text;
  try {
    text = job();
  } catch (const std::exception &error) {
    outcome = Outcome::Failure;
    text = error.what();
  }
  const char tag = static_cast<char>(outcome);
  writeAll(fd, &tag, 1);
  writeAll(fd, text.data(), text.size());
  _exit(0);
}

static Child start(size_t index, const std::function<std::string()> &job) {
  int ends[2];
  if (pipe(ends) != 0)
    throw Error(std::string("no pipe to a compiler process: ") +
                std::strerror(errno));
  Child child;
  child.job = index;
  child.pid = fork();
  if (child.pid == 0) {
    close(ends[0]);
    runChild(job, ends[1]);
  }
  const int error = errno;
  close(ends[1]);
  child.fd = ends[0];
  if (child.pid < 0) {
    close(ends[0]);
    throw Error(std::string("no compiler process could be started: ") +
                std::strerror(error));
  }
  return child;
}

/// Reads what is there; false at the end.
static bool receive(Child &child) {
  char buffer[65536];
  const ssize_t bytes = read(child.fd, buffer, sizeof(buffer));
  if (bytes < 0 && errno == EINTR)
    return true;
  if (bytes <= 0)
    return false;
  child.received.append(buffer, static_cast<size_t>(bytes));
  return true;
}

static void finish(Child &child, std::vector<std::string> &results,
                   std::vector<std::string> &failures) {
  close(child.fd);
  int status = 0;
  while (waitpid(child.pid, &status, 0) < 0 && errno == EINTR) {
  }
  const bool complete =
      WIFEXITED(status) && WEXITSTATUS(status) == 0 && !child.received.empty();
  if (!complete)
    failures[child.job] = "a compiler process died";
  else if (child.received[0] == static_cast<char>(Outcome::Failure))
    failures[child.job] = child.received.substr(1);
  else
    results[child.job] = child.received.substr(1);
}

std::vector<std::string>
qzc::cuda::runInProcesses(const std::vector<std::function<std::string()>> &jobs,
                          int parallel) {
  std::vector<std::string> results(jobs.size());
  std::vector<std::string> failures(jobs.size());
  std::vector<Child> running;
  std::string startFailure;
  size_t next = 0;
  while (next < jobs.size() || !running.empty()) {
    while (next < jobs.size() && startFailure.empty() &&
           running.size() < static_cast<size_t>(parallel)) {
      try {
        running.push_back(start(next, jobs[next]));
        ++next;
      } catch (const Error &error) {
        startFailure = error.what();
      }
    }
    if (running.empty())
      break;
    std::vector<pollfd> polled;
    polled.reserve(running.size());
    for (const Child &child : running)
      polled.push_back({child.fd, POLLIN, 0});
    if (poll(polled.data(), polled.size(), -1) < 0) {
      if (errno == EINTR)
        continue;
      const int error = errno;
      for (Child &child : running) {
        kill(child.pid, SIGKILL);
        finish(child, results, failures);
      }
      throw Error(std::string("cannot wait for the compiler processes: ") +
                  std::strerror(error));
    }
    for (size_t i = running.size(); i-- > 0;)
      if (polled[i].revents != 0 && !receive(running[i])) {
        finish(running[i], results, failures);
        running.erase(running.begin() + static_cast<std::ptrdiff_t>(i));
      }
  }
  if (!startFailure.empty())
    throw Error(startFailure);
  for (const std::string &failure : failures)
    if (!failure.empty())
      throw Error(failure);
  return results;
}
