//===- Progress.cpp - A progress line on a terminal -----------------------===//

#include "qzc/Support/Progress.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <unistd.h>

namespace qzc {

static int64_t nowMs() {
  using namespace std::chrono;
  return duration_cast<milliseconds>(steady_clock::now().time_since_epoch())
      .count();
}

Progress::Progress(std::string what, uint64_t total, std::string unit)
    : Activity(std::move(what)), Unit(std::move(unit)), Total(total),
      Shown(::isatty(STDERR_FILENO) == 1) {}

Progress::~Progress() {
  if (Shown)
    std::fprintf(stderr, "\r\033[K");
}

void Progress::advance(uint64_t amount) {
  uint64_t done = Done.fetch_add(amount) + amount;
  if (!Shown)
    return;
  int64_t due = NextPrint.load();
  int64_t now = nowMs();
  // Whoever moves the deadline prints; the others go on.
  if (now < due || !NextPrint.compare_exchange_strong(due, now + 100))
    return;
  double percent =
      Total ? 100.0 * static_cast<double>(done) / static_cast<double>(Total)
            : 100.0;
  std::fprintf(stderr, "\r\033[K%s %3.0f%% (%llu/%llu%s%s)", Activity.c_str(),
               std::min(percent, 100.0), static_cast<unsigned long long>(done),
               static_cast<unsigned long long>(Total), Unit.empty() ? "" : " ",
               Unit.c_str());
  std::fflush(stderr);
}

} // namespace qzc
