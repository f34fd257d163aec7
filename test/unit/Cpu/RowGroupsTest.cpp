//===- RowGroupsTest.cpp - Weights with rows side by side -----------------===//

#include "RowGroups.h"

#include "WeightsFixture.h"

using namespace qzc;
using namespace qzc::runtime;
using namespace qzc::runtime::cpu;
using namespace qzc::runtime::test;

namespace {

/// A weight and its copy in groups of rows.
struct Grouped {
  Grouped(const KernelTable &kernels, const format::PackedShape &shape,
          const format::PackedView &weight)
      : Memory(groupedBytes(shape)) {
    const int64_t groups = (shape.rows + kGroupRows - 1) / kGroupRows;
    groupRows(weight, kernels, 0, groups / 2, Memory.data());
    groupRows(weight, kernels, groups / 2, groups, Memory.data());
    View = {shape, Memory.data()};
  }
  std::vector<std::byte> Memory;
  GroupedView View;
};

/// Of every storage that may be grouped: rows that fill their groups or not, of
/// one strip of activations or several.
std::vector<format::PackedShape> groupedShapes(const KernelTable &kernels) {
  using format::DType;
  using format::ScaleCodec;
  using format::Scheme;
  std::vector<std::pair<int64_t, int64_t>> extents = {
      {16, 32},  {16, 256},  {17, 64},  {40, 576},
      {33, 128}, {31, 1536}, {19, 4352}};
  std::mt19937 random(77);
  for (int i = 0; i != 6; ++i) {
    const int64_t rows = 16 + random() % 90;
    extents.emplace_back(rows, 32 * (1 + random() % 150));
  }
  std::vector<format::PackedShape> shapes;
  for (auto [rows, cols] : extents) {
    shapes.push_back(shapeOf(rows, cols, Scheme::Q4_0, 0, DType::F32));
    for (Scheme scheme : {Scheme::Q4_1, Scheme::Q5_0, Scheme::Q5_1})
      shapes.push_back(shapeOf(rows, cols, scheme, 0, DType::F32));
    if (kernels.groupsBytes)
      shapes.push_back(shapeOf(rows, cols, Scheme::Q8_0, 0, DType::F32));
    if (cols % 256 == 0)
      for (Scheme scheme :
           {Scheme::Ternary, Scheme::Q4_K, Scheme::Q5_K, Scheme::Q6_K})
        shapes.push_back(shapeOf(rows, cols, scheme, 0, DType::F32));
    for (Scheme scheme :
         {Scheme::Int2, Scheme::Int3, Scheme::Int4, Scheme::Int8g})
      for (int64_t block : {32, 64, 128})
        for (ScaleCodec scales : {ScaleCodec::Plain, ScaleCodec::Asym})
          if (cols % block == 0 &&
              (kernels.groupsBytes || scheme != Scheme::Int8g))
            shapes.push_back(
                shapeOf(rows, cols, scheme, block, DType::F32, scales));
    for (Scheme scheme : {Scheme::Nf4, Scheme::Fp4})
      for (int64_t block : {32, 64, 256})
        for (ScaleCodec scales : {ScaleCodec::Plain, ScaleCodec::Double})
          if (cols % block == 0)
            shapes.push_back(
                shapeOf(rows, cols, scheme, block, DType::F32, scales));
  }
  return shapes;
}

std::vector<float> matVec(const KernelTable &kernels, const GroupedView &weight,
                          const std::vector<float> &x) {
  std::vector<float> y(weight.shape.rows, -1);
  kernels.matVecGroups(weight, 0, weight.shape.rows,
                       &Arranged(kernels, weight.shape, x, true).get(), 1,
                       y.data(), 0);
  return y;
}

TEST_P(KernelsTest, OnlyWhatHasAScaleForWholeChunksOfARowIsGrouped) {
  using format::DType;
  using format::Scheme;
  for (const format::PackedShape &shape : groupedShapes(kernels()))
    EXPECT_TRUE(canGroupRows(shape, kernels())) << nameOf(shape);
  for (const format::PackedShape &shape :
       {shapeOf(15, 64, Scheme::Q4_0, 0, DType::F32),
        shapeOf(16, 96, Scheme::Int4, 64, DType::F32),
        shapeOf(16, 96, Scheme::Int2, 64, DType::F32, format::ScaleCodec::Asym),
        shapeOf(16, 320, Scheme::Ternary, 0, DType::F32),
        shapeOf(15, 256, Scheme::Q6_K, 0, DType::F32),
        shapeOf(16, 64, Scheme::Int8, 0, DType::F32),
        shapeOf(16, 64, Scheme::Fp8, 0, DType::F32),
        shapeOf(16, 96, Scheme::Nf4, 64, DType::F32),
        shapeOf(16, 48, Scheme::Fp4, 32, DType::F32),
        shapeOf(16, 64, Scheme::None, 0, DType::F32)})
    EXPECT_FALSE(canGroupRows(shape, kernels())) << nameOf(shape);
  EXPECT_EQ(
      canGroupRows(shapeOf(16, 64, Scheme::Q8_0, 0, DType::F32), kernels()),
      kernels().groupsBytes);
}

TEST_P(KernelsTest, GroupsAgreeWithDouble) {
  for (const format::PackedShape &shape : groupedShapes(kernels())) {
    SCOPED_TRACE(nameOf(shape));
    const RandomWeight weight = randomWeight(Random, shape, 1);
    const Grouped grouped(kernels(), shape, weight.view());
    std::vector<float> x = randomFloats(Random, shape.cols);
    const std::vector<float> y = matVec(kernels(), grouped.View, x);
    for (int64_t row = 0; row < shape.rows; ++row) {
      const auto [sum, magnitude] = exactDot(weight, row, x);
      EXPECT_NEAR(y[row], sum, 1e-6 * magnitude) << "row " << row;
    }
    // What is not finite is not hidden.
    for (float odd : {INFINITY, -INFINITY, NAN}) {
      x[shape.cols - 1] = odd;
      for (float value : matVec(kernels(), grouped.View, x))
        EXPECT_FALSE(std::isfinite(value));
    }
  }
}

TEST_P(KernelsTest, GroupsOfActivationsOfEverySize) {
  for (const format::PackedShape &shape : groupedShapes(kernels())) {
    SCOPED_TRACE(nameOf(shape));
    const RandomWeight weight = randomWeight(Random, shape, 1);
    const Grouped grouped(kernels(), shape, weight.view());
    // Each its own power of two; stretches that are very small or 0.
    std::vector<float> x = randomFloats(Random, shape.cols);
    for (int64_t col = 0; col < shape.cols; ++col)
      x[col] = col / 64 % 5 == 2
                   ? 0
                   : std::ldexp(x[col], static_cast<int>(Random() % 5) -
                                            (col / 64 % 3 == 1 ? 60 : 0) -
                                            (col / 64 % 7 == 3 ? 140 : 0));
    x[shape.cols / 2] = -1.99999f * 4096;
    // Products with the entries of a book are at most 2^-24 of the largest off,
    // integers 2^-24 of the largest activation.
    double rounding = 0;
    for (int64_t first = 0; first < shape.cols; first += 64) {
      float most = 0;
      const int64_t end = std::min(first + 64, shape.cols);
      for (int64_t col = first; col < end; ++col)
        most = std::max(most, std::abs(x[col]));
      rounding += std::ldexp(most, -23) * static_cast<double>(end - first);
    }
    const std::vector<float> y = matVec(kernels(), grouped.View, x);
    for (int64_t row = 0; row < shape.rows; ++row) {
      const auto [sum, magnitude] = exactDot(weight, row, x);
      float largest = 0;
      for (int64_t col = 0; col < shape.cols; ++col)
        largest =
            std::max(largest, std::abs(weight.values[row * shape.cols + col]));
      EXPECT_NEAR(y[row], sum, 1e-6 * magnitude + rounding * largest)
          << "row " << row;
    }
  }
}

/// The largest sums of a chunk: its integers are ±127 · 2^16, all bits of its
/// codes 0 or 1.
TEST_P(KernelsTest, NoSumOfAGroupOverflows) {
  // 1 as f16; those of k-quants have two, then small bytes, or bytes and one.
  const std::vector<uint16_t> ones(1 << 12, 0x3c00);
  std::vector<uint16_t> records(1 << 12, 0x0101);
  for (size_t i = 0; i != records.size(); i += 8)
    records[i] = records[i + 1] = 0x3c00;
  std::vector<uint16_t> q6Records(1 << 12, 0x0101);
  for (size_t i = 8; i < q6Records.size(); i += 9)
    q6Records[i] = 0x3c00;
  for (const format::PackedShape &shape : groupedShapes(kernels())) {
    if (shape.rows != kGroupRows || hasCodeBook(shape))
      continue;
    SCOPED_TRACE(nameOf(shape));
    for (int bits : {0x00, 0xff}) {
      const std::vector<std::byte> codes(format::paddedBytes(shape),
                                         static_cast<std::byte>(bits));
      format::PackedView weight;
      weight.shape = shape;
      weight.parts[0] = codes.data();
      weight.parts[1] = reinterpret_cast<const std::byte *>(
          (shape.scheme == format::Scheme::Q6_K ? q6Records
           : hasSixBitScales(shape)             ? records
                                                : ones)
              .data());
      std::vector<float> values(shape.cols);
      format::decodeRows(weight, 0, 1, values.data());
      const Grouped grouped(kernels(), shape, weight);
      for (float most : {127.0f / 128, -127.0f / 128}) {
        const std::vector<float> x(shape.cols, most);
        float want = 0;
        for (float value : values)
          want += value * most;
        for (float value : matVec(kernels(), grouped.View, x))
          EXPECT_EQ(value, want);
      }
    }
  }
}

TEST_P(KernelsTest, ARowOfAGroupDependsOnNothingElse) {
  for (const format::PackedShape &shape : groupedShapes(kernels())) {
    SCOPED_TRACE(nameOf(shape));
    const Grouped grouped(kernels(), shape,
                          randomWeight(Random, shape, 1).view());
    const std::vector<float> x[2] = {randomFloats(Random, shape.cols, 10),
                                     randomFloats(Random, shape.cols)};
    const Arranged arranged[2] = {{kernels(), shape, x[0], true},
                                  {kernels(), shape, x[1], true}};
    const Activations both[2] = {arranged[0].get(), arranged[1].get()};
    const std::vector<float> alone[2] = {matVec(kernels(), grouped.View, x[0]),
                                         matVec(kernels(), grouped.View, x[1])};
    const int64_t begin = Random() % (shape.rows - 1);
    const int64_t end = begin + 1 + Random() % (shape.rows - begin);
    const int64_t stride = end - begin + 3;
    std::vector<float> together(2 * stride, -1);
    kernels().matVecGroups(grouped.View, begin, end, both, 2, together.data(),
                           stride);
    for (int column = 0; column < 2; ++column) {
      for (int64_t row = begin; row < end; ++row)
        EXPECT_EQ(together[column * stride + row - begin], alone[column][row]);
      for (int64_t i = end - begin; i < stride; ++i)
        EXPECT_EQ(together[column * stride + i], -1);
    }
  }
}

TEST(KernelsForTest, VnniChangesNoBitOfGroups) {
  const std::vector<const KernelTable *> &tables = supportedKernels();
  if (tables.empty() || std::string(tables[0]->name) != "AVX-512 VNNI")
    GTEST_SKIP() << "this CPU has no VNNI";
  std::mt19937 random(4321);
  for (const format::PackedShape &shape : groupedShapes(*tables[1])) {
    const Grouped grouped(*tables[1], shape,
                          randomWeight(random, shape, 1).view());
    const std::vector<float> x = randomFloats(random, shape.cols);
    EXPECT_EQ(matVec(*tables[0], grouped.View, x),
              matVec(*tables[1], grouped.View, x))
        << nameOf(shape);
  }
}

TEST_P(KernelsTest, PanelsOfGroupsAreDecodedExactly) {
  for (const format::PackedShape &shape : groupedShapes(kernels())) {
    SCOPED_TRACE(nameOf(shape));
    const RandomWeight weight = randomWeight(Random, shape, 1);
    const Grouped grouped(kernels(), shape, weight.view());
    for (int64_t first : {int64_t{0}, shape.rows / 3})
      for (int64_t begin = 0; begin < shape.cols; begin += 96) {
        const int64_t cols = std::min<int64_t>(96, shape.cols - begin);
        const int64_t rows = std::min(kPanel, shape.rows - first);
        std::vector<float> packed(cols * kPanel, -1);
        kernels().packPanelGroups(grouped.View, first, rows, begin, cols,
                                  packed.data());
        expectPanel(packed, weight, first, begin, cols);
      }
  }
}

} // namespace
