//===- AtomicFileTest.cpp - Whole output or none --------------------------===//

#include "qzc/Support/AtomicFile.h"

#include "TempFolder.h"
#include "qzc/Support/Error.h"

#include <csignal>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace qzc;
using namespace qzc::test;

static size_t countFiles(const TempFolder &folder) {
  size_t count = 0;
  for (const auto &entry : std::filesystem::directory_iterator(folder.path())) {
    (void)entry;
    ++count;
  }
  return count;
}

TEST(AtomicFile, CommitGivesTheFileItsName) {
  TempFolder folder;
  AtomicFile file(folder.file("out"), /*executable=*/true);
  file.append("head");
  file.alignTo(16);
  uint64_t hole = file.reserve(4);
  file.append("tail");
  file.writeAt(hole, "body", 4);
  EXPECT_FALSE(std::filesystem::exists(folder.file("out")));
  file.commit();
  EXPECT_EQ(readAll(folder.file("out")),
            std::string("head") + std::string(12, '\0') + "bodytail");
  struct stat info = {};
  ASSERT_EQ(::stat(folder.file("out").c_str(), &info), 0);
  EXPECT_TRUE(info.st_mode & S_IXUSR);
  EXPECT_EQ(countFiles(folder), 1U);
}

TEST(AtomicFile, WithoutCommitNothingStaysAndTheOldFileIsKept) {
  TempFolder folder;
  writeAll(folder.file("out"), "old");
  {
    AtomicFile file(folder.file("out"));
    file.append("new");
  }
  EXPECT_EQ(readAll(folder.file("out")), "old");
  EXPECT_EQ(countFiles(folder), 1U);
}

TEST(AtomicFile, AFinishedFileAppearsOnPublish) {
  TempFolder folder;
  {
    AtomicFile file(folder.file("out"));
    file.append("text");
    file.finish();
    EXPECT_FALSE(std::filesystem::exists(folder.file("out")));
  }
  EXPECT_EQ(countFiles(folder), 0U);
  AtomicFile file(folder.file("out"));
  file.append("text");
  file.finish();
  file.publish();
  EXPECT_EQ(readAll(folder.file("out")), "text");
  EXPECT_EQ(countFiles(folder), 1U);
}

/// A process that holds a partial file until the pipe's other end is closed, or
/// is killed.
static pid_t startWriter(const std::string &path) {
  int ready[2];
  EXPECT_EQ(::pipe(ready), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    AtomicFile file(path);
    file.append("half");
    static_cast<void>(::write(ready[1], "x", 1));
    for (;;)
      ::pause();
  }
  char byte = 0;
  EXPECT_EQ(::read(ready[0], &byte, 1), 1);
  ::close(ready[0]);
  ::close(ready[1]);
  return child;
}

TEST(AtomicFile, WhatAKilledProcessLeftIsRemovedByTheNext) {
  TempFolder folder;
  const pid_t child = startWriter(folder.file("out"));
  const std::string partial =
      folder.file("out.partial-") + std::to_string(child);
  EXPECT_EQ(readAll(partial), "half");
  // While it is written it is left alone.
  AtomicFile(folder.file("out")).commit();
  EXPECT_EQ(readAll(partial), "half");
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  EXPECT_EQ(readAll(partial), "half");
  AtomicFile(folder.file("other")).commit();
  EXPECT_TRUE(std::filesystem::exists(partial));
  AtomicFile(folder.file("out")).commit();
  EXPECT_FALSE(std::filesystem::exists(partial));
  EXPECT_EQ(countFiles(folder), 2U);
}

TEST(AtomicFile, OnlyItsOwnPartialFilesAreRemoved) {
  TempFolder folder;
  const std::vector<std::string> names = {
      "out.partial-",    "out.partial-12x",   "out.partial-12.",
      "out.partial-.1",  "out.partial-1.2.3", "xout.partial-12",
      "out.partials-12", "out.old.partial-12"};
  for (const std::string &name : names)
    writeAll(folder.file(name), "another's");
  std::filesystem::create_directory(folder.file("out.partial-1"));
  std::filesystem::create_symlink(folder.file("xout.partial-12"),
                                  folder.file("out.partial-2"));
  for (const char *name : {"out.partial-12", "out.partial-12.34"})
    writeAll(folder.file(name), "left behind");
  AtomicFile(folder.file("out")).commit();
  for (const std::string &name : names)
    EXPECT_EQ(readAll(folder.file(name)), "another's") << name;
  EXPECT_EQ(countFiles(folder), names.size() + 3);
}

TEST(AtomicFile, TwoOfOneNameAreTwoFiles) {
  TempFolder folder;
  AtomicFile first(folder.file("out"));
  AtomicFile second(folder.file("out"));
  first.append("first");
  second.append("second");
  first.commit();
  EXPECT_EQ(readAll(folder.file("out")), "first");
  second.commit();
  EXPECT_EQ(readAll(folder.file("out")), "second");
  EXPECT_EQ(countFiles(folder), 1U);
}

TEST(AtomicFile, APublishedExecutableCanBeRun) {
  TempFolder folder;
  AtomicFile file(folder.file("out"), /*executable=*/true);
  file.append("#!/bin/sh\nexit 7\n");
  file.commit();
  EXPECT_EQ(WEXITSTATUS(std::system(folder.file("out").c_str())), 7);
}

TEST(AtomicFile, AReservedTailBelongsToTheFile) {
  TempFolder folder;
  AtomicFile file(folder.file("out"));
  file.reserve(10);
  file.commit();
  EXPECT_EQ(readAll(folder.file("out")), std::string(10, '\0'));
}

TEST(AtomicFile, ASignalRemovesWhatIsNotPublished) {
  for (int signal : {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGXCPU}) {
    TempFolder folder;
    auto die = [&] {
      removeFilesOnSignals();
      AtomicFile published(folder.file("published"));
      published.commit();
      AtomicFile partial(folder.file("partial"));
      AtomicFile finished(folder.file("finished"));
      finished.finish();
      ::raise(signal);
    };
    EXPECT_EXIT(die(), testing::KilledBySignal(signal), "");
    EXPECT_TRUE(std::filesystem::exists(folder.file("published")));
    EXPECT_EQ(countFiles(folder), 1U);
  }
}

TEST(AtomicFile, AForkedChildRemovesNothing) {
  TempFolder folder;
  auto parent = [&] {
    removeFilesOnSignals();
    AtomicFile file(folder.file("out"));
    pid_t child = ::fork();
    if (child == 0) {
      ::raise(SIGTERM);
      ::_exit(1);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    file.commit();
    ::_exit(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM ? 0 : 1);
  };
  EXPECT_EXIT(parent(), testing::ExitedWithCode(0), "");
  EXPECT_TRUE(std::filesystem::exists(folder.file("out")));
}

TEST(AtomicFile, AnIgnoredSignalStaysIgnored) {
  auto survive = [] {
    ::signal(SIGHUP, SIG_IGN);
    removeFilesOnSignals();
    ::raise(SIGHUP);
    ::_exit(0);
  };
  EXPECT_EXIT(survive(), testing::ExitedWithCode(0), "");
}

TEST(AtomicFile, AnUnwritableFolderIsNamed) {
  TempFolder folder;
  std::string path = folder.file("missing/out");
  try {
    AtomicFile file(path);
    FAIL() << "opened a file in a folder that does not exist";
  } catch (const Error &error) {
    EXPECT_THAT(error.what(), testing::HasSubstr(path));
    EXPECT_THAT(error.what(), testing::HasSubstr("No such file"));
  }
}

TEST(AtomicFile, AFullDiskIsReportedAndNothingStays) {
  // /dev/full cannot be renamed onto, so the limit stands in for the disk.
  TempFolder folder;
  struct rlimit old = {};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &old), 0);
  struct rlimit small = old;
  small.rlim_cur = 4096;
  auto handler = ::signal(SIGXFSZ, SIG_IGN);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  {
    AtomicFile file(folder.file("out"));
    EXPECT_THROW(file.append(std::string(8192, 'x')), Error);
  }
  ::setrlimit(RLIMIT_FSIZE, &old);
  ::signal(SIGXFSZ, handler);
  EXPECT_EQ(countFiles(folder), 0U);
}
