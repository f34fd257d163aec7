//===- RemoveOnSignal.cpp - Files that go when a signal ends us -----------===//
//
// A handler may neither allocate nor lock: the paths lie in a fixed table of
// atomic pointers. Whoever takes a path out of the table while a handler runs
// waits for the end of the process, so that no handler reads a freed path.
//
//===----------------------------------------------------------------------===//

#include "qzc/Support/RemoveOnSignal.h"

#include <array>
#include <atomic>
#include <csignal>
#include <unistd.h>

namespace qzc {

namespace {
using Path = std::atomic<const char *>;
static_assert(Path::is_always_lock_free);

constexpr int kSlots = 32;
std::array<Path, kSlots> Paths = {};
std::atomic<bool> Dying{false};
std::atomic<pid_t> Owner{0};
} // namespace

extern "C" {
static void removeFilesAndDie(int signal) {
  if (::getpid() == Owner) {
    Dying = true;
    for (const Path &path : Paths)
      if (const char *name = path)
        ::unlink(name);
  }
  // The handler is gone (SA_RESETHAND): this ends the process on return.
  ::raise(signal);
}
}

static void waitIfDying() {
  while (Dying)
    ::pause();
}

void removeFilesOnSignals() {
  Owner = ::getpid();
  for (int signal : {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGXCPU}) {
    struct sigaction action = {};
    if (::sigaction(signal, nullptr, &action) != 0 ||
        action.sa_handler != SIG_DFL)
      continue;
    action.sa_handler = removeFilesAndDie;
    action.sa_flags = static_cast<int>(SA_RESETHAND);
    ::sigfillset(&action.sa_mask);
    ::sigaction(signal, &action, nullptr);
  }
}

RemoveOnSignal::RemoveOnSignal(const std::string &path) {
  for (int slot = 0; slot != kSlots; ++slot) {
    const char *free = nullptr;
    if (Paths[static_cast<size_t>(slot)].compare_exchange_strong(
            free, path.c_str())) {
      Slot = slot;
      break;
    }
  }
  waitIfDying();
}

RemoveOnSignal::~RemoveOnSignal() {
  if (Slot < 0)
    return;
  Paths[static_cast<size_t>(Slot)] = nullptr;
  waitIfDying();
}

} // namespace qzc
