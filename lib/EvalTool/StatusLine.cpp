//===- StatusLine.cpp - What is being done, on a terminal -----------------===//

#include "StatusLine.h"

#include <cstdio>
#include <unistd.h>

namespace qzc::evaltool {

StatusLine::StatusLine() : Shown(::isatty(STDERR_FILENO) == 1) {}

void StatusLine::set(std::string text) {
  Text = std::move(text);
  Since = Clock::now();
}

void StatusLine::refresh() const {
  if (!Shown)
    return;
  auto seconds =
      std::chrono::duration_cast<std::chrono::seconds>(Clock::now() - Since);
  std::fprintf(stderr, "\r\033[K%s, %lld s", Text.c_str(),
               static_cast<long long>(seconds.count()));
  std::fflush(stderr);
}

void StatusLine::clear() const {
  if (Shown)
    std::fprintf(stderr, "\r\033[K");
}

} // namespace qzc::evaltool
