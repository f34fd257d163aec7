//===- ProductsTest.cpp - Sums of products of inputs ----------------------===//

#include "Calibrate/Products.h"

#include "qzc/Encode/OutputError.h"

#include <gtest/gtest.h>
#include <random>

using namespace qzc;
using namespace qzc::calibrate;

TEST(Products, AreXtXAndWhatErrorsDoToOutputs) {
  std::mt19937 random(3);
  std::normal_distribution<float> normal(0, 1);
  for (const auto &[columns, rows, stride] : {std::array<int64_t, 3>{1, 1, 1},
                                              {5, 3, 5},
                                              {37, 200, 40},
                                              {96, 64, 96},
                                              {130, 129, 131}}) {
    std::vector<float> x(static_cast<size_t>(rows * stride));
    for (float &value : x)
      value = normal(random);
    std::vector<std::vector<float>> sums;
    for (const int threads : {1, 3}) {
      ThreadPool pool(threads);
      Products products(columns);
      // Sums of 64 rows begin anew with each call.
      products.add(x.data(), rows, stride, pool);
      sums.push_back(products.finish());
    }
    EXPECT_EQ(sums[0], sums[1]);
    for (int64_t i = 0; i < columns; ++i)
      for (int64_t j = 0; j <= i; ++j) {
        double want = 0;
        for (int64_t t = 0; t < rows; ++t)
          want += double{x[static_cast<size_t>(t * stride + i)]} *
                  x[static_cast<size_t>(t * stride + j)];
        EXPECT_NEAR(sums[0][static_cast<size_t>(encode::triangle(i) + j)], want,
                    1e-4 * static_cast<double>(rows));
      }

    encode::InputStatistics input;
    input.columns = columns;
    input.products = sums[0].data();
    std::vector<float> weight(static_cast<size_t>(19 * columns));
    for (float &value : weight)
      value = normal(random);
    double want = 0;
    for (int64_t row = 0; row < 19; ++row)
      for (int64_t t = 0; t < rows; ++t) {
        double y = 0;
        for (int64_t i = 0; i < columns; ++i)
          y += double{weight[static_cast<size_t>(row * columns + i)]} *
               x[static_cast<size_t>(t * stride + i)];
        want += y * y;
      }
    EXPECT_NEAR(encode::outputSquares(input, weight.data(), 19), want,
                1e-4 * want);
  }
}
