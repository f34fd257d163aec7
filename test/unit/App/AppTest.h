//===- AppTest.h - The command line on a fake model -------------*- C++ -*-===//

#ifndef QZC_TEST_UNIT_APP_APPTEST_H
#define QZC_TEST_UNIT_APP_APPTEST_H

#include "FakeModel.h"
#include "qzc/Support/Error.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <sys/mman.h>
#include <unistd.h>

namespace qzc::runtime {

struct Outcome {
  int code;
  std::string out;
  std::string err;
};

class AppTest : public testing::Test {
protected:
  AppTest() {
    std::string pattern = testing::TempDir() + "qzc-app-XXXXXX";
    Folder = ::mkdtemp(pattern.data());
    Environment.openImage = [this](bool full, int threads) {
      FullCheck = full;
      LoadThreads = threads;
      return std::make_unique<FakeImage>(Model);
    };
    Environment.createCpu = [this](const Image &image, const EngineOptions &o) {
      auto engine = std::make_unique<FakeEngine>(image, o, "CPU (fake)", &Runs);
      engine->onRun = OnRun;
      engine->Aheads = &Aheads;
      return engine;
    };
    Environment.createCuda = [this](const Image &image,
                                    const EngineOptions &o) {
      if (!GpuError.empty())
        throw Error(GpuError);
      return std::make_unique<FakeEngine>(image, o, "GPU (fake)", nullptr,
                                          /*meterSeconds=*/0.002);
    };
    Environment.templateRenderer = {QZC_RENDERER};
    Environment.cudaPresent = [this] { return GpuPresent; };
  }
  ~AppTest() override { std::filesystem::remove_all(Folder); }

  Outcome call(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "model.bin");
    std::vector<const char *> argv;
    for (const std::string &argument : arguments)
      argv.push_back(argument.c_str());
    Environment.output = ::memfd_create("output", 0);
    testing::internal::CaptureStderr();
    Outcome outcome{};
    outcome.code =
        runApp(static_cast<int>(argv.size()), argv.data(), Environment);
    outcome.err = testing::internal::GetCapturedStderr();
    char part[4096];
    ::lseek(Environment.output, 0, SEEK_SET);
    for (ssize_t n = 0;
         (n = ::read(Environment.output, part, sizeof part)) > 0;)
      outcome.out.append(part, static_cast<size_t>(n));
    ::close(Environment.output);
    return outcome;
  }

  /// The call fails with one line that holds `what`, and prints nothing.
  void fails(const std::vector<std::string> &arguments, int code,
             const std::string &what) {
    Outcome outcome = call(arguments);
    EXPECT_EQ(outcome.code, code) << what;
    EXPECT_THAT(outcome.err, testing::HasSubstr(what));
    EXPECT_THAT(outcome.err, testing::StartsWith("model.bin: "));
    EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1);
    EXPECT_EQ(outcome.out, "");
  }

  /// From now on, batches of more than `most` pieces lack `shortage`. What is
  /// tried is counted.
  void failFrom(Shortage shortage, size_t most) {
    Tried.clear();
    OnRun = [this, shortage, most](const std::vector<Piece> &batch) {
      Tried.push_back(batch.size());
      if (batch.size() > most)
        throw SequenceError(batch[most].sequence, shortage, "it does not fit");
    };
  }

  std::string write(const std::string &name, const std::string &text) {
    std::string path = Folder + "/" + name;
    std::ofstream(path, std::ios::binary) << text;
    return path;
  }

  FakeImage Model;
  std::vector<int64_t> Runs; ///< tokens of each call of the CPU's engine
  std::vector<bool> Aheads;  ///< of its steps that choose
  std::function<void(const std::vector<Piece> &)> OnRun; ///< of the CPU's
  AppEnvironment Environment;
  std::vector<size_t> Tried; ///< pieces of each batch, after failFrom()
  std::string Folder;
  std::string GpuError;
  bool GpuPresent = false;
  bool FullCheck = false;
  int LoadThreads = 0;
};

} // namespace qzc::runtime

#endif // QZC_TEST_UNIT_APP_APPTEST_H
