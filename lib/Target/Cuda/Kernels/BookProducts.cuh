//===- BookProducts.cuh - Codes of books times an input's digits ----------===//
//
// Bytes of entries are operands as those of integers are, found in registers:
// BookPlanes.h. What bounds it is permutations of bytes, eight for eight codes.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_KERNELS_BOOKPRODUCTS_CUH
#define QZC_KERNELS_BOOKPRODUCTS_CUH

#include "BookPlanes.h"
#include "Weights.cuh"

namespace qzc::kernels {

/// The number of two digits' sums, the lower one first.
QZC_DEVICE float joinDigits(const int *sums) {
  return static_cast<float>(sums[1] * 256 + sums[0]);
}

/// The words of a book that permutations have in registers, each beside a
/// constant. Of words that the compiler knew it would move one from a uniform
/// register before each permutation.
template <class Book> struct BookTable {
  static constexpr BookPlanes kPlanes = Book::kPlanes;
  unsigned words[2][2]; ///< [half][plane], of the first four entries

  QZC_DEVICE BookTable() {
#pragma unroll
    for (int half = 0; half < 2; ++half)
#pragma unroll
      for (int plane = 0; plane < 2; ++plane)
        words[half][plane] =
            threadIdx.x < blockDim.x ? kPlanes.words[half][plane][0] : 0;
  }
  /// The bytes of four codes; of the upper half they are asked for inverted.
  QZC_DEVICE unsigned four(int half, int plane, unsigned codes) const {
    return permuteBytes(words[half][plane], kPlanes.words[half][plane][1],
                        codes);
  }
};

/// ByteProducts of a book.
template <class Book, int Pairs> struct BookProducts {
  using Table = BookTable<Book>;
  static constexpr int kMiddle = 0;

  int sums[Pairs][2][2][4] = {}; ///< [pair of digits][half][plane]

  /// The even element is in a byte's high nibble.
  QZC_DEVICE static float4 staged(const float4 &v) {
    return {v.y, v.x, v.w, v.z};
  }
  QZC_DEVICE void add(const Table &table, const uint4 &first,
                      const uint4 &second, int i,
                      const uint2 (&digits)[Pairs]) {
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const unsigned flip = half ? 0xffffffffu : 0;
      const unsigned x = word(first, i) ^ flip;
      const unsigned y = word(second, i) ^ flip;
#pragma unroll
      for (int plane = 0; plane < 2; ++plane) {
        const unsigned rows[4] = {table.four(half, plane, x),
                                  table.four(half, plane, y),
                                  table.four(half, plane, upperHalf(x)),
                                  table.four(half, plane, upperHalf(y))};
#pragma unroll
        for (int p = 0; p < Pairs; ++p)
          multiplyAccumulateBytes(sums[p][half][plane], rows, digits[p].x,
                                  digits[p].y);
      }
    }
  }
  QZC_DEVICE float sum(int pair, int row) const {
    float sum = 0.0f;
#pragma unroll
    for (int half = 0; half < 2; ++half)
#pragma unroll
      for (int plane = 0; plane < 2; ++plane)
        sum =
            fmaf(joinDigits(sums[pair][half][plane] + 2 * row),
                 static_cast<float>(Table::kPlanes.weights[half][plane]), sum);
    return sum;
  }
};

} // namespace qzc::kernels

#endif // QZC_KERNELS_BOOKPRODUCTS_CUH
