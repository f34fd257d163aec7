//===- MappedFileTest.cpp - Mapping, moving, and what cannot be mapped ----===//

#include "qzc/Support/MappedFile.h"

#include "TempFolder.h"
#include "qzc/Support/Error.h"

#include <cstring>
#include <gtest/gtest.h>
#include <sys/stat.h>

using namespace qzc;
using namespace qzc::test;

TEST(MappedFile, ShowsTheBytes) {
  TempFolder folder;
  writeAll(folder.file("x"), "hello");
  MappedFile first(folder.file("x"));
  MappedFile file(std::move(first));
  ASSERT_EQ(file.size(), 5U);
  EXPECT_EQ(std::memcmp(file.data(), "hello", 5), 0);
}

TEST(MappedFile, AnEmptyFileIsEmpty) {
  TempFolder folder;
  writeAll(folder.file("x"), "");
  EXPECT_EQ(MappedFile(folder.file("x")).size(), 0U);
}

TEST(MappedFile, ReleasedPagesAreReadAgain) {
  TempFolder folder;
  std::string text(100'000, 'q');
  writeAll(folder.file("x"), text);
  MappedFile file(folder.file("x"));
  EXPECT_EQ(std::memcmp(file.data(), text.data(), text.size()), 0);
  file.release(0, file.size());
  EXPECT_EQ(std::memcmp(file.data(), text.data(), text.size()), 0);
}

TEST(MappedFile, MissingFilesAndFoldersAreErrors) {
  TempFolder folder;
  EXPECT_THROW(MappedFile(folder.file("missing")), Error);
  EXPECT_THROW(MappedFile(folder.path().string()), Error);
  // Nobody will ever write into it.
  ASSERT_EQ(::mkfifo(folder.file("pipe").c_str(), 0666), 0);
  EXPECT_THROW(MappedFile(folder.file("pipe")), Error);
}
