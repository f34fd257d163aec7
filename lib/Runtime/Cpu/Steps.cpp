//===- Steps.cpp - A plan on the CPU, some launches at a time -------------===//

#include "qzc/Runtime/Cpu/Steps.h"

#include "PlanRunner.h"

#include <algorithm>

namespace qzc::runtime::cpu {

static EngineOptions optionsFor(int64_t tokens, int threads) {
  EngineOptions options;
  options.context = options.chunk = tokens;
  options.threads = threads;
  return options;
}

struct StepRunner::Impl {
  Impl(const Image &image, int64_t tokens, int threads)
      : Runner(image, optionsFor(tokens, threads), kernelsFor(std::nullopt)) {
    constexpr int64_t positions = PlanRunner::kPagePositions;
    const auto pages =
        static_cast<uint64_t>((tokens + positions - 1) / positions);
    Cache = ZeroedMemory(pages * Runner.pageBytes(), "the KV cache");
    for (uint64_t i = 0; i != pages; ++i)
      Pages.push_back(reinterpret_cast<uint64_t>(Cache.bytes()) +
                      i * Runner.pageBytes());
  }

  PlanRunner Runner;
  ZeroedMemory Cache; ///< of one sequence
  std::vector<uint64_t> Pages;
};

StepRunner::StepRunner(const Image &image, int64_t tokens, int threads)
    : State(std::make_unique<Impl>(image, tokens, threads)) {}

StepRunner::~StepRunner() = default;

void StepRunner::run(size_t begin, size_t end, const int32_t *tokens,
                     int64_t count) {
  State->Runner.runLaunches(begin, end, tokens, count, State->Pages.data());
}

float *StepRunner::buffer(size_t index, int64_t count) {
  return State->Runner.bufferOf(index, count);
}

std::vector<float> StepRunner::predict(int64_t first, int64_t rows) {
  PlanRunner &runner = State->Runner;
  std::vector<float> logits;
  for (int64_t done = 0; done < rows;) {
    const int64_t some = std::min(rows - done, runner.headRows());
    const Rows part =
        runner.runHead(first + done, some, PlanRunner::Path::ManyTokens);
    for (int64_t row = 0; row < some; ++row)
      logits.insert(logits.end(), part.row(row), part.row(row) + part.columns);
    done += some;
  }
  return logits;
}

} // namespace qzc::runtime::cpu
