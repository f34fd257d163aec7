//===- SchemeTest.cpp - Layouts of the schemes ----------------------------===//

#include "qzc/Format/Scheme.h"

#include <cmath>
#include <gtest/gtest.h>
#include <limits>
#include <random>

using namespace qzc::format;

static PackedShape shapeOf(Scheme scheme, int64_t rows, int64_t cols,
                           int64_t block = 0, DType dtype = DType::F32) {
  return {scheme, dtype, rows, cols, block};
}

static PackedShape doubled(PackedShape shape) {
  shape.scales = ScaleCodec::Double;
  return shape;
}

TEST(Scheme, NamesParseBack) {
#define QZC_SCHEME(Enumerator, ...)                                            \
  EXPECT_EQ(parseScheme(name(Scheme::Enumerator)), Scheme::Enumerator);
#include "qzc/Format/Schemes.def"
  for (DType dtype : {DType::F32, DType::F16, DType::BF16})
    EXPECT_EQ(parseDType(name(dtype)), dtype);
  EXPECT_FALSE(parseScheme("nf5"));
  EXPECT_FALSE(parseDType("f64"));
}

TEST(Scheme, StoragesParseBack) {
  for (const char *text : {"none", "bf16", "int8", "nf4/64", "fp4/4096 double",
                           "int4/128 asym", "int3/32", "q4_k"}) {
    const auto spec = parseStorage(text);
    ASSERT_TRUE(spec) << text;
    EXPECT_EQ(describeStorage(*spec), text);
  }
  EXPECT_EQ(describeStorage(*parseStorage("nf4")), "nf4/64");
  EXPECT_EQ(describeStorage(*parseStorage("int4 asym")), "int4/64 asym");
  EXPECT_EQ(describeStorage(*parseStorage("f16")), "f16");
  // What fits no scheme is a shape's to refuse.
  EXPECT_EQ(parseStorage("q4_0/48 double")->blockSize, 48);
  for (const char *text :
       {"", "nf5", "nf4/", "nf4/x", "nf4/64x", "nf4/-64", "nf4/0", "nf4 ",
        "nf4 triple", "nf4  double", " nf4", "double", "/64",
        "nf4/99999999999999999999", "NF4", "none/64 double double"})
    EXPECT_FALSE(parseStorage(text)) << text;
}

TEST(Scheme, LayoutOfPlanes) {
  // Two chunks of 32; units of 128 (5 and 3 bits) and 64 (6 bits).
  const auto bytes = [](Scheme scheme, int64_t cols, size_t part,
                        int64_t block = 0,
                        ScaleCodec scales = ScaleCodec::Plain) {
    const PackedShape shape = {scheme, DType::F32, 1, cols, block, scales};
    EXPECT_FALSE(checkShape(shape)) << describeStorage(shape);
    return layout(shape)[part].bytes;
  };
  EXPECT_EQ(bytes(Scheme::Q4_1, 64, 0), 32u);
  EXPECT_EQ(bytes(Scheme::Q4_1, 64, 1), 8u);
  EXPECT_EQ(bytes(Scheme::Q5_0, 64, 0), 80u);
  EXPECT_EQ(bytes(Scheme::Q5_0, 160, 0), 160u);
  EXPECT_EQ(bytes(Scheme::Q5_0, 64, 1), 4u);
  EXPECT_EQ(bytes(Scheme::Q4_K, 512, 0), 256u);
  EXPECT_EQ(bytes(Scheme::Q4_K, 512, 1), 32u);
  EXPECT_EQ(bytes(Scheme::Q5_K, 256, 0), 160u);
  EXPECT_EQ(bytes(Scheme::Q6_K, 256, 0), 192u);
  EXPECT_EQ(bytes(Scheme::Q6_K, 256, 1), 18u);
  EXPECT_EQ(bytes(Scheme::Int3, 128, 0, 64), 48u);
  EXPECT_EQ(bytes(Scheme::Int3, 128, 1, 64), 4u);
  EXPECT_EQ(bytes(Scheme::Int4, 128, 1, 32, ScaleCodec::Asym), 16u);
  // All that ggml's blocks hold, and no more.
  EXPECT_EQ(storedBytes(shapeOf(Scheme::Q4_K, 4, 1024)), 16 * 144u);
  EXPECT_EQ(storedBytes(shapeOf(Scheme::Q5_K, 4, 1024)), 16 * 176u);
  EXPECT_EQ(storedBytes(shapeOf(Scheme::Q6_K, 4, 1024)), 16 * 210u);
  EXPECT_EQ(storedBytes(shapeOf(Scheme::Q5_0, 4, 1024)), 128 * 22u);
  EXPECT_EQ(storedBytes(shapeOf(Scheme::Q5_1, 4, 1024)), 128 * 24u);
}

TEST(Scheme, PlanesTakeWholeBlocksAlone) {
  EXPECT_TRUE(checkShape(shapeOf(Scheme::Q4_1, 2, 48)));
  EXPECT_TRUE(checkShape(shapeOf(Scheme::Q4_K, 2, 128)));
  EXPECT_TRUE(checkShape(shapeOf(Scheme::Q4_K, 2, 256, 64)));
  EXPECT_TRUE(checkShape(shapeOf(Scheme::Int4, 2, 256, 48)));
  EXPECT_TRUE(checkShape(shapeOf(Scheme::Int4, 2, 96, 64)));
  EXPECT_TRUE(checkShape(doubled(shapeOf(Scheme::Int4, 2, 128, 64))));
  PackedShape asym = shapeOf(Scheme::Nf4, 2, 128, 64);
  asym.scales = ScaleCodec::Asym;
  EXPECT_TRUE(checkShape(asym));
}

TEST(Scheme, LayoutOfNone) {
  const auto parts = layout(shapeOf(Scheme::None, 3, 5, 0, DType::BF16));
  ASSERT_EQ(parts.size(), 1u);
  EXPECT_EQ(parts[0].name, "data");
  EXPECT_EQ(parts[0].bytes, 30u);
  EXPECT_EQ(paddedBytes(shapeOf(Scheme::None, 3, 5)), 256u);
}

TEST(Scheme, LayoutOfInt8) {
  const PackedShape shape = shapeOf(Scheme::Int8, 3, 100);
  const auto parts = layout(shape);
  ASSERT_EQ(parts.size(), 2u);
  EXPECT_EQ(parts[0].bytes, 300u);
  EXPECT_EQ(parts[1].offset, 512u);
  EXPECT_EQ(parts[1].bytes, 12u);
  EXPECT_EQ(storedBytes(shape), 312u);
  EXPECT_EQ(paddedBytes(shape), 768u);
}

TEST(Scheme, LayoutOfNf4PadsTheLastBlock) {
  const PackedShape shape = shapeOf(Scheme::Nf4, 3, 43, 64); // 129 elements
  const auto parts = layout(shape);
  ASSERT_EQ(parts.size(), 2u);
  EXPECT_EQ(parts[0].bytes, 96u);
  EXPECT_EQ(parts[1].offset, 256u);
  EXPECT_EQ(parts[1].bytes, 12u);
}

TEST(Scheme, LayoutOfGgmlsSchemes) {
  const auto eight = layout(shapeOf(Scheme::Q8_0, 3, 96));
  ASSERT_EQ(eight.size(), 2u);
  EXPECT_EQ(eight[0].bytes, 288u);
  EXPECT_EQ(eight[1].bytes, 18u);
  const auto four = layout(shapeOf(Scheme::Q4_0, 3, 96));
  ASSERT_EQ(four.size(), 2u);
  EXPECT_EQ(four[0].bytes, 144u);
  EXPECT_EQ(four[1].bytes, 18u);
  // 34 and 18 bytes a block, as in ggml's.
  EXPECT_EQ(storedBytes(shapeOf(Scheme::Q8_0, 64, 64)), 128u * 34);
  EXPECT_EQ(storedBytes(shapeOf(Scheme::Q4_0, 64, 64)), 128u * 18);
}

TEST(Scheme, LayoutOfDoubleQuantization) {
  // 600 scales: two groups of 256, and 88 in a third.
  const auto parts = layout(doubled(shapeOf(Scheme::Fp4, 100, 384, 64)));
  ASSERT_EQ(parts.size(), 2u);
  EXPECT_EQ(parts[0].bytes, 100u * 384 / 2);
  EXPECT_EQ(parts[1].bytes, 2u * 264 + 8 + 88);
  EXPECT_EQ(layout(doubled(shapeOf(Scheme::Nf4, 1, 1, 64)))[1].bytes, 9u);
  EXPECT_EQ(layout(doubled(shapeOf(Scheme::Nf4, 512, 32, 64)))[1].bytes, 264u);
}

TEST(Scheme, StorageIsDescribedAndCompared) {
  const PackedShape bf16 = shapeOf(Scheme::None, 2, 3, 0, DType::BF16);
  const PackedShape nf4 = shapeOf(Scheme::Nf4, 2, 3, 64);
  EXPECT_EQ(describeStorage(bf16), "bf16");
  EXPECT_EQ(describeStorage(shapeOf(Scheme::Q8_0, 2, 32)), "q8_0");
  EXPECT_EQ(describeStorage(nf4), "nf4/64");
  EXPECT_EQ(describeStorage(doubled(nf4)), "nf4/64 double");
  EXPECT_TRUE(storedAlike(nf4, shapeOf(Scheme::Nf4, 7, 9, 64, DType::BF16)));
  EXPECT_FALSE(storedAlike(nf4, doubled(nf4)));
  EXPECT_FALSE(storedAlike(nf4, shapeOf(Scheme::Nf4, 2, 3, 32)));
  EXPECT_FALSE(storedAlike(nf4, shapeOf(Scheme::Fp4, 2, 3, 64)));
  EXPECT_FALSE(storedAlike(bf16, shapeOf(Scheme::None, 2, 3)));
}

TEST(Scheme, ShapesAreChecked) {
  EXPECT_FALSE(checkShape(shapeOf(Scheme::Nf4, 2, 3, 4096)));
  EXPECT_FALSE(checkShape(doubled(shapeOf(Scheme::Fp4, 2, 3, 32))));
  for (Scheme scheme : {Scheme::Q8_0, Scheme::Q4_0}) {
    EXPECT_FALSE(checkShape(shapeOf(scheme, 3, 64)));
    EXPECT_TRUE(checkShape(shapeOf(scheme, 64, 33)));
    EXPECT_TRUE(checkShape(shapeOf(scheme, 64, 16)));
    EXPECT_TRUE(checkShape(shapeOf(scheme, 64, 64, 32)));
    EXPECT_TRUE(checkShape(doubled(shapeOf(scheme, 64, 64))));
  }
  EXPECT_TRUE(checkShape(doubled(shapeOf(Scheme::Int8, 2, 3))));
  EXPECT_TRUE(checkShape(doubled(shapeOf(Scheme::None, 2, 3))));
  EXPECT_FALSE(checkShape(shapeOf(Scheme::Int8, 2, 3)));
  for (int64_t block : {0, 16, 48, 8192, -64})
    EXPECT_TRUE(checkShape(shapeOf(Scheme::Nf4, 2, 3, block))) << block;
  EXPECT_TRUE(checkShape(shapeOf(Scheme::Int8, 2, 3, 64)));
  EXPECT_TRUE(checkShape(shapeOf(Scheme::None, 0, 3)));
  EXPECT_TRUE(checkShape(shapeOf(Scheme::None, 3, -1)));
  constexpr int64_t kHuge = std::numeric_limits<int64_t>::max();
  EXPECT_TRUE(checkShape(shapeOf(Scheme::None, kHuge, kHuge)));
  EXPECT_TRUE(
      checkShape(shapeOf(Scheme::None, int64_t{1} << 31, int64_t{1} << 31)));
  EXPECT_TRUE(checkShape(shapeOf(static_cast<Scheme>(77), 2, 3)));
  const PackedShape largest =
      shapeOf(Scheme::None, int64_t{1} << 29, int64_t{1} << 30);
  EXPECT_FALSE(checkShape(largest));
  EXPECT_GT(paddedBytes(largest), uint64_t{1} << 60);
}

/// Encodes, then decodes all rows at once and one by one.
static std::vector<float> roundTrip(const PackedShape &shape,
                                    const std::vector<float> &values,
                                    float &largest) {
  std::vector<std::byte> bytes(paddedBytes(shape));
  std::byte *parts[4] = {};
  PackedView view;
  view.shape = shape;
  size_t index = 0;
  for (const PartLayout &part : layout(shape)) {
    parts[index] = bytes.data() + part.offset;
    view.parts[index++] = bytes.data() + part.offset;
  }
  const int64_t count = shape.rows * shape.cols;
  largest = encodeElements(shape, values.data(), count, parts);
  std::vector<float> whole(values.size());
  std::vector<float> byRow(values.size());
  decodeRows(view, 0, shape.rows, whole.data());
  for (int64_t row = 0; row < shape.rows; ++row)
    decodeRows(view, row, row + 1, byRow.data() + row * shape.cols);
  EXPECT_EQ(whole, byRow);
  return whole;
}

TEST(Scheme, DecodedErrorsStayWithinTheSchemesBounds) {
  std::mt19937 random(7);
  std::normal_distribution<float> normal(0, 1);
  for (auto [rows, cols] :
       {std::pair<int64_t, int64_t>{7, 31}, {1, 1}, {5, 64}, {2, 333}}) {
    std::vector<float> values(static_cast<size_t>(rows * cols));
    float absmax = 0;
    for (float &value : values) {
      value = normal(random);
      absmax = std::max(absmax, std::fabs(value));
    }
    float largest = 0;
    EXPECT_EQ(roundTrip(shapeOf(Scheme::None, rows, cols), values, largest),
              values);
    EXPECT_EQ(largest, absmax);
    const auto check = [&](const PackedShape &shape, float bound) {
      const std::vector<float> decoded = roundTrip(shape, values, largest);
      float largestDecoded = 0;
      for (size_t i = 0; i < values.size(); ++i) {
        EXPECT_LE(std::fabs(decoded[i] - values[i]), bound * absmax);
        largestDecoded = std::max(largestDecoded, std::fabs(decoded[i]));
      }
      EXPECT_EQ(largest, largestDecoded);
    };
    // Half of a step of 1/127; half of nf4's widest gap, 1 - 0.6962.
    check(shapeOf(Scheme::Int8, rows, cols), 0.5f / 127 + 1e-6f);
    check(shapeOf(Scheme::Nf4, rows, cols, 64), 0.152f);
    check(shapeOf(Scheme::Nf4, rows, cols, 4096), 0.152f);
    // Half of fp4's widest gap, 1 - 2/3.
    check(shapeOf(Scheme::Fp4, rows, cols, 64), 0.1667f);
  }
}

TEST(Scheme, GgmlsErrorsStayWithinTheirBounds) {
  std::mt19937 random(8);
  std::normal_distribution<float> normal(0, 1);
  std::vector<float> values(5 * 96);
  float absmax = 0;
  for (float &value : values) {
    value = normal(random);
    absmax = std::max(absmax, std::fabs(value));
  }
  // Half a step, and the scale's own rounding to 11 bits. q4_0 reaches from -8
  // to 7 steps: at the far end a whole one.
  for (auto [scheme, bound] : {std::pair(Scheme::Q8_0, 0.5f / 127 + 5e-4f),
                               {Scheme::Q4_0, 1.0f / 8 + 5e-4f}}) {
    float largest = 0;
    const std::vector<float> decoded =
        roundTrip(shapeOf(scheme, 5, 96), values, largest);
    for (size_t i = 0; i < values.size(); ++i)
      EXPECT_LE(std::fabs(decoded[i] - values[i]), bound * absmax);
    EXPECT_NEAR(largest, absmax, 1e-3f * absmax);
  }
}

TEST(Scheme, ZerosStayZeros) {
  const std::vector<float> zeros(130, 0.0f);
  float largest = 1;
  EXPECT_EQ(roundTrip(shapeOf(Scheme::Nf4, 2, 65, 64), zeros, largest), zeros);
  EXPECT_EQ(largest, 0);
  EXPECT_EQ(roundTrip(shapeOf(Scheme::Fp4, 2, 65, 64), zeros, largest), zeros);
  EXPECT_EQ(roundTrip(shapeOf(Scheme::Int8, 2, 65), zeros, largest), zeros);
  EXPECT_EQ(largest, 0);
  const std::vector<float> whole(128, 0.0f);
  EXPECT_EQ(roundTrip(shapeOf(Scheme::Q8_0, 2, 64), whole, largest), whole);
  EXPECT_EQ(roundTrip(shapeOf(Scheme::Q4_0, 2, 64), whole, largest), whole);
  EXPECT_EQ(largest, 0);
}

TEST(Scheme, OverflowOfTheStoredTypeIsReported) {
  float largest = 0;
  roundTrip(shapeOf(Scheme::None, 1, 2, 0, DType::F16), {1.0f, -70000.0f},
            largest);
  EXPECT_TRUE(std::isinf(largest));
  roundTrip(shapeOf(Scheme::None, 1, 2, 0, DType::F16), {1.0f, -65504.0f},
            largest);
  EXPECT_EQ(largest, 65504.0f);
}
