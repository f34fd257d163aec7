//===- FileTest.cpp - Files that are read ---------------------------------===//

#include "qzc/Support/File.h"

#include "TempFolder.h"
#include "qzc/Support/Error.h"

#include <filesystem>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

using namespace qzc;
using namespace qzc::test;
using testing::HasSubstr;
namespace fs = std::filesystem;

static std::string readError(const std::string &path, uint64_t most = 100) {
  try {
    readFile(path, most);
  } catch (const Error &error) {
    EXPECT_THAT(error.what(), HasSubstr("'" + path + "'"));
    return error.what();
  }
  return "";
}

TEST(File, AllOfIt) {
  TempFolder folder;
  const std::string text("a\0b\n", 4);
  writeAll(folder.file("x"), text);
  fs::create_symlink("x", folder.file("link"));
  EXPECT_EQ(readFile(folder.file("x")), text);
  EXPECT_EQ(readFile(folder.file("link")), text);
  writeAll(folder.file("empty"), "");
  EXPECT_EQ(readFile(folder.file("empty")), "");
}

TEST(File, WhatCouldLastForEverIsNoFile) {
  TempFolder folder;
  ASSERT_EQ(::mkfifo(folder.file("pipe").c_str(), 0666), 0);
  fs::create_symlink("/dev/zero", folder.file("zero"));
  for (const char *name : {"pipe", "zero", "."})
    EXPECT_THAT(readError(folder.file(name)), HasSubstr("not a regular file"))
        << name;
  EXPECT_THAT(readError(folder.file("none")), HasSubstr("No such file"));
}

TEST(File, TooLarge) {
  TempFolder folder;
  writeAll(folder.file("x"), std::string(10, 'x'));
  EXPECT_EQ(readFile(folder.file("x"), 10).size(), 10U);
  EXPECT_THAT(readError(folder.file("x"), 9), HasSubstr("10 bytes"));
}

TEST(File, IsTheSameThroughLinks) {
  TempFolder folder;
  writeAll(folder.file("x"), "x");
  writeAll(folder.file("y"), "x");
  fs::create_symlink("x", folder.file("soft"));
  fs::create_hard_link(folder.file("x"), folder.file("hard"));
  fs::create_directory(folder.file("deep"));
  fs::create_symlink(folder.path(), folder.file("deep/up"));
  for (const char *name : {"x", "soft", "hard", "deep/../x", "deep/up/x"})
    EXPECT_TRUE(isSameFile(folder.file("x"), folder.file(name))) << name;
  EXPECT_FALSE(isSameFile(folder.file("x"), folder.file("y")));
  // What is not there yet.
  EXPECT_TRUE(isSameFile(folder.file("new"), folder.file("deep/up/new")));
  EXPECT_FALSE(isSameFile(folder.file("new"), folder.file("newer")));
}

TEST(File, OutputsAreNoInputs) {
  TempFolder folder;
  writeAll(folder.file("x"), "x");
  fs::create_hard_link(folder.file("x"), folder.file("hard"));
  const std::vector<InputFile> inputs = {{"the text", folder.file("x")}};
  checkIsNoInput("-o", folder.file("y"), inputs);
  try {
    checkIsNoInput("-o", folder.file("hard"), inputs);
    FAIL() << "accepted";
  } catch (const Error &error) {
    EXPECT_EQ(error.code(), ExitCode::Usage);
    EXPECT_EQ(error.what(), "-o '" + folder.file("hard") +
                                "' would overwrite the text: name another "
                                "file");
  }
}
