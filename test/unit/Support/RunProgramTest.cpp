//===- RunProgramTest.cpp - A program run to its end ----------------------===//

#include "qzc/Support/RunProgram.h"

#include "qzc/Support/Error.h"
#include "qzc/Support/ThreadPool.h"

#include <csignal>
#include <gtest/gtest.h>

using namespace qzc;

namespace {

ProgramResult shell(const std::string &script, std::string_view input = "") {
  return runProgram({"/bin/sh", "-c", script}, input);
}

TEST(RunProgram, PassesInputAndBothOutputs) {
  // More than a pipe holds, in both directions at once.
  const std::string input(1 << 20, 'x');
  const ProgramResult result =
      shell("cat; cat /dev/null; echo said >&2", input);
  EXPECT_TRUE(result.succeeded());
  EXPECT_EQ(result.out, input);
  EXPECT_EQ(result.err, "said\n");
}

TEST(RunProgram, TellsHowItEnded) {
  EXPECT_EQ(shell("exit 3").exitCode, 3);
  const ProgramResult killed = shell("kill -9 $$");
  EXPECT_EQ(killed.signal, SIGKILL);
  EXPECT_FALSE(killed.succeeded());
}

TEST(RunProgram, NamesWhatCannotBeStarted) {
  try {
    runProgram({"/no/such/program"}, "");
    FAIL() << "no error";
  } catch (const Error &error) {
    EXPECT_STREQ(error.what(),
                 "cannot run '/no/such/program': No such file or directory");
  }
}

TEST(RunProgram, RunsBesideOthers) {
  ThreadPool pool(4);
  pool.parallelFor(32, 1, [](int64_t begin, int64_t, int) {
    const std::string text = std::to_string(begin);
    EXPECT_EQ(shell("cat", text).out, text);
  });
}

TEST(RunProgram, InheritsNoFileOfOthers) {
  EXPECT_EQ(shell("ls -l /proc/self/fd | grep -c memfd:").out, "2\n");
}

} // namespace
