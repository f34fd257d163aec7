//===- Steps.cpp - What rendering a template takes ------------------------===//
//
// The engine is compiled with -fsanitize-coverage=trace-pc: at every basic
// block it calls the function below, whose name the compiler gives.
//
//===----------------------------------------------------------------------===//

#include "Steps.h"

#include <unistd.h>

namespace qzc::chat {

namespace {
uint64_t left = UINT64_MAX;
int codeAtEnd = 0;
} // namespace

void boundSteps(uint64_t most, int exitCode) {
  left = most;
  codeAtEnd = exitCode;
}

} // namespace qzc::chat

// NOLINTNEXTLINE(bugprone-reserved-identifier)
extern "C" void __sanitizer_cov_trace_pc() {
  if (qzc::chat::left-- == 0)
    ::_exit(qzc::chat::codeAtEnd);
}
