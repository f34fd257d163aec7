//===- Sandbox.cpp - Work that may not end --------------------------------===//

#include "Sandbox.h"

#include "qzc/Support/Error.h"

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <new>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

namespace qzc::chat {

namespace {

/// First byte of what the child writes; the rest is a result or a message.
enum class Outcome : char { Result = 'r', Failure = 'f', Memory = 'm' };

void setLimit(int resource, uint64_t most) {
  rlimit limit{};
  if (::getrlimit(static_cast<__rlimit_resource_t>(resource), &limit) != 0)
    return;
  if (limit.rlim_max == RLIM_INFINITY || most < limit.rlim_max)
    limit.rlim_max = most;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(static_cast<__rlimit_resource_t>(resource), &limit);
}

/// Bytes of address space that the process has.
uint64_t addressSpace() {
  unsigned long long pages = 0;
  std::FILE *file = std::fopen("/proc/self/statm", "r");
  if (!file)
    return 0;
  if (std::fscanf(file, "%llu", &pages) != 1)
    pages = 0;
  std::fclose(file);
  return pages * static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
}

void writeAll(int fd, const std::string &text) {
  for (size_t done = 0; done < text.size();) {
    ssize_t bytes = ::write(fd, text.data() + done, text.size() - done);
    if (bytes < 0 && errno == EINTR)
      continue;
    if (bytes <= 0)
      return; // the parent has read enough
    done += static_cast<size_t>(bytes);
  }
}

[[noreturn]] void runChild(int out, const SandboxLimits &limits,
                           const std::function<std::string()> &work) {
  // The parent says what happened; nobody else should hear of it.
  for (int signal : {SIGSEGV, SIGABRT, SIGXCPU, SIGPIPE})
    std::signal(signal, SIG_DFL);
  setLimit(RLIMIT_CORE, 0);
  setLimit(RLIMIT_CPU, limits.cpuSeconds);
  setLimit(RLIMIT_STACK, limits.stackBytes);
  if (uint64_t space = addressSpace())
    setLimit(RLIMIT_AS, space + limits.memoryBytes);
  std::string text;
  Outcome outcome = Outcome::Result;
  try {
    text = work();
  } catch (const std::bad_alloc &) {
    outcome = Outcome::Memory;
  } catch (const std::length_error &) {
    outcome = Outcome::Memory;
  } catch (const std::exception &error) {
    outcome = Outcome::Failure;
    text = error.what();
  }
  const char first = static_cast<char>(outcome);
  if (::write(out, &first, 1) == 1)
    writeAll(out, text);
  ::_exit(0);
}

/// What the child writes, as far as `most`.
std::string readAll(int fd, uint64_t most) {
  std::string text;
  char part[65536];
  while (text.size() <= most) {
    ssize_t bytes = ::read(fd, part, sizeof part);
    if (bytes < 0 && errno == EINTR)
      continue;
    if (bytes <= 0)
      break;
    text.append(part, static_cast<size_t>(bytes));
  }
  return text;
}

int waitFor(pid_t child) {
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR)
    continue;
  return status;
}

} // namespace

std::string runInSandbox(const std::string &name, const SandboxLimits &limits,
                         const std::function<std::string()> &work) {
  int ends[2];
  if (::pipe(ends) != 0)
    throw Error(name + ": no pipe: " + std::strerror(errno));
  const pid_t child = ::fork();
  if (child < 0) {
    int code = errno;
    ::close(ends[0]);
    ::close(ends[1]);
    throw Error(name + ": no process: " + std::strerror(code));
  }
  if (child == 0) {
    ::close(ends[0]);
    runChild(ends[1], limits, work);
  }
  ::close(ends[1]);
  std::string text = readAll(ends[0], limits.resultBytes + 1);
  ::close(ends[0]);
  const bool tooLong = text.size() > limits.resultBytes + 1;
  if (tooLong)
    ::kill(child, SIGKILL);
  const int status = waitFor(child);
  const auto inMegabytes = [](uint64_t bytes) {
    return std::to_string(bytes >> 20) + " MiB";
  };
  if (tooLong)
    throw Error(name + " makes more than " + inMegabytes(limits.resultBytes));
  if (WIFSIGNALED(status)) {
    const int signal = WTERMSIG(status);
    if (signal == SIGXCPU || signal == SIGKILL)
      throw Error(name + " takes more than " +
                  std::to_string(limits.cpuSeconds) + " s of computing");
    if (signal == SIGSEGV)
      throw Error(name + " nests or calls itself too deeply");
    throw Error(name + " was ended by signal " + std::to_string(signal));
  }
  if (text.empty())
    throw Error(name + " came to no end");
  const auto outcome = static_cast<Outcome>(text[0]);
  text.erase(0, 1);
  if (outcome == Outcome::Memory)
    throw Error(name + " needs more than " + inMegabytes(limits.memoryBytes) +
                " of memory");
  if (outcome == Outcome::Failure)
    throw Error(text);
  return text;
}

} // namespace qzc::chat
