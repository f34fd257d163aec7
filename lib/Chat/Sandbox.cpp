//===- Sandbox.cpp - Work that may not end --------------------------------===//

#include "Sandbox.h"

#include "Steps.h"

#include "qzc/Support/Error.h"
#include "qzc/Support/Output.h"
#include "qzc/Support/RunProgram.h"

#include <csignal>
#include <cstdio>
#include <iostream>
#include <iterator>
#include <new>
#include <stdexcept>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

namespace qzc::chat {

namespace {

/// Exit codes of the program that works. What it writes is its result, or what
/// went wrong.
enum Outcome : int {
  Finished = 0,
  Failed = 1,
  NoMemory = 3,
  TooLong = 4,
  TooManySteps = 5
};

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

void setLimits() {
  // Who started the program says how it ended; nobody else should hear of it.
  for (int signal : {SIGSEGV, SIGABRT, SIGXCPU, SIGPIPE})
    std::signal(signal, SIG_DFL);
  setLimit(RLIMIT_CORE, 0);
  setLimit(RLIMIT_CPU, kSandboxLimits.cpuSeconds);
  setLimit(RLIMIT_STACK, kSandboxLimits.stackBytes);
  if (uint64_t space = addressSpace())
    setLimit(RLIMIT_AS, space + kSandboxLimits.memoryBytes);
}

} // namespace

int workInSandbox(const std::function<std::string(const std::string &)> &work) {
  // Work that nobody waits for any more ends with who asked for it.
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  setLimits();
  boundSteps(kSandboxLimits.steps, TooManySteps);
  try {
    const std::string result =
        work(std::string(std::istreambuf_iterator<char>(std::cin), {}));
    if (result.size() > kSandboxLimits.resultBytes)
      return TooLong;
    Output().write(result);
    return Finished;
  } catch (const std::bad_alloc &) {
    return NoMemory;
  } catch (const std::length_error &) {
    return NoMemory;
  } catch (const std::exception &error) {
    Output().write(error.what());
    return Failed;
  }
}

std::string runInSandbox(const std::string &name,
                         const std::vector<std::string> &argv,
                         const std::string &input) {
  ProgramResult result = runProgram(argv, input);
  const auto inMegabytes = [](uint64_t bytes) {
    return std::to_string(bytes >> 20) + " MiB";
  };
  switch (result.signal) {
  case 0:
    break;
  case SIGXCPU:
  case SIGKILL:
    throw Error(name + " takes more than " +
                std::to_string(kSandboxLimits.cpuSeconds) + " s of computing");
  case SIGSEGV:
    throw Error(name + " nests or calls itself too deeply");
  default:
    throw Error(name + " was ended by signal " + std::to_string(result.signal));
  }
  switch (result.exitCode) {
  case Finished:
    return std::move(result.out);
  case NoMemory:
    throw Error(name + " needs more than " +
                inMegabytes(kSandboxLimits.memoryBytes) + " of memory");
  case TooManySteps:
    throw Error(name + " takes more than " +
                std::to_string(kSandboxLimits.steps) + " steps");
  case TooLong:
    throw Error(name + " makes more than " +
                inMegabytes(kSandboxLimits.resultBytes));
  default:
    throw Error(result.out.empty() ? name + " came to no end" : result.out);
  }
}

} // namespace qzc::chat
