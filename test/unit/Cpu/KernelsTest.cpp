//===- KernelsTest.cpp - Each kernel, for each instruction set ------------===//

#include "Activations.h"
#include "FakeImage.h"
#include "NaivePlan.h"

#include "qzc/Format/Schemes/Dense.h"
#include "qzc/Support/Error.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

using namespace qzc;
using namespace qzc::runtime;
using namespace qzc::runtime::cpu;
using namespace qzc::runtime::test;

namespace {

std::vector<float> randomFloats(std::mt19937 &random, int64_t n,
                                float deviation = 1) {
  std::normal_distribution<float> normal(0, deviation);
  std::vector<float> values(n);
  for (float &value : values)
    value = normal(random);
  return values;
}

format::PackedShape shapeOf(int64_t rows, int64_t cols, format::Scheme scheme,
                            int64_t block, format::DType dtype,
                            format::ScaleCodec scales = {}) {
  format::PackedShape shape;
  shape.scheme = scheme;
  shape.dtype = dtype;
  shape.rows = rows;
  shape.cols = cols;
  shape.blockSize = block;
  shape.scales = scales;
  return shape;
}

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
      {2, 4352},
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

std::string nameOf(const format::PackedShape &shape) {
  return std::to_string(shape.rows) + "x" + std::to_string(shape.cols) + " " +
         describeStorage(shape);
}

class KernelsTest : public testing::TestWithParam<const KernelTable *> {
protected:
  const KernelTable &kernels() const { return *GetParam(); }
  std::mt19937 Random{1234};
};

/// Activations as the products with a weight read them.
class Arranged {
public:
  Arranged(const KernelTable &kernels, const format::PackedShape &shape,
           const std::vector<float> &x) {
    ActivationOrders orders;
    addOrders(shape, orders);
    // What was there before must not matter.
    Memory.assign(activationBytes(shape.cols, orders) + 64, std::byte{0xff});
    void *aligned = Memory.data();
    size_t room = Memory.size();
    std::align(64, room - 64, aligned, room);
    X = layOutActivations(x.data(), shape.cols, orders,
                          static_cast<std::byte *>(aligned));
    kernels.arrange(X);
  }
  const Activations &get() const { return X; }

private:
  std::vector<std::byte> Memory;
  Activations X;
};

std::vector<float> matVec(const KernelTable &kernels,
                          const RandomWeight &weight,
                          const std::vector<float> &x) {
  std::vector<float> y(weight.shape.rows, -1);
  kernels.matVec(weight.view(), 0, weight.shape.rows,
                 &Arranged(kernels, weight.shape, x).get(), 1, y.data(), 0);
  return y;
}

/// Σ w · x, and Σ |w · x|.
std::pair<double, double> exactDot(const RandomWeight &weight, int64_t row,
                                   const std::vector<float> &x) {
  double sum = 0;
  double magnitude = 0;
  for (int64_t col = 0; col < weight.shape.cols; ++col) {
    const double term = static_cast<double>(x[col]) *
                        weight.values[row * weight.shape.cols + col];
    sum += term;
    magnitude += std::abs(term);
  }
  return {sum, magnitude};
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
      for (int64_t col = 0; col < cols; ++col)
        for (int64_t row = 0; row < kPanel; ++row)
          ASSERT_EQ(
              packed[col * kPanel + row],
              row < rows
                  ? weight.values[(first + row) * shape.cols + begin + col]
                  : 0.0f)
              << "row " << row << " column " << begin + col;
    }
  }
}

void expectSameBits(float got, float want, uint32_t of) {
  if (std::isnan(want))
    EXPECT_TRUE(std::isnan(got)) << std::hex << of;
  else
    EXPECT_EQ(format::floatBits(got), format::floatBits(want))
        << std::hex << of;
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

/// Any bits, and values around those that f16 can hold: its numbers, halfway
/// between them, and a step of f32 beside that.
std::vector<float> valuesForF16(std::mt19937 &random, int64_t n) {
  std::vector<float> values(n);
  for (int64_t i = 0; i < n; ++i) {
    uint32_t bits = static_cast<uint32_t>(random());
    if (i % 4 != 0) {
      const float exact = format::dense::fromF16(bits >> 16);
      bits = format::floatBits(exact) + (i % 4 == 1 ? 0 : 0x1000);
      if (i % 4 == 3)
        bits += random() % 3 - 1;
    }
    values[i] = format::floatFromBits(bits);
  }
  return values;
}

TEST_P(KernelsTest, TheF16CacheRoundsToNearestEven) {
  const int64_t headDim = 64;
  const int64_t tokens = kKeyBlock;
  const auto k = valuesForF16(Random, tokens * headDim);
  const auto v = valuesForF16(Random, tokens * headDim);
  std::vector<uint16_t> page(2 * tokens * headDim);
  const uint16_t *keys = page.data();
  const uint16_t *values = keys + tokens * headDim;
  const auto address = reinterpret_cast<uint64_t>(page.data());
  AttentionArgs args = {};
  args.k = k.data();
  args.v = v.data();
  args.kStride = args.vStride = args.headDim = args.valueStride = headDim;
  args.cache = {&address, tokens, 0, page.size(), 0, 0};
  args.type = CacheType::F16;
  args.heads = args.kvHeads = 1;
  float largest = 0;
  args.largest = &largest;
  kernels().appendCache(args, 0, tokens);
  const auto expectRounded = [](uint16_t got, float value) {
    const float want =
        std::isnan(value) ? value
                          : format::dense::fromF16(format::dense::toF16(value));
    expectSameBits(format::dense::fromF16(got), want, format::floatBits(value));
  };
  for (int64_t token = 0; token < tokens; ++token)
    for (int64_t i = 0; i < headDim; ++i) {
      const int64_t panel = token / kPanel * headDim * kPanel;
      expectRounded(keys[panel + i * kPanel + token % kPanel],
                    k[token * headDim + i]);
      expectRounded(values[token * headDim + i], v[token * headDim + i]);
    }
}

TEST_P(KernelsTest, TheByteCacheIsExactToHalfAStep) {
  const int64_t headDim = 48;
  const int64_t tokens = kKeyBlock;
  auto k = randomFloats(Random, tokens * headDim);
  const auto v = randomFloats(Random, tokens * headDim);
  for (int64_t i = 0; i < headDim; ++i) {
    k[i] = 0;                // no scale at all
    k[headDim + i] *= 1e-6f; // one below f16's normal numbers
    k[2 * headDim + i] *= 1e6f;
  }
  const int64_t codes = tokens * headDim;
  std::vector<int8_t> page(2 * codes + 4 * tokens);
  const auto address = reinterpret_cast<uint64_t>(page.data());
  AttentionArgs args = {};
  args.k = k.data();
  args.v = v.data();
  args.kStride = args.vStride = args.headDim = args.valueStride = headDim;
  args.cache = {&address,
                tokens,
                0,
                static_cast<uint64_t>(codes),
                static_cast<uint64_t>(2 * codes),
                static_cast<uint64_t>(2 * codes + 2 * tokens)};
  args.type = CacheType::Q8;
  args.heads = args.kvHeads = 1;
  float largest = 0;
  args.largest = &largest;
  kernels().appendCache(args, 0, tokens);
  const auto check = [&](const std::vector<float> &want, int64_t token,
                         int64_t i, int8_t code, const int8_t *scales) {
    uint16_t bits;
    std::memcpy(&bits, scales + 2 * token, sizeof bits);
    const float scale = format::dense::fromF16(bits);
    EXPECT_NEAR(code * scale, want[token * headDim + i], scale * 0.501F)
        << token;
  };
  for (int64_t token = 0; token < tokens; ++token)
    for (int64_t i = 0; i < headDim; ++i) {
      const int64_t panel = token / kPanel * headDim * kPanel;
      check(k, token, i, page[panel + i * kPanel + token % kPanel],
            page.data() + 2 * codes);
      check(v, token, i, page[codes + token * headDim + i],
            page.data() + 2 * codes + 2 * tokens);
    }
  EXPECT_EQ(largest, std::abs(*std::max_element(
                         k.begin(), k.end(), [](float a, float b) {
                           return std::abs(a) < std::abs(b);
                         })));
}

TEST_P(KernelsTest, MultiplyAgreesWithDoubleForAnyNumberOfRows) {
  for (int64_t rows : {1, 2, 3, 4, 5, 7, 11, 12, 13, 23, 30, 41})
    for (int64_t cols : {16, 32, 48, 96})
      for (bool accumulate : {false, true}) {
        const int64_t depth = 37 + rows;
        const int64_t aStride = depth + 3;
        const int64_t bStride = cols + 16;
        const int64_t cStride = cols + 5;
        const auto a = randomFloats(Random, rows * aStride);
        const auto b = randomFloats(Random, depth * bStride);
        const auto before = randomFloats(Random, rows * cStride);
        std::vector<float> c = before;
        kernels().multiply(a.data(), aStride, rows, b.data(), bStride, depth,
                           cols, c.data(), cStride, accumulate);
        for (int64_t row = 0; row < rows; ++row)
          for (int64_t col = 0; col < cStride; ++col) {
            const float old = before[row * cStride + col];
            if (col >= cols) {
              ASSERT_EQ(c[row * cStride + col], old);
              continue;
            }
            double sum = accumulate ? old : 0;
            for (int64_t k = 0; k < depth; ++k)
              sum += static_cast<double>(a[row * aStride + k]) *
                     b[k * bStride + col];
            ASSERT_NEAR(c[row * cStride + col], sum, 3e-5)
                << rows << " rows, row " << row << " column " << col;
          }
      }
}

TEST_P(KernelsTest, MultiplyDoesNotDependOnTheGroupingOfRows) {
  const int64_t rows = 29;
  const int64_t depth = 200;
  const auto a = randomFloats(Random, rows * depth);
  const auto b = randomFloats(Random, depth * 32);
  std::vector<float> all(rows * 32);
  std::vector<float> single(32);
  kernels().multiply(a.data(), depth, rows, b.data(), 32, depth, 32, all.data(),
                     32, false);
  for (int64_t row = 0; row < rows; ++row) {
    kernels().multiply(a.data() + row * depth, depth, 1, b.data(), 32, depth,
                       32, single.data(), 32, false);
    for (int64_t col = 0; col < 32; ++col)
      ASSERT_EQ(single[col], all[row * 32 + col]);
  }
}

TEST_P(KernelsTest, FinishAppliesBiasActivationGateAndResidual) {
  const int64_t n = 27;
  for (bool gated : {false, true})
    for (bool biased : {false, true})
      for (bool residual : {false, true}) {
        auto y0 = randomFloats(Random, 2 * 32);
        auto y1 = randomFloats(Random, 2 * 32);
        const auto bias0 = randomFloats(Random, n);
        const auto bias1 = randomFloats(Random, n);
        auto out = randomFloats(Random, 2 * 50);
        const auto old = out;
        const auto in0 = y0;
        const auto in1 = y1;
        FinishArgs args = {};
        args.rows = 2;
        args.columns = n;
        args.y0 = y0.data();
        args.y1 = gated ? y1.data() : nullptr;
        args.yStride = 32;
        args.bias0 = biased ? bias0.data() : nullptr;
        args.bias1 = biased && gated ? bias1.data() : nullptr;
        args.activation = format::Activation::Silu;
        args.residual = residual ? out.data() : nullptr;
        args.residualStride = 50;
        args.out = out.data();
        args.outStride = 50;
        kernels().finish(args);
        for (int64_t row = 0; row < 2; ++row)
          for (int64_t i = 0; i < n; ++i) {
            double want = in0[row * 32 + i] + (biased ? bias0[i] : 0.0);
            want = naiveActivation(format::Activation::Silu, want);
            if (gated)
              want *= in1[row * 32 + i] + (biased ? bias1[i] : 0.0);
            if (residual)
              want += old[row * 50 + i];
            ASSERT_NEAR(out[row * 50 + i], want, 2e-6);
          }
      }
}

TEST_P(KernelsTest, NormsAgreeWithDouble) {
  for (int64_t n : {1, 5, 16, 63, 64, 100, 576, 2049}) {
    const auto x = randomFloats(Random, n, 3);
    const auto weight = randomFloats(Random, n);
    const auto bias = randomFloats(Random, n);
    double mean = 0;
    double squares = 0;
    for (float value : x) {
      mean += value / static_cast<double>(n);
      squares += static_cast<double>(value) * value / static_cast<double>(n);
    }
    double variance = 0;
    for (float value : x)
      variance += (value - mean) * (value - mean) / static_cast<double>(n);
    std::vector<float> out(n);
    const double epsilon = 1e-3;
    kernels().rmsNorm(x.data(), weight.data(), 1, 1e-3f, n, out.data());
    for (int64_t i = 0; i < n; ++i)
      ASSERT_NEAR(out[i],
                  x[i] / std::sqrt(squares + epsilon) * (1.0 + weight[i]),
                  5e-6);
    kernels().rmsNorm(x.data(), nullptr, 0, 1e-3f, n, out.data());
    for (int64_t i = 0; i < n; ++i)
      ASSERT_NEAR(out[i], x[i] / std::sqrt(squares + epsilon), 2e-6);
    kernels().layerNorm(x.data(), weight.data(), 0, bias.data(), 1e-3f, n,
                        out.data());
    for (int64_t i = 0; i < n; ++i)
      ASSERT_NEAR(out[i],
                  (x[i] - mean) / std::sqrt(variance + epsilon) * weight[i] +
                      bias[i],
                  1e-5);
    kernels().layerNorm(x.data(), nullptr, 0, nullptr, 1e-3f, n, out.data());
    for (int64_t i = 0; i < n; ++i)
      ASSERT_NEAR(out[i], (x[i] - mean) / std::sqrt(variance + epsilon), 5e-6);
  }
}

TEST_P(KernelsTest, ActivationsAgreeWithDouble) {
  std::vector<float> x = {-1e30f, -200, -105, -90, -20, 0, 20, 90, 200, 1e30f};
  for (int i = -60000; i <= 60000; i += 7)
    x.push_back(static_cast<float>(i) * 1e-4f);
  const auto n = static_cast<int64_t>(x.size());
  for (auto activation : {format::Activation::None, format::Activation::Relu,
                          format::Activation::Silu, format::Activation::Gelu,
                          format::Activation::GeluTanh}) {
    std::vector<float> out(n);
    kernels().activate(activation, x.data(), n, out.data());
    for (int64_t i = 0; i < n; ++i) {
      const double want = naiveActivation(activation, x[i]);
      ASSERT_NEAR(out[i], want, 3e-7 * std::max(1.0, std::abs(want)))
          << "activation " << static_cast<int>(activation) << " of " << x[i];
    }
  }
}

TEST_P(KernelsTest, ElementwiseKernels) {
  for (int64_t n : {1, 15, 16, 50}) {
    const auto a = randomFloats(Random, n, 3);
    const auto b = randomFloats(Random, n, 3);
    std::vector<float> out(n);
    const auto expect = [&](auto want, float tolerance) {
      for (int64_t i = 0; i < n; ++i)
        ASSERT_NEAR(out[i], want(i), tolerance);
    };
    kernels().add(a.data(), b.data(), n, out.data());
    expect([&](int64_t i) { return a[i] + b[i]; }, 0);
    kernels().mul(a.data(), b.data(), n, out.data());
    expect([&](int64_t i) { return a[i] * b[i]; }, 0);
    kernels().scale(a.data(), 0.37f, n, out.data());
    expect([&](int64_t i) { return a[i] * 0.37f; }, 0);
    kernels().clamp(a.data(), 1.5f, n, out.data());
    expect([&](int64_t i) { return std::min(std::max(a[i], -1.5f), 1.5f); }, 0);
    kernels().softCap(a.data(), 2.5f, n, out.data());
    expect([&](int64_t i) { return 2.5 * std::tanh(a[i] / 2.5); }, 1e-6f);
  }
}

TEST_P(KernelsTest, LogSumExpAgreesWithDouble) {
  for (int64_t n : {1, 3, 16, 100, 4096, 4097, 49152}) {
    const auto x = randomFloats(Random, n, 6);
    double sum = 0;
    for (float value : x)
      sum += std::exp(static_cast<double>(value));
    EXPECT_NEAR(kernels().logSumExp(x.data(), n), std::log(sum), 1e-6) << n;
  }
  const std::vector<float> large(40, 1e4f);
  EXPECT_NEAR(kernels().logSumExp(large.data(), 40), 1e4 + std::log(40.0),
              1e-9);
}

TEST(KernelsForTest, TheBestThatTheMachineHas) {
  ASSERT_FALSE(supportedKernels().empty()) << "what runs the tests has SSE4.2";
  EXPECT_EQ(&kernelsFor(std::nullopt), supportedKernels().front());
  EXPECT_EQ(&kernelsFor(InstructionSet::Sse42), supportedKernels().back());
}

TEST(KernelsForTest, AsAskedForOrARefusalThatNamesWhatIsMissing) {
  for (auto [set, name] :
       {std::pair(InstructionSet::Sse42, "SSE4.2"),
        std::pair(InstructionSet::Avx2, "AVX2"),
        std::pair(InstructionSet::Avx512, "AVX-512"),
        std::pair(InstructionSet::Avx512Vnni, "AVX-512 VNNI")}) {
    const auto &supported = supportedKernels();
    try {
      const KernelTable *kernels = &kernelsFor(set);
      EXPECT_STREQ(kernels->name, name);
      EXPECT_TRUE(std::count(supported.begin(), supported.end(), kernels));
    } catch (const Error &error) {
      EXPECT_THAT(error.what(),
                  testing::MatchesRegex("this CPU lacks .+, which the " +
                                        std::string(name) + " kernels need"));
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    Targets, KernelsTest, testing::ValuesIn(supportedKernels()),
    [](const testing::TestParamInfo<const KernelTable *> &info) {
      std::string name;
      for (char c : std::string(info.param->name))
        if (std::isalnum(static_cast<unsigned char>(c)))
          name += c;
      return name;
    });

} // namespace
