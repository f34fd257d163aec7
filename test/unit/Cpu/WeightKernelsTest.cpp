//===- WeightKernelsTest.cpp - The kernels that read weights --------------===//

#include "WeightsFixture.h"

#include "qzc/Format/Schemes/Dense.h"
#include "qzc/Format/Schemes/Fp8.h"

using namespace qzc;
using namespace qzc::runtime;
using namespace qzc::runtime::cpu;
using namespace qzc::runtime::test;

namespace {

/// Every scheme and element type on shapes with odd tails, with rows that
/// cross blocks, and on the shapes of real layers.
std::vector<format::PackedShape> weightShapes() {
  using format::DType;
  using format::Scheme;
  std::vector<format::PackedShape> shapes;
  std::vector<std::pair<int64_t, int64_t>> extents = {
      {1, 1},
      {3, 7},
      {5, 33},
      {37, 96},
      {33, 100},
      {64, 64},
      {40, 576},
      {31, 515},
      {9, 1536},
      {70, 160},
      {5, 2208},
      // Long rows, some side by side, and such as end within a vector.
      {9, 4352},
      {5, 4128},
      // Rows that are read as one, of which the tensor ends with some.
      {7, 576},
      {3, 1088}};
  // Rows of whole chunks, as many as there may be.
  std::mt19937 random(99);
  for (int i = 0; i != 5; ++i) {
    const int64_t rows = 1 + random() % 9;
    extents.emplace_back(rows, 32 * (1 + random() % 150));
  }
  for (auto [rows, cols] : extents) {
    for (DType dtype : {DType::F32, DType::F16, DType::BF16})
      shapes.push_back(shapeOf(rows, cols, Scheme::None, 0, dtype));
    for (auto scales : {format::ScaleCodec::Plain, format::ScaleCodec::Absmax})
      shapes.push_back(
          shapeOf(rows, cols, Scheme::Int8, 0, DType::F32, scales));
    if (cols % 32 == 0)
      for (Scheme scheme : {Scheme::Q8_0, Scheme::Q4_0})
        shapes.push_back(shapeOf(rows, cols, scheme, 0, DType::F32));
    for (Scheme scheme : {Scheme::Fp4, Scheme::Nf4})
      for (int64_t block : {32, 64, 4096})
        for (auto scales :
             {format::ScaleCodec::Plain, format::ScaleCodec::Double})
          shapes.push_back(
              shapeOf(rows, cols, scheme, block, DType::F32, scales));
    for (format::PackedShape shape : qzc::test::planarShapes(cols)) {
      shape.rows = rows;
      shapes.push_back(shape);
    }
  }
  return shapes;
}

std::vector<float> matVec(const KernelTable &kernels,
                          const RandomWeight &weight,
                          const std::vector<float> &x) {
  std::vector<float> y(weight.shape.rows, -1);
  kernels.matVec(weight.view(), 0, weight.shape.rows,
                 &Arranged(kernels, weight.shape, x).get(), 1, y.data(), 0);
  return y;
}

TEST_P(KernelsTest, MatVecAgreesWithDouble) {
  for (const format::PackedShape &shape : weightShapes()) {
    SCOPED_TRACE(nameOf(shape));
    const RandomWeight weight = randomWeight(Random, shape, 1);
    const std::vector<float> x = randomFloats(Random, shape.cols);
    const std::vector<float> y = matVec(kernels(), weight, x);
    for (int64_t row = 0; row < shape.rows; ++row) {
      const auto [sum, magnitude] = exactDot(weight, row, x);
      EXPECT_NEAR(y[row], sum, 1e-6 * magnitude) << "row " << row;
    }
  }
}

TEST_P(KernelsTest, ARowsResultDependsOnNothingElse) {
  for (const format::PackedShape &shape : weightShapes()) {
    SCOPED_TRACE(nameOf(shape));
    const RandomWeight weight = randomWeight(Random, shape, 1);
    const std::vector<float> x[3] = {randomFloats(Random, shape.cols, 10),
                                     randomFloats(Random, shape.cols),
                                     randomFloats(Random, shape.cols, 0.1f)};
    const Arranged arranged[3] = {{kernels(), shape, x[0]},
                                  {kernels(), shape, x[1]},
                                  {kernels(), shape, x[2]}};
    const Activations all[3] = {arranged[0].get(), arranged[1].get(),
                                arranged[2].get()};
    const int64_t middle = shape.rows / 2;
    const int64_t rows = shape.rows - middle;
    const int64_t stride = rows + 3;
    std::vector<float> together(3 * stride);
    kernels().matVec(weight.view(), middle, shape.rows, all, 3, together.data(),
                     stride);
    for (int column = 0; column < 3; ++column) {
      const std::vector<float> alone = matVec(kernels(), weight, x[column]);
      for (int64_t row = 0; row < rows; ++row)
        EXPECT_EQ(together[column * stride + row], alone[middle + row]);
    }
  }
}

TEST_P(KernelsTest, MatVecOfActivationsOfEverySize) {
  for (const format::PackedShape &shape : weightShapes()) {
    SCOPED_TRACE(nameOf(shape));
    const RandomWeight weight = randomWeight(Random, shape, 1);
    // Each its own power of two; whole stretches that are very small or 0; and
    // one that is far larger than its neighbours.
    std::vector<float> x = randomFloats(Random, shape.cols);
    for (int64_t col = 0; col < shape.cols; ++col)
      x[col] = std::ldexp(x[col], static_cast<int>(Random() % 5) -
                                      (col / 64 % 3 == 1 ? 60 : 0));
    for (int64_t col = 128; col < shape.cols && col < 160; ++col)
      x[col] = 0;
    x[shape.cols / 2] = -1.99999f * 4096;
    // Integers are at most 2^-24 of a chunk's largest activation off.
    std::vector<float> steps(x.size());
    for (size_t col = 0; col < x.size(); ++col) {
      float most = 0;
      for (size_t i = col / 32 * 32; i < std::min(col / 32 * 32 + 32, x.size());
           ++i)
        most = std::max(most, std::abs(x[i]));
      steps[col] = std::ldexp(most, -23);
    }
    const std::vector<float> y = matVec(kernels(), weight, x);
    for (int64_t row = 0; row < shape.rows; ++row) {
      const auto [sum, magnitude] = exactDot(weight, row, x);
      const double rounding = exactDot(weight, row, steps).second;
      EXPECT_NEAR(y[row], sum, 1e-6 * magnitude + rounding) << "row " << row;
    }
    // What is not finite is not hidden.
    for (float odd : {INFINITY, -INFINITY, NAN}) {
      x[shape.cols - 1] = odd;
      for (float value : matVec(kernels(), weight, x))
        EXPECT_FALSE(std::isfinite(value));
    }
  }
}

TEST(KernelsForTest, VnniChangesNoBit) {
  const KernelTable *with = nullptr;
  const KernelTable *without = nullptr;
  for (const KernelTable *kernels : supportedKernels()) {
    if (std::string(kernels->name) == "AVX-512 VNNI")
      with = kernels;
    if (std::string(kernels->name) == "AVX-512")
      without = kernels;
  }
  if (!with)
    GTEST_SKIP() << "this CPU has no VNNI";
  std::mt19937 random(4321);
  for (const format::PackedShape &shape : weightShapes()) {
    const RandomWeight weight = randomWeight(random, shape, 1);
    const std::vector<float> x = randomFloats(random, shape.cols);
    EXPECT_EQ(matVec(*with, weight, x), matVec(*without, weight, x))
        << nameOf(shape);
  }
}

TEST_P(KernelsTest, PackPanelDecodesExactly) {
  for (const format::PackedShape &shape : weightShapes()) {
    SCOPED_TRACE(nameOf(shape));
    const RandomWeight weight = randomWeight(Random, shape, 1);
    for (int64_t begin = 0; begin < shape.cols; begin += 96) {
      const int64_t cols = std::min<int64_t>(96, shape.cols - begin);
      const int64_t first = shape.rows / 3;
      const int64_t rows = std::min(kPanel, shape.rows - first);
      std::vector<float> packed(cols * kPanel, -1);
      kernels().packPanel(weight.view(), first, rows, begin, cols,
                          packed.data());
      expectPanel(packed, weight, first, begin, cols);
    }
  }
}

TEST_P(KernelsTest, EverySixteenBitValueIsDecodedExactly) {
  std::vector<uint16_t> all(1 << 16);
  for (size_t i = 0; i != all.size(); ++i)
    all[i] = static_cast<uint16_t>(i);
  // Rows by vectors, and rows of one column, which no vector fits in.
  for (int64_t cols : {256, 1}) {
    const auto rows = static_cast<int64_t>(all.size()) / cols;
    for (format::DType dtype : {format::DType::F16, format::DType::BF16}) {
      format::PackedView weight;
      weight.shape = shapeOf(rows, cols, format::Scheme::None, 0, dtype);
      weight.parts[0] = reinterpret_cast<const std::byte *>(all.data());
      std::vector<float> packed(cols * kPanel);
      for (int64_t first = 0; first < rows; first += kPanel) {
        kernels().packPanel(weight, first, kPanel, 0, cols, packed.data());
        for (int64_t row = 0; row < kPanel; ++row)
          for (int64_t col = 0; col < cols; ++col) {
            const uint16_t bits = all[(first + row) * cols + col];
            const float want = dtype == format::DType::F16
                                   ? format::dense::fromF16(bits)
                                   : format::dense::fromBf16(bits);
            expectSameBits(packed[col * kPanel + row], want, bits);
          }
      }
    }
  }
}

TEST_P(KernelsTest, EveryFp8CodeIsDecodedExactly) {
  std::vector<uint8_t> all(256);
  for (size_t i = 0; i != all.size(); ++i)
    all[i] = static_cast<uint8_t>(i);
  // A row by vectors, and rows of one column, which no vector fits in.
  for (int64_t cols : {256, 1}) {
    const int64_t rows = 256 / cols;
    const std::vector<float> scales(rows, 1.0f);
    format::PackedView weight;
    weight.shape =
        shapeOf(rows, cols, format::Scheme::Fp8, 0, format::DType::F32);
    weight.parts[0] = reinterpret_cast<const std::byte *>(all.data());
    weight.parts[1] = reinterpret_cast<const std::byte *>(scales.data());
    std::vector<float> packed(cols * kPanel);
    for (int64_t first = 0; first < rows; first += kPanel) {
      const int64_t count = std::min(kPanel, rows - first);
      kernels().packPanel(weight, first, count, 0, cols, packed.data());
      for (int64_t row = 0; row < count; ++row)
        for (int64_t col = 0; col < cols; ++col) {
          const uint8_t code = all[(first + row) * cols + col];
          if (!format::fp8::isNan(code))
            expectSameBits(packed[col * kPanel + row],
                           format::fp8::decode(code), code);
        }
    }
  }
}

} // namespace
