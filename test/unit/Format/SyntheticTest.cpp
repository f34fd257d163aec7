//===- SyntheticTest.cpp - Weights made from a counter --------------------===//

#include "qzc/Format/Synthetic.h"

#include <cmath>
#include <gtest/gtest.h>

using namespace qzc::format;

static std::vector<float> decoded(const Tensor &tensor, uint64_t seed) {
  std::vector<std::byte> bytes(paddedBytes(tensor.shape));
  PackedView view;
  view.shape = tensor.shape;
  const auto parts = layout(tensor.shape);
  for (size_t i = 0; i < parts.size(); ++i) {
    synthesize(syntheticPart(tensor, i, seed), 0, parts[i].bytes,
               bytes.data() + parts[i].offset);
    view.parts[i] = bytes.data() + parts[i].offset;
  }
  std::vector<float> values(
      static_cast<size_t>(tensor.shape.rows * tensor.shape.cols));
  decodeRows(view, 0, tensor.shape.rows, values.data());
  return values;
}

static std::pair<double, double> moments(const std::vector<float> &values) {
  double sum = 0;
  double squares = 0;
  for (float value : values) {
    sum += value;
    squares += double(value) * value;
  }
  const auto count = static_cast<double>(values.size());
  return {sum / count,
          std::sqrt(squares / count - (sum / count) * (sum / count))};
}

static Tensor tensorOf(PackedShape shape, std::string role) {
  Tensor tensor;
  tensor.shape = shape;
  tensor.role = std::move(role);
  return tensor;
}

TEST(Synthetic, EverySchemeLooksLikeTrainedWeights) {
  for (const PackedShape &shape :
       {PackedShape{Scheme::None, DType::F32, 100, 320, 0},
        PackedShape{Scheme::None, DType::F16, 100, 320, 0},
        PackedShape{Scheme::None, DType::BF16, 100, 320, 0},
        PackedShape{Scheme::Int8, DType::F32, 100, 320, 0},
        PackedShape{Scheme::Q8_0, DType::F32, 100, 320, 0},
        PackedShape{Scheme::Q4_0, DType::F32, 100, 320, 0},
        PackedShape{Scheme::Fp4, DType::F32, 100, 320, 64},
        PackedShape{Scheme::Nf4, DType::F32, 100, 320, 64},
        PackedShape{Scheme::Nf4, DType::F32, 100, 320, 32, ScaleCodec::Double},
        PackedShape{Scheme::Q4_1, DType::F32, 100, 320, 0},
        PackedShape{Scheme::Q5_0, DType::F32, 100, 320, 0},
        PackedShape{Scheme::Q5_1, DType::F32, 100, 320, 0},
        PackedShape{Scheme::Q4_K, DType::F32, 100, 512, 0},
        PackedShape{Scheme::Q5_K, DType::F32, 100, 512, 0},
        PackedShape{Scheme::Q6_K, DType::F32, 100, 512, 0},
        PackedShape{Scheme::Int4, DType::F32, 100, 320, 64},
        PackedShape{Scheme::Int4, DType::F32, 100, 320, 32, ScaleCodec::Asym},
        PackedShape{Scheme::Int3, DType::F32, 100, 384, 128},
        PackedShape{Scheme::Int3, DType::F32, 100, 320, 64,
                    ScaleCodec::Asym}}) {
    const auto [mean, deviation] = moments(decoded(tensorOf(shape, "q"), 42));
    // Codes are not symmetric: nf4's mean is 0.022 of a block's scale, linear
    // ones without minima have -0.5.
    double expected = 0;
    switch (shape.scheme) {
    case Scheme::Nf4:
      expected = 0.022 * 0.048;
      break;
    case Scheme::Q4_0:
    case Scheme::Int4:
      expected = -0.5 * 0.0043;
      break;
    case Scheme::Int3:
      expected = -0.5 * 0.0087;
      break;
    case Scheme::Q5_0:
      expected = -0.5 * 0.0022;
      break;
    default:
      break;
    }
    EXPECT_NEAR(mean, expected, 1e-3) << describeStorage(shape);
    EXPECT_NEAR(deviation, 0.022, 0.005) << describeStorage(shape);
  }
}

TEST(Synthetic, NormsAreNearOneAndBiasesNearZero) {
  const PackedShape shape = {Scheme::None, DType::F32, 1, 5000, 0};
  const auto norm = moments(decoded(tensorOf(shape, "norm"), 1));
  EXPECT_NEAR(norm.first, 1, 1e-2);
  const auto bias = moments(decoded(tensorOf(shape, "bias"), 1));
  EXPECT_NEAR(bias.first, 0, 1e-3);
  EXPECT_NEAR(bias.second, 0.002, 2e-4);
}

TEST(Synthetic, AnyRangeGivesTheBytesOfTheWhole) {
  Tensor tensor = tensorOf({Scheme::Nf4, DType::F32, 5, 43, 64}, "q");
  const SyntheticPart part = syntheticPart(tensor, 0, 9);
  std::vector<std::byte> whole(125);
  synthesize(part, 0, whole.size(), whole.data());
  std::vector<std::byte> piece(61);
  synthesize(part, 64, piece.size(), piece.data());
  EXPECT_TRUE(std::equal(piece.begin(), piece.end(), whole.begin() + 64));
}

TEST(Synthetic, SeedNameRowsAndPartMatter) {
  Tensor tensor = tensorOf({Scheme::Int8, DType::F32, 8, 8, 0}, "q");
  tensor.source.name = "a";
  const uint64_t key = syntheticPart(tensor, 0, 0).key;
  EXPECT_NE(key, syntheticPart(tensor, 1, 0).key);
  EXPECT_NE(key, syntheticPart(tensor, 0, 1).key);
  Tensor other = tensor;
  other.source.name = "b";
  EXPECT_NE(key, syntheticPart(other, 0, 0).key);
  Tensor rows = tensor;
  rows.source.rows = {{0, 8}};
  const uint64_t first = syntheticPart(rows, 0, 0).key;
  rows.source.rows = {{8, 16}};
  EXPECT_NE(first, syntheticPart(rows, 0, 0).key);
}

TEST(Synthetic, RoundingADenseWeightKeepsItsValues) {
  Tensor tensor = tensorOf({Scheme::None, DType::F32, 3, 5, 0}, "q");
  const std::vector<float> wide = decoded(tensor, 3);
  tensor.shape.dtype = DType::BF16;
  const std::vector<float> narrow = decoded(tensor, 3);
  for (size_t i = 0; i < wide.size(); ++i)
    EXPECT_EQ(narrow[i], dense::fromBf16(dense::toBf16(wide[i])));
}

TEST(Synthetic, TheGeneratorIsFixed) {
  // SplitMix64 from state 0 begins with these.
  EXPECT_EQ(synthetic::hash(0, 0), 0xe220a8397b1dcdafull);
  EXPECT_EQ(synthetic::hash(0, 1), 0x6e789e6aa1b965f4ull);
}
