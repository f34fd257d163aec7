//===- ProcessTest.cpp - Programs run to their end ------------------------===//

#include "Process.h"
#include "qzc/Support/Error.h"

#include <csignal>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

namespace qzc::evaltool {
namespace {

using testing::EndsWith;
using testing::HasSubstr;

Outcome shell(const std::string &script) {
  return runProcess({"/bin/sh", "-c", script}, [] {});
}

TEST(Process, OutputAndExitCode) {
  Outcome outcome = shell("echo out; echo err >&2; exit 3");
  EXPECT_EQ(outcome.out, "out\n");
  EXPECT_EQ(outcome.err, "err\n");
  EXPECT_EQ(outcome.exitCode, 3);
  EXPECT_EQ(outcome.signal, 0);
}

TEST(Process, GetsItsArgumentsAndNoInput) {
  Outcome outcome = runProcess(
      {"/bin/sh", "-c", "cat; echo \"$0|$1\"", "a b", "c'\"d"}, [] {});
  EXPECT_EQ(outcome.out, "a b|c'\"d\n");
}

TEST(Process, EndedByASignal) {
  EXPECT_EQ(shell("kill -9 $$").signal, SIGKILL);
}

TEST(Process, LargeOutputsDoNotBlock) {
  Outcome outcome =
      shell("head -c 300000 /dev/zero; head -c 300000 /dev/zero >&2; "
            "echo last >&2");
  EXPECT_EQ(outcome.out.size(), 300000U);
  EXPECT_LE(outcome.err.size(), 65536U);
  EXPECT_THAT(outcome.err, EndsWith("last\n"));
}

TEST(Process, EndlessOutputIsAnError) {
  EXPECT_THROW(shell("exec cat /dev/zero"), Error);
}

TEST(Process, WhatCannotBeRun) {
  try {
    runProcess({"/no/such/program"}, [] {});
    FAIL();
  } catch (const Error &error) {
    EXPECT_THAT(error.what(), HasSubstr("No such file"));
  }
}

TEST(Process, WritesIntoAPipeOfItsOwn) {
  Pipe pipe;
  std::string path = "/dev/fd/" + std::to_string(pipe.writer());
  Process process({"/bin/sh", "-c", "printf abc >" + path + "; echo out"},
                  &pipe);
  char text[8];
  EXPECT_EQ(::read(pipe.reader(), text, sizeof text), 3);
  EXPECT_EQ(std::string(text, 3), "abc");
  EXPECT_EQ(::read(pipe.reader(), text, sizeof text), 0);
  EXPECT_EQ(process.finish([] {}).out, "out\n");
}

TEST(Process, IsKilledWhereNobodyWaits) {
  Pipe pipe;
  {
    std::string path = "/dev/fd/" + std::to_string(pipe.writer());
    Process process({"/bin/sh", "-c", "exec sleep 60 >" + path}, &pipe);
  }
  char byte = 0;
  EXPECT_EQ(::read(pipe.reader(), &byte, 1), 0);
}

TEST(Process, DiesWithItsParent) {
  Pipe pipe;
  pid_t parent = ::fork();
  if (parent == 0) {
    std::string path = "/dev/fd/" + std::to_string(pipe.writer());
    Process process({"/bin/sh", "-c", "exec sleep 60 >" + path}, &pipe);
    ::raise(SIGKILL);
  }
  pipe.closeWriter();
  int status = 0;
  ::waitpid(parent, &status, 0);
  EXPECT_TRUE(WIFSIGNALED(status));
  // The end comes when the last writer has gone.
  char byte = 0;
  EXPECT_EQ(::read(pipe.reader(), &byte, 1), 0);
}

TEST(Process, WaitingIsTold) {
  int calls = 0;
  runProcess({"/bin/sh", "-c", "sleep 1.2"}, [&] { ++calls; });
  EXPECT_GE(calls, 2);
}

} // namespace
} // namespace qzc::evaltool
