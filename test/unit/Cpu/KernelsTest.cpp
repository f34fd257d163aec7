//===- KernelsTest.cpp - Each kernel, for each instruction set ------------===//

#include "FakeImage.h"
#include "KernelsFixture.h"
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
