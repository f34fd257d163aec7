//===- BookPlanesTest.cpp - Planes of bytes stand for the code books ------===//

#include "Emulator.h"

#include "BookProducts.cuh"

#include <gtest/gtest.h>

using namespace qzc;
using namespace qzc::kernels;

namespace {
TEST(BookPlanesTest, PermutationsSelectBytesOrSigns) {
  const unsigned a = 0x83728100u;
  const unsigned b = 0xf7e605d4u;
  EXPECT_EQ(permuteBytes(a, b, 0x3210), a);
  EXPECT_EQ(permuteBytes(a, b, 0x7654), b);
  EXPECT_EQ(permuteBytes(a, b, 0x0471), 0x00d4f781u);
  EXPECT_EQ(permuteBytes(a, b, 0xba98), 0xff00ff00u);
  EXPECT_EQ(permuteBytes(a, b, 0xfedc), 0xffff00ffu);
  // Nibbles behind the fourth are of no matter.
  EXPECT_EQ(permuteBytes(a, b, 0xfedcc3a5u), 0xff830005u);
}

/// What a code comes to that stands among others, times 1.
template <class Book> double valueOf(unsigned code, unsigned others, int at) {
  threadIdx.x = 0;
  blockDim.x = 32;
  const BookTable<Book> table;
  const unsigned shift = 4 * unsigned(at);
  const unsigned codes = (others & ~(15u << shift)) | code << shift;
  double sum = 0;
  for (int half = 0; half < 2; ++half)
    for (int plane = 0; plane < 2; ++plane) {
      const unsigned four = table.four(half, plane, half ? ~codes : codes);
      sum += static_cast<signed char>(four >> (8 * at)) *
             Book::kPlanes.weights[half][plane];
    }
  return sum;
}

/// Of each code wherever it stands, beside codes of both halves of the book.
template <class Book> void compare(const float (&book)[16], double most) {
  for (unsigned code = 0; code < 16; ++code)
    for (int at = 0; at < 4; ++at)
      for (const unsigned others : {0u, 0xffffu, 0x7f08u, 0xa5c3u}) {
        const double value = valueOf<Book>(code, others, at);
        EXPECT_NEAR(value, book[code], most)
            << "code " << code << " at " << at << " of " << others;
        EXPECT_TRUE(book[code] != 0.0f || value == 0.0);
      }
}

TEST(BookPlanesTest, StandForNf4) {
  compare<Nf4Book>(format::nf4::kCodeBook, 7e-7);
}
TEST(BookPlanesTest, StandForFp4) {
  // Its entries are 192nds, rounded to floats.
  compare<Fp4Book>(format::fp4::kCodeBook, 3e-8);
}
} // namespace
