//===- Products.cpp - The products of a layer's inputs --------------------===//

#include "Products.h"

#include "qzc/Encode/Statistics.h"
#include "qzc/Format/VectorClones.h"

#include <algorithm>

namespace qzc::calibrate {

/// Rows whose products are summed in f32.
static constexpr int64_t kRows = 64;
/// Products that are summed together: four columns with sixteen.
static constexpr int64_t kHeight = 4;
static constexpr int64_t kWidth = 16;

static int64_t roundUp(int64_t value, int64_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

Products::Products(int64_t columns)
    : Columns(columns), Stride(roundUp(columns, kWidth)),
      Block(static_cast<size_t>(kRows * Stride)),
      Sums(static_cast<size_t>(encode::triangle(columns))) {}

/// tile[i][j] = Σ_t block[t][left + i] · block[t][right + j].
QZC_VECTOR_CLONES
static void multiplyTile(const float *block, int64_t stride, int64_t rows,
                         int64_t left, int64_t right,
                         float (&tile)[kHeight][kWidth]) {
  using format::Eight;
  Eight sums[kHeight][2] = {};
  for (int64_t t = 0; t < rows; ++t) {
    const float *row = block + t * stride;
    const auto *pair = reinterpret_cast<const Eight *>(row + right);
    for (int64_t i = 0; i < kHeight; ++i) {
      sums[i][0] += pair[0] * row[left + i];
      sums[i][1] += pair[1] * row[left + i];
    }
  }
  for (int64_t i = 0; i < kHeight; ++i) {
    auto *out = reinterpret_cast<Eight *>(tile[i]);
    out[0] = sums[i][0];
    out[1] = sums[i][1];
  }
}

void Products::addBlock(int64_t count, ThreadPool &pool) {
  const int64_t bands = (Columns + kHeight - 1) / kHeight;
  pool.parallelFor(bands, 1, [&](int64_t begin, int64_t end, int) {
    float tile[kHeight][kWidth];
    for (int64_t band = begin; band < end; ++band) {
      const int64_t left = band * kHeight;
      const int64_t last = std::min(left + kHeight, Columns);
      for (int64_t right = 0; right < last; right += kWidth) {
        multiplyTile(Block.data(), Stride, count, left, right, tile);
        for (int64_t i = left; i < last; ++i) {
          double *out = Sums.data() + encode::triangle(i) + right;
          const int64_t width = std::min(kWidth, i + 1 - right);
          for (int64_t j = 0; j < width; ++j)
            out[j] += static_cast<double>(tile[i - left][j]);
        }
      }
    }
  });
}

void Products::add(const float *rows, int64_t count, int64_t stride,
                   ThreadPool &pool) {
  for (int64_t begin = 0; begin < count; begin += kRows) {
    const int64_t some = std::min(kRows, count - begin);
    for (int64_t t = 0; t < some; ++t)
      std::copy_n(rows + (begin + t) * stride, Columns,
                  Block.begin() + t * Stride);
    addBlock(some, pool);
  }
}

std::vector<float> Products::finish() {
  std::vector<float> packed(Sums.begin(), Sums.end());
  std::vector<double>().swap(Sums);
  return packed;
}

} // namespace qzc::calibrate
