//===- ExtractTest.cpp - Stored weights back to safetensors ---------------===//

#include "qzc/Format/Extract.h"

#include "../Support/TempFolder.h"
#include "qzc/Encode/SafetensorsFile.h"
#include "qzc/Format/SafetensorsWriter.h"
#include "qzc/Support/Error.h"

#include <cstring>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

using namespace qzc;
using namespace qzc::format;
using testing::HasSubstr;

namespace {
/// A manifest of f32 tensors whose stored values count up from 0.
struct Stored {
  Manifest manifest;
  std::vector<std::vector<float>> values;

  void add(const std::string &role, int64_t rows, int64_t cols,
           TensorSource source) {
    Tensor tensor;
    tensor.shape = {Scheme::None, DType::F32, rows, cols, 0};
    tensor.role = role;
    tensor.source = std::move(source);
    manifest.tensors.push_back(tensor);
    std::vector<float> data(static_cast<size_t>(rows * cols));
    for (size_t i = 0; i < data.size(); ++i)
      data[i] = static_cast<float>(100 * values.size() + i);
    values.push_back(std::move(data));
  }

  void extract(const std::string &path) const {
    extractDecoded(
        manifest,
        [&](int64_t index) {
          const auto i = static_cast<size_t>(index);
          PackedView view;
          view.shape = manifest.tensors[i].shape;
          view.parts[0] = reinterpret_cast<const std::byte *>(values[i].data());
          return view;
        },
        path);
  }
};
} // namespace

static std::vector<float> read(const std::string &path,
                               const std::string &name) {
  const encode::SafetensorsFile file(path);
  const auto &entry = file.entry(name);
  EXPECT_EQ(entry.dtype, "F32");
  std::vector<float> values(entry.bytes / sizeof(float));
  std::memcpy(values.data(), file.file().data() + entry.offset, entry.bytes);
  return values;
}

TEST(Extract, PlainAndTransposedTensors) {
  test::TempFolder folder;
  Stored stored;
  stored.add("q", 2, 3, {"plain", {2, 3}, DType::F32, false, {}});
  stored.add("k", 3, 2, {"turned", {2, 3}, DType::F32, true, {}});
  stored.add("norm", 1, 3, {"vector", {3}, DType::F32, false, {}});
  stored.extract(folder.file("out"));
  EXPECT_EQ(read(folder.file("out"), "plain"),
            (std::vector<float>{0, 1, 2, 3, 4, 5}));
  EXPECT_EQ(read(folder.file("out"), "turned"),
            (std::vector<float>{100, 102, 104, 101, 103, 105}));
  EXPECT_EQ(read(folder.file("out"), "vector"),
            (std::vector<float>{200, 201, 202}));
}

TEST(Extract, FusedPartsComeTogether) {
  test::TempFolder folder;
  Stored stored;
  // Interleaved ranges, as fused attention of grouped heads has.
  stored.add("q", 2, 2, {"qk", {4, 2}, DType::F32, false, {{0, 1}, {2, 3}}});
  stored.add("k", 2, 2, {"qk", {4, 2}, DType::F32, false, {{1, 2}, {3, 4}}});
  stored.add("up", 1, 2, {"gu", {2, 2}, DType::F32, true, {{0, 1}}});
  stored.add("gate", 1, 2, {"gu", {2, 2}, DType::F32, true, {{1, 2}}});
  stored.add("bias", 1, 2, {"b", {4}, DType::F32, false, {{2, 4}}});
  stored.add("bias", 1, 2, {"b", {4}, DType::F32, false, {{0, 2}}});
  stored.extract(folder.file("out"));
  EXPECT_EQ(read(folder.file("out"), "qk"),
            (std::vector<float>{0, 1, 100, 101, 2, 3, 102, 103}));
  EXPECT_EQ(read(folder.file("out"), "gu"),
            (std::vector<float>{200, 300, 201, 301}));
  EXPECT_EQ(read(folder.file("out"), "b"),
            (std::vector<float>{500, 501, 400, 401}));
}

TEST(Extract, ASecondHeadGetsItsOwnName) {
  test::TempFolder folder;
  Stored stored;
  stored.add("head", 1, 2, {"embed", {1, 2}, DType::F32, false, {}});
  stored.add("embed", 1, 2, {"embed", {1, 2}, DType::F32, false, {}});
  stored.extract(folder.file("out"));
  EXPECT_EQ(read(folder.file("out"), "embed"), (std::vector<float>{100, 101}));
  EXPECT_EQ(read(folder.file("out"), "lm_head.weight"),
            (std::vector<float>{0, 1}));
}

TEST(Extract, ATableStoredAsTheHeadKeepsThatName) {
  test::TempFolder folder;
  Stored stored;
  const char *name = "lm_head.weight";
  stored.add("embed", 1, 2, {name, {1, 2}, DType::F32, false, {}});
  stored.add("head", 1, 2, {name, {1, 2}, DType::F32, false, {}});
  stored.extract(folder.file("out"));
  EXPECT_EQ(read(folder.file("out"), name), (std::vector<float>{100, 101}));
  EXPECT_EQ(read(folder.file("out"), "embed_tokens.weight"),
            (std::vector<float>{0, 1}));
}

TEST(Extract, WhatIsMissingOrDoubleIsNamed) {
  test::TempFolder folder;
  Stored partial;
  partial.add("q", 1, 2, {"qk", {4, 2}, DType::F32, false, {{0, 1}}});
  EXPECT_THAT([&] { partial.extract(folder.file("out")); },
              testing::ThrowsMessage<Error>(HasSubstr("1 of the 4 rows")));
  Stored twice;
  twice.add("q", 1, 2, {"a", {1, 2}, DType::F32, false, {}});
  twice.add("q", 1, 2, {"a", {1, 2}, DType::F32, false, {}});
  EXPECT_THAT([&] { twice.extract(folder.file("out")); },
              testing::ThrowsMessage<Error>(HasSubstr("'a' twice")));
  EXPECT_FALSE(std::filesystem::exists(folder.file("out")));
}

TEST(SafetensorsWriter, AlignsItsData) {
  test::TempFolder folder;
  SafetensorsWriter writer(folder.file("out"), {{"a", {3}}, {"é", {}}});
  const float values[] = {1, 2, 3};
  writer.write(0, 0, values, 3);
  writer.write(1, 0, values + 1, 1);
  writer.commit();
  const encode::SafetensorsFile file(folder.file("out"));
  EXPECT_EQ(file.entry("a").offset % 8, 0u);
  EXPECT_EQ(read(folder.file("out"), "é"), (std::vector<float>{2}));
  EXPECT_THROW(SafetensorsWriter(folder.file("two"), {{"a", {}}, {"a", {}}}),
               Error);
}
