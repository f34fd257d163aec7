//===- SearchTest.cpp - Scales searched for, codes chosen -----------------===//

#include "qzc/Format/GroupSearch.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <gtest/gtest.h>
#include <random>

using namespace qzc::format;

namespace {
/// Encoded parts, and what they decode to.
class Encoded {
public:
  explicit Encoded(const PackedShape &shape) : Shape(shape) {
    for (const PartLayout &part : layout(shape)) {
      Bytes.emplace_back(part.bytes);
      Parts[Bytes.size() - 1] = Bytes.back().data();
    }
  }
  std::byte *const *parts() const { return Parts.data(); }
  std::vector<float> decoded() const {
    PackedView view;
    view.shape = Shape;
    std::copy(Parts.begin(), Parts.end(), view.parts);
    std::vector<float> values(static_cast<size_t>(Shape.rows * Shape.cols));
    decodeRows(view, 0, Shape.rows, values.data());
    return values;
  }
  bool operator==(const Encoded &other) const { return Bytes == other.Bytes; }

private:
  PackedShape Shape;
  std::vector<std::vector<std::byte>> Bytes;
  std::array<std::byte *, 4> Parts = {};
};
} // namespace

static PackedShape shapeOf(const char *spec, int64_t rows, int64_t cols) {
  const StorageSpec stored = *parseStorage(spec);
  return {stored.scheme, DType::F32,       rows,
          cols,          stored.blockSize, stored.scales};
}

static std::vector<float> randomValues(int64_t count, unsigned seed) {
  std::mt19937 generator(seed);
  std::student_t_distribution<float> heavy(5);
  std::vector<float> values(static_cast<size_t>(count));
  for (float &value : values)
    value = 0.02f * heavy(generator);
  return values;
}

static std::vector<float> randomImportance(int64_t count, unsigned seed) {
  std::mt19937 generator(seed);
  std::lognormal_distribution<float> spread(0, 1);
  std::vector<float> values(static_cast<size_t>(count));
  for (float &value : values)
    value = spread(generator);
  return values;
}

static double errorOf(const std::vector<float> &values,
                      const std::vector<float> &importance,
                      const std::vector<float> &decoded) {
  double error = 0;
  for (size_t i = 0; i < values.size(); ++i) {
    const double off = double{decoded[i]} - values[i];
    error += importance[i] * off * off;
  }
  return error;
}

TEST(Search, LeavesLessThanPlainScales) {
  for (const char *spec :
       {"nf4/64", "nf4/32", "fp4/64", "int4/32", "int4/128", "int4/64 asym",
        "int3/64", "int3/128 asym", "int2/64", "int2/64 asym"}) {
    const PackedShape shape = shapeOf(spec, 16, 256);
    const int64_t count = shape.rows * shape.cols;
    const std::vector<float> values = randomValues(count, 3);
    const std::vector<float> importance = randomImportance(count, 4);
    Encoded plain(shape);
    encodeElements(shape, values.data(), count, plain.parts());
    Encoded searched(shape);
    const float largest = searchElements(
        shape, values.data(), importance.data(), count, searched.parts());
    EXPECT_TRUE(std::isfinite(largest)) << spec;
    EXPECT_LT(errorOf(values, importance, searched.decoded()),
              0.97 * errorOf(values, importance, plain.decoded()))
        << spec;
    for (const float value : searched.decoded())
      EXPECT_LE(std::fabs(value), largest * 1.0001f) << spec;
  }
}

TEST(Search, FindsWhatAFinerSearchFinds) {
  // Of a block of nf4: every scale from 0.4 to 1.2 of the largest.
  const PackedShape shape = shapeOf("nf4/64", 1, 64);
  double found = 0;
  double finer = 0;
  for (unsigned seed = 0; seed < 50; ++seed) {
    const std::vector<float> values = randomValues(64, seed);
    const std::vector<float> importance = randomImportance(64, seed + 100);
    Encoded searched(shape);
    searchElements(shape, values.data(), importance.data(), 64,
                   searched.parts());
    found += errorOf(values, importance, searched.decoded());
    float absmax = 0;
    for (const float value : values)
      absmax = std::max(absmax, std::fabs(value));
    const Levels levels = *levelsOf(shape);
    double best = HUGE_VAL;
    for (int t = 0; t <= 800; ++t) {
      const double scale = absmax * (0.4 + 0.001 * t);
      double error = 0;
      for (size_t i = 0; i < 64; ++i) {
        double nearest = HUGE_VAL;
        for (int k = 0; k < levels.count; ++k)
          nearest = std::min(nearest,
                             std::fabs(levels.values[k] * scale - values[i]));
        error += importance[i] * nearest * nearest;
      }
      best = std::min(best, error);
    }
    finer += best;
  }
  EXPECT_LT(found, 1.01 * finer);
}

/// P of each group of a row, whole: of random inputs that have a part in
/// common.
static std::vector<std::vector<double>> randomProducts(int64_t cols,
                                                       int64_t group) {
  std::mt19937 generator(7);
  std::normal_distribution<double> normal;
  std::vector<std::vector<double>> products;
  const auto n = static_cast<size_t>(group);
  for (int64_t begin = 0; begin < cols; begin += group) {
    std::vector<double> &matrix = products.emplace_back(n * n);
    for (int token = 0; token < 4 * group; ++token) {
      const double common = normal(generator);
      std::vector<double> x(n);
      for (double &value : x)
        value = normal(generator) + common;
      for (size_t i = 0; i < n; ++i)
        for (size_t j = 0; j < n; ++j)
          matrix[i * n + j] += x[i] * x[j];
    }
  }
  return products;
}

TEST(Search, ByWhatErrorsOfAGroupWeighTogether) {
  for (const char *spec : {"nf4/64", "nf4/32", "fp4/128", "int4/32",
                           "int4/64 asym", "int3/64", "int3/128 asym"}) {
    const PackedShape shape = shapeOf(spec, 16, 256);
    const int64_t group = searchedTogether(shape);
    ASSERT_EQ(group, shape.blockSize) << spec;
    const auto n = static_cast<size_t>(group);
    const int64_t count = shape.rows * shape.cols;
    const std::vector<float> values = randomValues(count, 3);
    const std::vector<std::vector<double>> products =
        randomProducts(shape.cols, group);
    std::vector<float> whole;
    std::vector<float> diagonal;
    std::vector<float> importance(static_cast<size_t>(count));
    for (const std::vector<double> &matrix : products)
      for (size_t i = 0; i < n; ++i)
        for (size_t j = 0; j <= i; ++j) {
          whole.push_back(static_cast<float>(matrix[i * n + j]));
          diagonal.push_back(i == j ? whole.back() : 0);
        }
    for (size_t i = 0; i < importance.size(); ++i)
      importance[i] =
          static_cast<float>(products[i % 256 / n][i % n * n + i % n]);
    Encoded apart(shape);
    searchElements(shape, values.data(), importance.data(), count,
                   apart.parts());
    Encoded same(shape);
    searchTogether(shape, values.data(), diagonal.data(), count, same.parts());
    EXPECT_TRUE(same == apart) << spec;
    Encoded together(shape);
    searchTogether(shape, values.data(), whole.data(), count, together.parts());
    const auto lostBy = [&](const Encoded &encoded) {
      const std::vector<float> decoded = encoded.decoded();
      double lost = 0;
      for (size_t begin = 0; begin < decoded.size(); begin += n) {
        const std::vector<double> &matrix = products[begin % 256 / n];
        for (size_t i = 0; i < n; ++i)
          for (size_t j = 0; j < n; ++j)
            lost += (double{decoded[begin + i]} - values[begin + i]) *
                    matrix[i * n + j] *
                    (double{decoded[begin + j]} - values[begin + j]);
      }
      return lost;
    };
    EXPECT_LT(lostBy(together), 0.9 * lostBy(apart)) << spec;
  }
  // Searched for otherwise, not at all, in larger groups, across rows.
  for (const char *spec : {"q4_0", "q4_k", "int8", "int8g/64", "nf4/256"})
    EXPECT_EQ(searchedTogether(shapeOf(spec, 16, 256)), 0) << spec;
  EXPECT_EQ(searchedTogether(shapeOf("nf4/64", 16, 96)), 0);
}

TEST(Search, TakesWhatHasNoScaleToFind) {
  for (const char *spec : {"nf4/64", "fp4/64", "int4/64", "int4/64 asym",
                           "int3/64", "int3/64 asym", "int2/64", "int2/64 asym",
                           "int8g/64", "int8g/64 asym"}) {
    const PackedShape shape = shapeOf(spec, 1, 128);
    std::vector<float> values(128, 0.0f);
    std::vector<float> importance(128, 0.0f);
    Encoded zeros(shape);
    searchElements(shape, values.data(), importance.data(), 128, zeros.parts());
    for (const float value : zeros.decoded())
      EXPECT_EQ(value, 0.0f) << spec;
    // Nothing counts, values of all sizes: as without a search.
    for (const float size : {1e-38f, 1e-6f, 1.0f, 1e4f}) {
      for (size_t i = 0; i < 128; ++i)
        values[i] = size * static_cast<float>(static_cast<int>(i % 7) - 3);
      Encoded searched(shape);
      searchElements(shape, values.data(), importance.data(), 128,
                     searched.parts());
      Encoded plain(shape);
      encodeElements(shape, values.data(), 128, plain.parts());
      EXPECT_TRUE(searched == plain) << spec << " " << size;
    }
  }
}

TEST(Levels, AreWhatCodesDecodeTo) {
  for (const char *spec :
       {"nf4/64", "fp4/32", "int4/64", "int4/32 asym", "int3/128",
        "int3/64 asym", "q4_0", "q4_1", "q5_0", "q5_1", "q4_k", "q5_k", "q6_k",
        "int2/64", "int2/32 asym", "ternary"}) {
    const PackedShape shape = shapeOf(spec, 3, 512);
    const int64_t count = shape.rows * shape.cols;
    const std::vector<float> values = randomValues(count, 5);
    Encoded encoded(shape);
    encodeElements(shape, values.data(), count, encoded.parts());
    const std::vector<float> decoded = encoded.decoded();
    const Levels levels = *levelsOf(shape);
    std::vector<float> scales(static_cast<size_t>(count / levels.group));
    std::vector<float> offsets(scales.size());
    readGroups(shape, encoded.parts(), count, scales.data(), offsets.data());
    // The level that each element has, found by its value, gives its code.
    std::vector<uint8_t> codes(static_cast<size_t>(count));
    for (size_t i = 0; i < codes.size(); ++i) {
      const size_t group = i / static_cast<size_t>(levels.group);
      int best = 0;
      double nearest = HUGE_VAL;
      for (int k = 0; k < levels.count; ++k) {
        const double off = std::fabs(double{levels.values[k]} * scales[group] +
                                     offsets[group] - decoded[i]);
        if (off < nearest) {
          nearest = off;
          best = k;
        }
      }
      EXPECT_LE(nearest, 1e-6 * std::fabs(decoded[i]) + 1e-9) << spec;
      codes[i] = levels.codes[best];
    }
    replaceCodes(shape, codes.data(), count, encoded.parts());
    EXPECT_EQ(encoded.decoded(), decoded) << spec;
    std::fill(codes.begin(), codes.end(), levels.codes[0]);
    replaceCodes(shape, codes.data(), count, encoded.parts());
    const std::vector<float> lowest = encoded.decoded();
    for (size_t i = 0; i < lowest.size(); ++i) {
      const size_t group = i / static_cast<size_t>(levels.group);
      const float want = levels.values[0] * scales[group] + offsets[group];
      EXPECT_NEAR(lowest[i], want, 1e-6 * std::fabs(want) + 1e-9) << spec;
    }
  }
}
