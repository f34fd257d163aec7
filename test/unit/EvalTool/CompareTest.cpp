//===- CompareTest.cpp - Two fake executables in lockstep -----------------===//

#include "Compare.h"
#include "../Support/TempFolder.h"
#include "qzc/Evaluate/LogitsFile.h"
#include "qzc/Support/Error.h"

#include <cmath>
#include <filesystem>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <iostream>

namespace qzc::evaltool {
namespace {

using test::TempFolder;
using test::writeAll;
using testing::HasSubstr;

constexpr int64_t kVocab = 700;

/// `rows` records whose logits are `scale` times a pattern.
std::string logitsOf(int64_t rows, float scale, int32_t shift = 0) {
  std::string bytes = evaluate::logitsHead({rows, kVocab});
  for (int64_t i = 0; i < rows; ++i) {
    std::vector<float> record(kVocab + 1);
    const auto target = static_cast<int32_t>(i * 37 % kVocab) + shift;
    std::memcpy(record.data(), &target, sizeof target);
    for (int64_t j = 0; j < kVocab; ++j)
      record[static_cast<size_t>(j + 1)] =
          scale * static_cast<float>((i + 7 * j) % 13);
    bytes.append(reinterpret_cast<const char *>(record.data()),
                 record.size() * sizeof(float));
  }
  return bytes;
}

class CompareTest : public testing::Test {
protected:
  /// A program that writes these bytes as its logits and says {"name": …}.
  std::string add(const std::string &name, const std::string &logits,
                  const std::string &afterwards = "") {
    std::string path = Folder.file(name);
    writeAll(path + ".rows", logits);
    writeAll(path, "#!/bin/sh\nfor last; do :; done\necho \"$@\" >'" + path +
                       ".log'\ncat '" + path +
                       ".rows' >${last#--logits=} || exit 1\n" + afterwards +
                       "\necho '{\"name\": \"" + name + "\"}'\n");
    std::filesystem::permissions(path, std::filesystem::perms::owner_all);
    return path;
  }

  Compared compare(const std::string &base, const std::string &model) {
    ThreadPool pool(2);
    KeepBase keep("", std::cerr);
    return compareImages(base, model, {"--score=text", "--json"}, pool, keep,
                         [&](int64_t done) { Done = done; });
  }

  std::string refusal(const std::string &base, const std::string &model) {
    try {
      compare(base, model);
    } catch (const Error &error) {
      return error.what();
    }
    return "accepted";
  }

  TempFolder Folder;
  int64_t Done = 0;
};

TEST_F(CompareTest, ReadsBothToTheirEnds) {
  // More than a pipe holds, and more than a batch.
  constexpr int64_t kRows = 7000;
  std::string base = add("base", logitsOf(kRows, 1));
  std::string model = add("model", logitsOf(kRows, 0.5f));
  Compared got = compare(base, model);
  EXPECT_EQ(Done, kRows);
  EXPECT_EQ(got.base["name"], "base");
  EXPECT_EQ(got.model["name"], "model");
  EXPECT_EQ(got.comparison.tokens, kRows);
  EXPECT_EQ(got.comparison.sameTop.value, 1);
  EXPECT_GT(got.comparison.divergence.value, 0.1);
  EXPECT_THAT(test::readAll(model + ".log"),
              testing::StartsWith("--score=text --json --logits=/dev/fd/"));
  Compared same = compare(base, add("same", logitsOf(kRows, 1)));
  EXPECT_EQ(same.comparison.divergence.value, 0);
  EXPECT_NEAR(same.comparison.difference.value, 0, 1e-9);
}

TEST_F(CompareTest, WhoFailsIsNamed) {
  std::string rows = logitsOf(9, 1);
  std::string good = add("good", rows);
  std::string failing = "echo \"$0: error: no memory\" >&2; exit 1";
  std::string bad = add("bad", rows.substr(0, rows.size() / 2), failing);
  EXPECT_EQ(refusal(good, bad), "failed with exit code 1: no memory");
  EXPECT_EQ(refusal(bad, good),
            "its base '" + bad + "': failed with exit code 1: no memory");
  // Also where it fails after the last row, or before the first.
  EXPECT_EQ(refusal(good, add("late", rows, failing)),
            "failed with exit code 1: no memory");
  EXPECT_EQ(refusal(good, add("early", "", failing)),
            "failed with exit code 1: no memory");
  EXPECT_THAT(refusal(Folder.file("missing"), good),
              HasSubstr("missing': cannot be run: No such file"));
}

TEST_F(CompareTest, WhatDoesNotEndWell) {
  std::string rows = logitsOf(9, 1);
  std::string good = add("good", rows);
  EXPECT_EQ(refusal(good, add("short", rows.substr(0, rows.size() - 1))),
            "its logits end before the last token");
  EXPECT_THAT(refusal(good, add("none", "")), HasSubstr("wrote no logits"));
  EXPECT_THAT(refusal(good, add("other", "PK" + rows)),
              HasSubstr("wrote no logits"));
}

TEST_F(CompareTest, OtherTokensAreRefused) {
  std::string good = add("good", logitsOf(9, 1));
  EXPECT_EQ(refusal(good, add("longer", logitsOf(10, 1))),
            "it cannot be compared with its base, which has 9 scored tokens "
            "where it has 10");
  EXPECT_EQ(refusal(good, add("shifted", logitsOf(9, 1, 1))),
            "it cannot be compared with its base: scored token 0 is 1, in the "
            "base 0");
  std::string outside = add("outside", logitsOf(9, 1, 690));
  EXPECT_THAT(refusal(outside, outside), HasSubstr("not in the vocabulary"));
  std::string broken = add("broken", logitsOf(9, NAN));
  EXPECT_THAT(refusal(good, broken), HasSubstr("not all finite"));
}

} // namespace
} // namespace qzc::evaltool
