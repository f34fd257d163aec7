//===- Operands.cuh - Stored weights as operands of tensor cores ----------===//
//
// Codes become f16 exactly, values of code books the sum of two f16.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_KERNELS_OPERANDS_CUH
#define QZC_KERNELS_OPERANDS_CUH

#include "Weights.cuh"

namespace qzc::kernels {

/// How a storage's chunks become operands.
///   kTerms        f16 values that a weight is the sum of
///   kTableBytes   shared memory that decoding needs
///   order(e)      where element e of a chunk stands among the operands': a
///                 permutation inside of aligned fours of elements
///   fill(table, thread, threads)
///   pairs(bits, m, table, first, second)
///                 elements 4m … 4m + 3, in that order, of the chunk
///   kLaneStep, kHalfStep
///                 a chunk dealt to the four lanes of a quad (Dealt) gives lane
///                 t the fours m = kLaneStep · t + kHalfStep · h, h = 0, 1
template <Storage S> struct Operands;

/// Of storages whose weights are one f16, found without a table; elements are
/// in their order where nothing else is said.
template <int LaneStep, int HalfStep> struct OneTerm {
  static constexpr int kTerms = 1;
  static constexpr int kTableBytes = 0;
  static constexpr int kLaneStep = LaneStep;
  static constexpr int kHalfStep = HalfStep;
  QZC_DEVICE static constexpr int order(int e) { return e; }
  QZC_DEVICE static void fill(void *, int, int) {}
};

/// Bytes, of which `Middle` stands for 0 once the bits of `Flip` are turned. A
/// code in the mantissa of an f16 makes it 1024 + code.
template <int Middle, unsigned Flip = 0> struct ByteOperands : OneTerm<1, 0> {
  QZC_DEVICE static void pairs(const uint4 &bits, int m, const void *,
                               unsigned (&first)[1], unsigned (&second)[1]) {
    const unsigned four = word(bits, m) ^ Flip;
    constexpr unsigned bias = 0x64006400u + Middle * 0x00010001u;
    first[0] = subtractHalves(__byte_perm(four, 0x64646464u, 0x4140), bias);
    second[0] = subtractHalves(__byte_perm(four, 0x64646464u, 0x4342), bias);
  }
};
using SignedOperands = ByteOperands<128, 0x80808080u>;
template <> struct Operands<Storage::Int8> : SignedOperands {};
template <> struct Operands<Storage::Int8Absmax> : SignedOperands {};
template <> struct Operands<Storage::Q8_0> : SignedOperands {};
template <> struct Operands<Storage::Int8g> : ByteOperands<128> {};
template <> struct Operands<Storage::Int8gAsym> : ByteOperands<0> {};

template <> struct Operands<Storage::Fp8> : OneTerm<1, 0> {
  QZC_DEVICE static void pairs(const uint4 &bits, int m, const void *,
                               unsigned (&first)[1], unsigned (&second)[1]) {
    first[0] = fp8Halves<0>(word(bits, m));
    second[0] = fp8Halves<2>(word(bits, m));
  }
};

template <> struct Operands<Storage::Q4_0> : OneTerm<2, 1> {
  /// Byte j of a chunk has elements j and 16 + j. Operands 8w … 8w + 3 are the
  /// low nibbles of bytes 4w, 4w + 2, 4w + 1, 4w + 3, the next four the high
  /// ones: what masks and shifts give.
  QZC_DEVICE static constexpr int order(int e) {
    const int byte = e % 16;
    const int inner = byte % 4;
    return byte / 4 * 8 + e / 16 * 4 + (inner % 2) * 2 + inner / 2;
  }
  QZC_DEVICE static void pairs(const uint4 &bits, int m, const void *,
                               unsigned (&first)[1], unsigned (&second)[1]) {
    const unsigned even = word(bits, m / 2);
    const unsigned odd = even >> 8;
    if (m % 2 == 0) {
      constexpr unsigned bias = 0x64086408u; // 1024 + 8
      first[0] = subtractHalves((even & 0x000f000fu) | 0x64006400u, bias);
      second[0] = subtractHalves((odd & 0x000f000fu) | 0x64006400u, bias);
      return;
    }
    // 1024 + 16 · code, by 1/16, less 64 + 8.
    constexpr unsigned part = 0x2c002c00u;
    constexpr unsigned bias = 0xd480d480u;
    first[0] =
        multiplyAddHalves((even & 0x00f000f0u) | 0x64006400u, part, bias);
    second[0] =
        multiplyAddHalves((odd & 0x00f000f0u) | 0x64006400u, part, bias);
  }
};

/// Codes in planes, of which `Middle` stands for 0.
template <int Bits, int Middle> struct PlanarOperands : OneTerm<1, 4> {
  /// Of four neighbours the first and third, then the others.
  QZC_DEVICE static constexpr int order(int e) {
    return e / 4 * 4 + e % 2 * 2 + e % 4 / 2;
  }
  QZC_DEVICE static void pairs(const PlanarCodes<Bits> &codes, int m,
                               const void *, unsigned (&first)[1],
                               unsigned (&second)[1]) {
    const unsigned four = codes.four(m);
    constexpr unsigned bias = 0x64006400u + Middle * 0x00010001u;
    first[0] = subtractHalves((four & 0x00ff00ffu) | 0x64006400u, bias);
    second[0] = subtractHalves((four >> 8 & 0x00ff00ffu) | 0x64006400u, bias);
  }
};
template <> struct Operands<Storage::Q4_1> : PlanarOperands<4, 0> {};
template <> struct Operands<Storage::Q5_0> : PlanarOperands<5, 16> {};
template <> struct Operands<Storage::Q5_1> : PlanarOperands<5, 0> {};
template <> struct Operands<Storage::Q4_K> : PlanarOperands<4, 0> {};
template <> struct Operands<Storage::Q5_K> : PlanarOperands<5, 0> {};
template <> struct Operands<Storage::Int4> : PlanarOperands<4, 8> {};
template <> struct Operands<Storage::Int4Asym> : PlanarOperands<4, 0> {};
template <> struct Operands<Storage::Int3> : PlanarOperands<3, 4> {};
template <> struct Operands<Storage::Int3Asym> : PlanarOperands<3, 0> {};
template <> struct Operands<Storage::Int2> : PlanarOperands<2, 2> {};
template <> struct Operands<Storage::Int2Asym> : PlanarOperands<2, 0> {};
template <> struct Operands<Storage::Ternary> : PlanarOperands<2, 1> {};

/// What an entry of a code book's table is made of: of a byte's two values
/// their high parts and their rests, an operand's registers as they are; or
/// each value's parts, so that operands are made by byte permutations. A
/// product with several tiles would copy the former's registers, a product with
/// one waits longer for the latter's.
enum class Entry { Terms, Values };

/// Code books: a byte's two values in a table, as two f16 each. The table is
/// there once for each pair of banks, so that lanes never collide.
template <class Book, Entry Order> struct BookOperands {
  static constexpr int kTerms = 2;
  static constexpr int kLaneStep = 2;
  static constexpr int kHalfStep = 1;
  static constexpr int kCopies = 16;
  static constexpr int kTableBytes = 256 * kCopies * 8;
  QZC_DEVICE static constexpr int order(int e) { return e; }
  QZC_DEVICE static void fill(void *table, int thread, int threads) {
    for (int i = thread; i < 256; i += threads) {
      // The even element is in a byte's high nibble.
      const float even = Book::at(static_cast<unsigned>(i) >> 4);
      const float odd = Book::at(i & 15u);
      const unsigned high = packHalves(even, odd);
      const unsigned low =
          packHalves(even - lowHalf(high), odd - highHalf(high));
      const uint2 entry = ordered(make_uint2(high, low));
      for (int copy = 0; copy < kCopies; ++copy)
        static_cast<uint2 *>(table)[i * kCopies + (copy + i) % kCopies] = entry;
    }
  }
  QZC_DEVICE static void pairs(const uint4 &bits, int m, const void *table,
                               unsigned (&first)[2], unsigned (&second)[2]) {
    const unsigned four = word(bits, m / 2);
    const uint2 a = ordered(entry(table, four, m % 2 * 2));
    const uint2 b = ordered(entry(table, four, m % 2 * 2 + 1));
    first[0] = a.x, first[1] = a.y;
    second[0] = b.x, second[1] = b.y;
  }

private:
  /// Terms from an entry, and an entry from terms.
  QZC_DEVICE static uint2 ordered(uint2 entry) {
    if constexpr (Order == Entry::Terms)
      return entry;
    return make_uint2(__byte_perm(entry.x, entry.y, 0x5410),
                      __byte_perm(entry.x, entry.y, 0x7632));
  }
  /// This lane's copy of the entry of byte `byte` of four.
  QZC_DEVICE static uint2 entry(const void *table, unsigned four, int byte) {
    constexpr int bits = 7;
    constexpr int bytes = 1 << bits;
    static_assert(bytes == kCopies * 8, "of an entry");
    const unsigned shifted =
        byte == 0 ? four << bits : four >> (8 * byte - bits);
    const unsigned copy = threadIdx.x % kCopies * 8;
    return *reinterpret_cast<const uint2 *>(static_cast<const char *>(table) +
                                            (shifted & 255u * bytes | copy));
  }
};
template <Storage S>
using SharedBookOperands = BookOperands<BookOf<S>, Entry::Values>;
template <> struct Operands<Storage::Nf4> : SharedBookOperands<Storage::Nf4> {};
template <>
struct Operands<Storage::Nf4Double> : SharedBookOperands<Storage::Nf4Double> {};
template <> struct Operands<Storage::Fp4> : SharedBookOperands<Storage::Fp4> {};
template <>
struct Operands<Storage::Fp4Double> : SharedBookOperands<Storage::Fp4Double> {};

/// 16-bit floats are operands as they are.
struct FloatOperands : OneTerm<1, 0> {
  QZC_DEVICE static void pairs(const uint4 &bits, int m, const void *,
                               unsigned (&first)[1], unsigned (&second)[1]) {
    first[0] = word(bits, 2 * m);
    second[0] = word(bits, 2 * m + 1);
  }
};
template <> struct Operands<Storage::F16> : FloatOperands {};
template <> struct Operands<Storage::BF16> : FloatOperands {};

} // namespace qzc::kernels

#endif // QZC_KERNELS_OPERANDS_CUH
