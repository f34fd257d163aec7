//===- Compare.cpp - An executable scored beside its base -----------------===//

#include "Compare.h"

#include "LogitsReader.h"
#include "qzc/Support/Error.h"

#include <algorithm>
#include <future>
#include <memory>
#include <optional>

namespace qzc::evaltool {

namespace {

/// One of the two: its process, whose output a thread collects, and its rows.
class Scorer {
public:
  Scorer(std::string program, std::vector<std::string> arguments)
      : Program(std::move(program)) {
    arguments.insert(arguments.begin(), Program);
    arguments.push_back("--logits=/dev/fd/" + std::to_string(Rows.writer()));
    Running.emplace(arguments, &Rows);
    ProgramOutcome = std::async(std::launch::async,
                                [this] { return Running->finish([] {}); });
  }
  /// The program ends where nobody reads what it writes.
  ~Scorer() { Rows.closeReader(); }
  Scorer(const Scorer &) = delete;
  Scorer &operator=(const Scorer &) = delete;

  const LogitsReader &rows() const { return *Reader; }
  void readHead() {
    attempt([&] { Reader.emplace(Rows.reader()); });
  }
  void readRows(int64_t count) {
    attempt([&] { Reader->read(count); });
  }
  /// What it said, after its last row.
  Json finish() {
    Rows.closeReader();
    return readOutcome(ProgramOutcome.get(), Program);
  }

private:
  /// Where rows are missing, how the program ended says more.
  template <typename Work> void attempt(Work work) {
    try {
      work();
    } catch (const Error &) {
      finish();
      throw;
    }
  }

  std::string Program;
  Pipe Rows;
  std::optional<Process> Running;
  std::optional<LogitsReader> Reader;
  std::future<Outcome> ProgramOutcome;
};

/// The base of a comparison: what goes wrong there is said to be its fault.
template <typename Work>
auto asBase(const std::string &program, const Work &work) {
  try {
    return work();
  } catch (const Error &error) {
    throw Error("its base '" + program + "': " + error.what());
  }
}

void requireSameShape(const LogitsReader &base, const LogitsReader &model) {
  auto same = [](const char *what, int64_t ofBase, int64_t ofModel) {
    if (ofBase != ofModel)
      throw Error("it cannot be compared with its base, which has " +
                  std::to_string(ofBase) + " " + what + " where it has " +
                  std::to_string(ofModel));
  };
  same("tokens in its vocabulary", base.shape().vocab, model.shape().vocab);
  same("scored tokens", base.shape().rows, model.shape().rows);
}

/// Compares the batches that both have read.
void compareBatch(const LogitsReader &base, const LogitsReader &model,
                  int64_t count, ThreadPool &pool,
                  evaluate::ComparisonSum &sum) {
  std::vector<evaluate::TokenComparison> tokens(static_cast<size_t>(count));
  const int64_t vocab = base.shape().vocab;
  for (int64_t i = 0; i < count; ++i) {
    const int32_t target = base.target(i);
    if (target != model.target(i))
      throw Error("it cannot be compared with its base: scored token " +
                  std::to_string(sum.tokens() + i) + " is " +
                  std::to_string(model.target(i)) + ", in the base " +
                  std::to_string(target));
    if (target < 0 || target >= vocab)
      throw Error("scored token " + std::to_string(target) +
                  " is not in the vocabulary");
  }
  pool.parallelFor(count, 1, [&](int64_t begin, int64_t end, int) {
    for (int64_t i = begin; i < end; ++i)
      tokens[static_cast<size_t>(i)] = evaluate::compareToken(
          base.logits(i), model.logits(i), vocab, base.target(i));
  });
  for (const evaluate::TokenComparison &token : tokens)
    sum.add(token);
}

} // namespace

Compared compareImages(const std::string &baseProgram,
                       const std::string &modelProgram,
                       const std::vector<std::string> &arguments,
                       ThreadPool &pool, KeepBase &keep,
                       const std::function<void(int64_t)> &done) {
  auto started = asBase(baseProgram, [&] {
    return std::make_unique<Scorer>(baseProgram, arguments);
  });
  Scorer &base = *started;
  Scorer model(modelProgram, arguments);
  asBase(baseProgram, [&] { base.readHead(); });
  model.readHead();
  requireSameShape(base.rows(), model.rows());
  keep.begin(base.rows().shape());
  evaluate::ComparisonSum sum;
  const int64_t rows = model.rows().shape().rows;
  const int64_t batch = model.rows().largestBatch();
  while (sum.tokens() < rows) {
    const int64_t count = std::min(batch, rows - sum.tokens());
    asBase(baseProgram, [&] { base.readRows(count); });
    model.readRows(count);
    keep.append(base.rows(), count);
    compareBatch(base.rows(), model.rows(), count, pool, sum);
    done(sum.tokens());
  }
  Compared compared;
  compared.base = asBase(baseProgram, [&] { return base.finish(); });
  compared.model = model.finish();
  compared.comparison = sum.result();
  keep.commit();
  return compared;
}

} // namespace qzc::evaltool
