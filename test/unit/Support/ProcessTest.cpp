//===- ProcessTest.cpp - A process after prepareProcess -------------------===//

#include "qzc/Support/Process.h"

#include "TempFolder.h"
#include "qzc/Support/AtomicFile.h"
#include "qzc/Support/Error.h"
#include "qzc/Support/Output.h"
#include "qzc/Support/RunProgram.h"

#include <csignal>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

using namespace qzc;
using namespace qzc::test;

TEST(Process, AFileBeyondItsLimitIsAnError) {
  TempFolder folder;
  const auto write = [&] {
    prepareProcess();
    const struct rlimit limit = {4096, 4096};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    try {
      AtomicFile file(folder.file("out"));
      file.append(std::string(8192, 'x'));
    } catch (const Error &) {
      ::_exit(3);
    }
    ::_exit(4);
  };
  EXPECT_EXIT(write(), testing::ExitedWithCode(3), "");
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

TEST(Process, AReaderThatGoesIsAFailedWrite) {
  const auto write = [] {
    prepareProcess();
    int ends[2];
    static_cast<void>(::pipe(ends));
    ::close(ends[0]);
    try {
      Output(ends[1]).write("text");
    } catch (const BrokenPipe &) {
      ::_exit(3);
    }
    ::_exit(4);
  };
  EXPECT_EXIT(write(), testing::ExitedWithCode(3), "");
}

TEST(Process, NoFileTakesTheNumberOfAClosedOutput) {
  const auto write = [] {
    ::close(STDIN_FILENO);
    ::close(STDOUT_FILENO);
    prepareProcess();
    const int fd = ::open("/dev/null", O_WRONLY);
    try {
      Output().write("text");
    } catch (const Error &) {
      ::_exit(fd > STDERR_FILENO ? 3 : 4);
    }
    ::_exit(1);
  };
  EXPECT_EXIT(write(), testing::ExitedWithCode(3), "");
}

TEST(Process, ItsOwnProgramsEndsAreSeen) {
  // Whoever starts a tool may have said that nobody waits for processes.
  const auto run = [] {
    std::signal(SIGCHLD, SIG_IGN);
    prepareProcess();
    try {
      ::_exit(runProgram({"/bin/false"}, "").exitCode == 1 ? 3 : 4);
    } catch (const Error &) {
      ::_exit(5);
    }
  };
  EXPECT_EXIT(run(), testing::ExitedWithCode(3), "");
}
