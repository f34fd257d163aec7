//===- WeightSourcesTest.cpp - Reading weights from their files -----------===//

#include "qzc/Encode/WeightSources.h"

#include "../Support/TempFolder.h"
#include "SafetensorsImage.h"
#include "qzc/Format/Schemes/Dense.h"
#include "qzc/Support/Error.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <random>

using namespace qzc;
using namespace qzc::encode;
using namespace qzc::test;
using format::DType;
using format::TensorSource;
using testing::AllOf;
using testing::HasSubstr;

namespace {
class WeightSourcesTest : public testing::Test {
protected:
  void write(const SafetensorsImage &image) {
    Bytes = image.file();
    writeAll(Folder.file("w"), Bytes);
  }
  WeightSources open() const {
    return WeightSources({{Folder.file("w"), Bytes.size(), sha256Hex(Bytes)}});
  }
  static WeightRef ref(const WeightSources &sources, const std::string &name) {
    return {0, sources.file(0).entry(name).offset};
  }

  TempFolder Folder;
  std::string Bytes;
};
} // namespace

/// 0, 1, 2, … as all three types hold them exactly.
static std::string countUp(DType dtype, int64_t count) {
  std::vector<float> floats;
  std::vector<uint16_t> halves;
  for (int64_t i = 0; i < count; ++i) {
    const auto value = static_cast<float>(i % 256);
    floats.push_back(value);
    halves.push_back(dtype == DType::F16 ? format::dense::toF16(value)
                                         : format::dense::toBf16(value));
  }
  return dtype == DType::F32 ? bytesOf(floats) : bytesOf(halves);
}

/// The stored weight by definition: transpose, then choose rows.
static std::vector<float> expected(const TensorSource &source) {
  const bool isVector = source.shape.size() == 1;
  int64_t rows = source.shape[0];
  int64_t cols = isVector ? 1 : source.shape[1];
  const int64_t stride = cols;
  if (source.transposed)
    std::swap(rows, cols);
  auto ranges = source.rows;
  if (ranges.empty())
    ranges = {{0, rows}};
  std::vector<float> values;
  for (const auto &[begin, end] : ranges)
    for (int64_t row = begin; row < end; ++row)
      for (int64_t col = 0; col < cols; ++col)
        values.push_back(static_cast<float>(
            (source.transposed ? col * stride + row : row * stride + col) %
            256));
  return values;
}

TEST_F(WeightSourcesTest, ReadsEveryRangeOfEveryForm) {
  std::mt19937 random(1);
  for (DType dtype : {DType::F32, DType::F16, DType::BF16}) {
    const std::string type = dtype == DType::F32   ? "F32"
                             : dtype == DType::F16 ? "F16"
                                                   : "BF16";
    SafetensorsImage image;
    // One odd byte in front: nothing below is aligned.
    image.add("odd", "U8", {1}, "x");
    image.add("m", type, {37, 21}, countUp(dtype, int64_t{37} * 21));
    image.add("v", type, {50}, countUp(dtype, 50));
    write(image);
    const WeightSources sources = open();
    const std::vector<TensorSource> forms = {
        {"m", {37, 21}, dtype, false, {}},
        {"m", {37, 21}, dtype, true, {}},
        {"m", {37, 21}, dtype, false, {{3, 9}, {20, 37}}},
        {"m", {37, 21}, dtype, true, {{1, 2}, {5, 19}}},
        {"m", {37, 21}, dtype, false, {{30, 37}, {0, 4}}},
        {"v", {50}, dtype, false, {}},
        {"v", {50}, dtype, false, {{7, 9}, {10, 40}}},
    };
    for (const TensorSource &source : forms) {
      const WeightRef where = ref(sources, source.name);
      sources.check(source, where);
      const std::vector<float> all = expected(source);
      for (int round = 0; round < 50; ++round) {
        const size_t begin = random() % all.size();
        const size_t end = begin + 1 + random() % (all.size() - begin);
        std::vector<float> values(end - begin);
        sources.read(source, where, static_cast<int64_t>(begin),
                     static_cast<int64_t>(end), values.data());
        EXPECT_TRUE(
            std::equal(values.begin(), values.end(), all.begin() + begin))
            << type << " " << source.name << " " << begin << " " << end;
      }
    }
  }
}

TEST_F(WeightSourcesTest, ReferencesThatDoNotFitAreNamed) {
  SafetensorsImage image;
  image.add("a", "F32", {2, 3}, std::string(24, 'x'));
  image.add("i", "I64", {1}, std::string(8, 'x'));
  write(image);
  const WeightSources sources = open();
  const WeightRef good = ref(sources, "a");
  const TensorSource source = {"a", {2, 3}, DType::F32, false, {}};
  EXPECT_NO_THROW(sources.check(source, good));
  const auto failure = [&](TensorSource changed, WeightRef where) {
    try {
      sources.check(changed, where);
    } catch (const Error &error) {
      return std::string(error.what());
    }
    return std::string();
  };
  EXPECT_THAT(failure({"b", {2, 3}, DType::F32, false, {}}, good),
              AllOf(HasSubstr("'b'"), HasSubstr("missing")));
  EXPECT_THAT(failure({"a", {3, 2}, DType::F32, false, {}}, good),
              AllOf(HasSubstr("[2, 3]"), HasSubstr("[3, 2]")));
  EXPECT_THAT(failure({"a", {2, 3}, DType::F16, false, {}}, good),
              AllOf(HasSubstr("F32"), HasSubstr("f16")));
  EXPECT_THAT(failure(source, {0, good.offset + 4}), HasSubstr("byte"));
  EXPECT_THAT(failure(source, {1, good.offset}), HasSubstr("unknown file"));
  EXPECT_THAT(failure({"i", {1}, DType::F32, false, {}}, ref(sources, "i")),
              HasSubstr("I64"));
}

TEST_F(WeightSourcesTest, AChangedFileIsNoticed) {
  SafetensorsImage image;
  image.add("a", "F32", {2, 3}, std::string(24, 'x'));
  write(image);
  const WeightSources sound = open();
  EXPECT_NO_THROW(sound.checkContents(0));
  std::string changed = Bytes;
  changed.back() = 'y';
  writeAll(Folder.file("w"), changed);
  EXPECT_THAT(
      [&] { open().checkContents(0); },
      testing::ThrowsMessage<Error>(
          AllOf(HasSubstr("has changed since"), HasSubstr(Folder.file("w")))));
  writeAll(Folder.file("w"), changed + "z");
  EXPECT_THAT([&] { open(); },
              testing::ThrowsMessage<Error>(HasSubstr("but had")));
}

TEST(SourcePosition, IsThatOfTheSource) {
  EXPECT_EQ(sourcePosition({"m", {4, 3}, DType::F32, false, {}}, 5), "[1, 2]");
  EXPECT_EQ(sourcePosition({"m", {4, 3}, DType::F32, true, {}}, 5), "[1, 1]");
  EXPECT_EQ(sourcePosition({"m", {4, 3}, DType::F32, false, {{2, 4}}}, 5),
            "[3, 2]");
  EXPECT_EQ(sourcePosition({"v", {9}, DType::F32, false, {{4, 9}}}, 2), "[6]");
}
