//===- Run.cpp - Kernels on a GPU against the naive reference -------------===//
//
// kernel-test-run FOLDER [check|bench|all]: runs what kernel-test-build wrote.
// Checks every case as cubin and as PTX, with an f16 and an f32 cache: prefill
// in pieces, decode token by token, losses and greedy choice.
//
//===----------------------------------------------------------------------===//

#include "Machine.h"
#include "Reference.h"

#include "qzc/Support/Error.h"

#include <cstdio>
#include <fstream>
#include <iterator>

using namespace qzc;
using namespace qzc::kernel_test;
using qzc::runtime::CacheType;

static constexpr int64_t kChunk = 272;
static constexpr int64_t kCapacity = 320;
static constexpr int kTokens = 290;
static constexpr int kDecoded = 12;

static std::string readFile(const std::string &path) {
  std::ifstream file(path, std::ios::binary);
  if (!file)
    throw Error("cannot read '" + path + "'");
  return {std::istreambuf_iterator<char>(file),
          std::istreambuf_iterator<char>()};
}

/// What launches the code of a model, as Build.cpp lowered it.
static format::CudaProgram readProgram(const std::string &stem,
                                       const cuda::Arch &arch) {
  return format::parseManifest(readFile(stem + "." + arch.name() + ".json"))
      .cuda.at(0);
}

/// What Build.cpp compiled for: a machine architecture, then PTX.
static std::vector<cuda::Arch> archsIn(const std::string &folder) {
  std::vector<cuda::Arch> archs;
  for (uint32_t number : {80, 86, 89, 90, 100, 120})
    for (bool specific : {true, false})
      if (const cuda::Arch arch = {number, specific, false};
          std::ifstream(folder + "/case0." + arch.name()))
        archs.push_back(arch);
  archs.push_back(kGeneral);
  return archs;
}

static int checkAll(const Driver &driver, const std::string &folder) {
  int failures = 0;
  for (int number = 0; number < kCases; ++number) {
    const Model model = makeCase(number);
    const std::vector<int32_t> tokens = randomTokens(model, number, kTokens);
    const std::vector<double> want = referenceLogits(model, tokens);
    const std::vector<double> wantOfBytes =
        referenceLogits(model, tokens, CacheType::Q8);
    const std::string stem = folder + "/case" + std::to_string(number);
    std::printf("case %d: %s\n", number, model.description.c_str());
    for (const cuda::Arch &arch : archsIn(folder))
      for (const CacheType cache :
           {CacheType::F32, CacheType::F16, CacheType::Q8}) {
        const char *name = runtime::cacheName(cache);
        try {
          Machine machine(driver, model, readProgram(stem, arch),
                          readFile(stem + "." + arch.name()), cache, kChunk,
                          kCapacity);
          machine.Dependent = cache != CacheType::F32 && !arch.ptx;
          const Errors e =
              compare(machine, model, tokens,
                      cache == CacheType::Q8 ? wantOfBytes : want,
                      {17, 1, kTokens - kDecoded - 18}, 80, {3, 9, kSequences});
          const bool good = e.good(cache);
          failures += !good;
          std::printf("  %-10s %s prefill %.1e batch %.1e decode %.1e several "
                      "%.1e after prefill %.1e loss %.1e wrong choices %d%s\n",
                      arch.name().c_str(), name, e.prefill, e.batch, e.decode,
                      e.several, e.further, e.loss, e.wrongChoices,
                      good ? "" : "  FAILED");
        } catch (const Error &error) {
          ++failures;
          std::printf("  %-10s %s FAILED: %s\n", arch.name().c_str(), name,
                      error.what());
        }
      }
    std::fflush(stdout);
  }
  std::printf("%d failures\n", failures);
  return failures;
}

static void bench(const Driver &driver, const std::string &folder) {
  for (const BenchShape &shape : benchShapes()) {
    const Model model = makeBench(shape);
    const cuda::Arch arch = archsIn(folder)[0];
    const std::string stem = folder + "/" + shape.name;
    const std::string code = stem + "." + arch.name();
    if (!std::ifstream(code))
      continue;
    Machine machine(driver, model, readProgram(stem, arch), readFile(code),
                    CacheType::F16, 2048, 8192);
    const format::CudaProgram &program = machine.program();
    std::printf("%s: %.0f MB of weights, %zu launches a token\n", shape.name,
                double(model.manifest.weightsBytes) / 1e6,
                program.decode.size());
    for (int position : {0, 128, 1024, 4096})
      for (bool dependent : {false, true}) {
        const double us =
            machine.timeGraph(program.decode, 1, 100, dependent, position);
        std::printf("  decode at %d%s: %.1f us, %.0f tok/s\n", position,
                    dependent ? " dependent launches" : "", us, 1e6 / us);
      }
    for (int sequences : {2, 8, 16, 32, 64}) {
      const double us = machine.timeGraph(program.decodeOf(sequences),
                                          sequences, 100, true, 128);
      std::printf("  decode of %d at 128: %.1f us, %.0f tok/s\n", sequences, us,
                  1e6 / us * sequences);
    }
    machine.profile(program.decode, 1, 128);
    for (int sequences : {8, 32})
      machine.profile(program.decodeOf(sequences), sequences, 128);
    for (int64_t rows : {17, 512, 1024, 2048}) {
      const double us = machine.timeGraph(program.prefill, rows, 3, false, 0);
      std::printf("  prefill %lld: %.1f us, %.0f tok/s\n",
                  static_cast<long long>(rows), us, 1e6 / us * double(rows));
    }
    machine.profile(program.prefill, 2048, 0);
    machine.setTargets(std::vector<int32_t>(2048, 1));
    std::vector<format::CudaLaunch> scored = program.head;
    scored.insert(scored.end(), program.score.begin(), program.score.end());
    for (int64_t rows : {512, 2048})
      std::printf("  head and score of %lld: %.1f us\n",
                  static_cast<long long>(rows),
                  machine.timeGraph(scored, rows, 3, false, 0));
    if (!program.losses.empty())
      std::printf("  losses of 2048: %.1f us\n",
                  machine.timeGraph(program.losses, 2048, 3, false, 0));
    machine.profile(scored, 512, 0);
    machine.profile(program.losses, 2048, 0);
    std::fflush(stdout);
  }
}

int main(int argc, char **argv) {
  if (argc < 2) {
    std::fprintf(stderr, "kernel-test-run FOLDER [check|bench|all]\n");
    return 2;
  }
  const std::string what = argc > 2 ? argv[2] : "check";
  try {
    const Driver driver;
    int failures = 0;
    if (what != "bench")
      failures = checkAll(driver, argv[1]);
    if (what != "check")
      bench(driver, argv[1]);
    return failures == 0 ? 0 : 1;
  } catch (const Error &error) {
    std::fprintf(stderr, "kernel-test-run: %s\n", error.what());
    return 1;
  }
}
