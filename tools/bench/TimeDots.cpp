//===- TimeDots.cpp - How fast dot products of stored weights are ---------===//
//
// Of a weight that stays in the second-level cache, which is what instructions
// bound, or of one that is read from memory (--bytes). Prints a line each of
// instruction set, storage, columns and GB/s of weights by one thread, the best
// of many runs; dots_in_turn.py runs several builds of it.
//
//===----------------------------------------------------------------------===//

#include "Activations.h"
#include "RowGroups.h"

#include "qzc/Format/Synthetic.h"
#include "qzc/Runtime/Cpu/Kernels.h"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>

using namespace qzc;
using namespace qzc::runtime;

namespace {

/// Aligned as in an image, and as the kernels want their activations.
class Bytes {
public:
  explicit Bytes(uint64_t count)
      : Data(static_cast<std::byte *>(
            std::aligned_alloc(256, (count + 511) / 256 * 256))) {}
  ~Bytes() { std::free(Data); }
  Bytes(const Bytes &) = delete;
  Bytes &operator=(const Bytes &) = delete;
  std::byte *get() const { return Data; }

private:
  std::byte *Data;
};

/// About so many bytes of whole groups of rows.
format::PackedShape shapeOf(const format::StorageSpec &spec, int64_t cols,
                            uint64_t bytes) {
  format::PackedShape shape;
  shape.scheme = spec.scheme;
  shape.dtype = spec.dtype.value_or(format::DType::F32);
  shape.blockSize = spec.blockSize;
  shape.scales = spec.scales;
  shape.rows = cpu::kGroupRows;
  shape.cols = cols;
  shape.rows *= std::max<int64_t>(bytes / format::storedBytes(shape), 1);
  return shape;
}

/// What this thread ran: others may want its core at times.
double threadSeconds() {
  timespec now;
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) +
         static_cast<double>(now.tv_nsec) * 1e-9;
}

/// With `grouped`, of its copy in groups of rows.
double gigabytesPerSecond(const cpu::KernelTable &kernels,
                          const format::PackedShape &shape, bool grouped,
                          int runs) {
  const Bytes weight(format::paddedBytes(shape));
  format::Tensor tensor;
  tensor.shape = shape;
  format::PackedView view;
  view.shape = shape;
  const auto parts = format::layout(shape);
  for (size_t part = 0; part != parts.size(); ++part) {
    std::byte *at = weight.get() + parts[part].offset;
    format::synthesize(format::syntheticPart(tensor, part, 1), 0,
                       parts[part].bytes, at);
    view.parts[part] = at;
  }

  const Bytes groups(grouped ? cpu::groupedBytes(shape) : 0);
  if (grouped)
    cpu::groupRows(view, kernels, 0, shape.rows / cpu::kGroupRows,
                   groups.get());

  std::vector<float> values(shape.cols);
  for (int64_t col = 0; col != shape.cols; ++col)
    values[col] = static_cast<float>(col * 37 % 101 - 50) / 16;
  cpu::ActivationOrders orders;
  cpu::addOrders(shape, grouped, kernels, orders);
  const Bytes memory(cpu::activationBytes(shape.cols, orders));
  const cpu::Activations x =
      cpu::layOutActivations(values.data(), shape.cols, orders, memory.get());
  kernels.arrange(x);

  std::vector<float> y(shape.rows);
  const auto secondsOf = [&](int times) {
    const double begin = threadSeconds();
    for (int i = 0; i != times; ++i)
      if (grouped)
        kernels.matVecGroups({shape, groups.get()}, 0, shape.rows, &x, 1,
                             y.data(), 0);
      else
        kernels.matVec(view, 0, shape.rows, &x, 1, y.data(), 0);
    return threadSeconds() - begin;
  };
  secondsOf(4);
  const int times = std::max(1, static_cast<int>(0.004 / secondsOf(4)));
  double best = 1;
  for (int run = 0; run != runs; ++run)
    best = std::min(best, secondsOf(times) / times);
  return static_cast<double>(format::storedBytes(shape)) / best / 1e9;
}

} // namespace

int main(int argc, char **argv) {
  CLI::App app("Times dot products of stored weights, in the cache");
  std::vector<std::string> sets;
  std::vector<std::string> storages = {"q4_0"};
  std::vector<int64_t> columns = {576, 2048};
  uint64_t bytes = 256 << 10;
  int runs = 50;
  app.add_option("--set", sets, "names of instruction sets; default all");
  app.add_option("--storage", storages, "as qzc --quantize takes them");
  app.add_option("--columns", columns, "of the weights");
  app.add_option("--bytes", bytes, "of a weight, about");
  app.add_option("--runs", runs, "of about a millisecond");
  CLI11_PARSE(app, argc, argv);

  for (const cpu::KernelTable *kernels : cpu::supportedKernels()) {
    if (!sets.empty() &&
        std::find(sets.begin(), sets.end(), kernels->name) == sets.end())
      continue;
    for (const std::string &storage : storages)
      for (const int64_t cols : columns) {
        const auto spec = format::parseStorage(storage);
        if (!spec) {
          std::fprintf(stderr, "no such storage: %s\n", storage.c_str());
          return 2;
        }
        const format::PackedShape shape = shapeOf(*spec, cols, bytes);
        if (const auto wrong = format::checkShape(shape)) {
          std::fprintf(stderr, "%s, %lld columns: %s\n", storage.c_str(),
                       static_cast<long long>(cols),
                       std::string(*wrong).c_str());
          continue;
        }
        for (const bool grouped : {false, true}) {
          if (grouped && !cpu::canGroupRows(shape, *kernels))
            continue;
          std::printf("%s\t%s%s\t%lld\t%.2f\n", kernels->name, storage.c_str(),
                      grouped ? " in groups" : "", static_cast<long long>(cols),
                      gigabytesPerSecond(*kernels, shape, grouped, runs));
          std::fflush(stdout);
        }
      }
  }
}
