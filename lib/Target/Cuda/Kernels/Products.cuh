//===- Products.cuh - Decoded weights times columns of tokens -------------===//
//
// Rows of weights are the row operand of mma.m16n8k16, the tokens of
// Columns.cuh its columns. Products are exact, but for code books, of which
// 2^-22 is lost; sums are f32 in an order that does not depend on the tokens
// beside.
//
// Lane 4g + t loads a fourth of a group of four chunks of rows g and g + 8. A
// product is of one scale: of blocks that are long enough lanes load what they
// multiply, chunks with scales are dealt to the quad's lanes.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_KERNELS_PRODUCTS_CUH
#define QZC_KERNELS_PRODUCTS_CUH

#include "Columns.cuh"

namespace qzc::kernels {

/// The codes of a quad's four chunks, dealt to its lanes; chunk(j) is what
/// Operands::pairs finds this lane's part of chunk j in, at four kHalfStep · h.
template <class Codes> struct Dealt;

/// Lane t has word t of each chunk.
template <> struct Dealt<uint4> {
  uint4 words;
  Dealt() = default;
  QZC_DEVICE Dealt(uint4 v, int t) {
    exchange(v.x, v.y, t & 1, 1);
    exchange(v.z, v.w, t & 1, 1);
    exchange(v.x, v.z, t & 2, 2);
    exchange(v.y, v.w, t & 2, 2);
    words = v;
  }
  QZC_DEVICE uint4 chunk(int j) const {
    const unsigned mine = word(words, j);
    return make_uint4(mine, mine, mine, mine);
  }

private:
  /// The second value for the first one of the partner, who is `late`.
  QZC_DEVICE static void exchange(unsigned &first, unsigned &second, bool late,
                                  int mask) {
    const unsigned got =
        __shfl_xor_sync(QZC_FULL_WARP, late ? first : second, mask);
    if (late)
      first = got;
    else
      second = got;
  }
};
template <> struct Dealt<Plane<0>> {
  Dealt() = default;
  QZC_DEVICE Dealt(const Plane<0> &, int) {}
  QZC_DEVICE Plane<0> chunk(int) const { return {}; }
};
/// Words of the chunks of a quad: word j of chunk j.
QZC_DEVICE uint4 wordsOfQuad(unsigned mine, int shift) {
  unsigned words[4];
#pragma unroll
  for (int j = 0; j < 4; ++j)
    words[j] = __shfl_sync(QZC_FULL_WARP, mine, j, 4) >> shift;
  return make_uint4(words[0], words[1], words[2], words[3]);
}
/// All lanes have the chunk's bits; those of lane t begin at bit t of a byte.
template <> struct Dealt<Plane<1>> {
  uint4 bits;
  Dealt() = default;
  QZC_DEVICE Dealt(const Plane<1> &plane, int t)
      : bits(wordsOfQuad(plane.bits, t)) {}
  QZC_DEVICE Plane<1> chunk(int j) const { return {word(bits, j)}; }
};
template <> struct Dealt<Plane<2>> {
  uint4 first, second;
  Dealt() = default;
  QZC_DEVICE Dealt(const Plane<2> &plane, int t)
      : first(wordsOfQuad(plane.bits.x, 2 * t)),
        second(wordsOfQuad(plane.bits.y, 2 * t)) {}
  QZC_DEVICE Plane<2> chunk(int j) const {
    return {make_uint2(word(first, j), word(second, j))};
  }
};
template <> struct Dealt<Plane<4>> {
  Dealt<uint4> words;
  Dealt() = default;
  QZC_DEVICE Dealt(const Plane<4> &plane, int t) : words(plane.bits, t) {}
  QZC_DEVICE Plane<4> chunk(int j) const { return {words.chunk(j)}; }
};
template <int Bits> struct Dealt<PlanarCodes<Bits>> {
  using P = format::Planes<Bits>;
  Dealt<Plane<P::kLow>> low;
  Dealt<Plane<P::kHigh>> high;
  Dealt() = default;
  QZC_DEVICE Dealt(const PlanarCodes<Bits> &codes, int t)
      : low(codes.low, t), high(codes.high, t) {}
  QZC_DEVICE PlanarCodes<Bits> chunk(int j) const {
    return {low.chunk(j), high.chunk(j)};
  }
};

/// Operands for products with `Tiles` tiles of tokens. With an only one entries
/// of a code book's table are operands as they are: 8 rows' values and their
/// rests are the 16 rows of one, which takes a product more and saves many byte
/// permutations.
template <Storage S, int Tiles>
constexpr bool kTermsAreRows = Tiles == 1 && Operands<S>::kTerms > 1;
template <Storage S, int Tiles>
using OperandsFor =
    typename Choose<kTermsAreRows<S, Tiles>,
                    BookOperands<BookOf<S>, Entry::Terms>, Operands<S>>::Type;

/// Sums of RowTiles times 16 rows and Tiles times 8 tokens, as mma has them, in
/// two chains where one tile would make one long.
template <Storage S, int RowTiles, int Tiles> struct TileSums {
  static constexpr bool kAsRows = kTermsAreRows<S, Tiles>;
  static constexpr int kChains = RowTiles * Tiles > 1 ? 1 : 2;
  static constexpr int kHalves = kAsRows ? 2 : 1; ///< operands of 16 rows
  float c[kChains][RowTiles][Tiles][kHalves][4];

  QZC_DEVICE void clear() {
#pragma unroll
    for (int chain = 0; chain < kChains; ++chain)
#pragma unroll
      for (int r = 0; r < RowTiles; ++r)
#pragma unroll
        for (int tile = 0; tile < Tiles; ++tile)
#pragma unroll
          for (int half = 0; half < kHalves; ++half)
#pragma unroll
            for (int e = 0; e < 4; ++e)
              c[chain][r][tile][half][e] = 0.0f;
  }
  /// Adds the products of rows `a`, the sum of Terms values, and columns `b`.
  template <int Terms>
  QZC_DEVICE void multiply(const unsigned (&a)[RowTiles][Terms][4],
                           const uint4 (&b)[Tiles]) {
#pragma unroll
    for (int term = 0; term < Terms; ++term)
#pragma unroll
      for (int part = 0; part < 2; ++part)
#pragma unroll
        for (int r = 0; r < RowTiles; ++r)
#pragma unroll
          for (int i = 0; i < Tiles; ++i) {
            // Both are what rounding left: less than 2^-22 of the product.
            if (!kAsRows && term == 1 && part == 1)
              continue;
            float(&sums)[4] = c[part % kChains][r][i][kAsRows ? term : 0];
            const unsigned b0 = part == 0 ? b[i].x : b[i].z;
            const unsigned b1 = part == 0 ? b[i].y : b[i].w;
            if constexpr (S == Storage::BF16)
              multiplyAccumulateBFloat16(sums, a[r][term], b0, b1);
            else
              multiplyAccumulate(sums, a[r][term], b0, b1);
          }
  }
  QZC_DEVICE float sum(int r, int tile, int e) const {
    return kChains == 1 ? ofChain(0, r, tile, e)
                        : ofChain(0, r, tile, e) + ofChain(1, r, tile, e);
  }

private:
  QZC_DEVICE float ofChain(int chain, int r, int tile, int e) const {
    const auto &halves = c[chain][r][tile];
    if constexpr (kAsRows)
      return halves[e / 2][e % 2] + halves[e / 2][e % 2 + 2];
    else
      return halves[0][e];
  }
};

/// Whether chunks or their operands take more registers than others: those of
/// code books that are dealt.
template <int K, Storage S, int Block> constexpr bool isLargeBook() {
  return Operands<S>::kTerms > 1 &&
         Columns<K, S, Block>::kSpread == Spread::Dealt;
}

/// What a lane has of a group of four chunks in one row: a chunk.
template <int K, Storage S, int Block,
          Spread How = Columns<K, S, Block>::kSpread>
struct RowGroup {
  using W = Weights<S, Block>;
  typename W::Chunk chunk;

  QZC_DEVICE static RowGroup zero() { return {W::zero()}; }
  /// Group `group` of a row; chunks beyond its end are zero.
  template <WeightOrder InOrder>
  QZC_DEVICE static RowGroup load(const MatvecRow &row, int group, int t) {
    const int index = 4 * group + t;
    if (index >= Columns<K, S, Block>::kChunks)
      return zero();
    return {W::load(row.data, row.scales,
                    elementNumber<WeightConfig{S, Block, InOrder}, K>(
                        row.stored, index * W::kPerChunk))};
  }
  QZC_DEVICE const auto &codes() const { return chunk.bits; }
};

/// A fourth of two blocks of 64 codes of four bits.
template <int K, Storage S, int Block>
struct RowGroup<K, S, Block, Spread::Blocks> {
  uint4 bits;
  float scales[2];

  QZC_DEVICE static RowGroup zero() { return {}; }
  template <WeightOrder InOrder>
  QZC_DEVICE static RowGroup load(const MatvecRow &row, int group, int t) {
    const long long first = elementNumber<WeightConfig{S, Block, InOrder}, K>(
        row.stored, group * 128);
    const char *codes = static_cast<const char *>(row.data) + first / 2 + t * 8;
    const auto *scales = static_cast<const float *>(row.scales);
    RowGroup result = {};
    const bool isSecond = K % 128 == 0 || group * 128 + 64 < K;
    const uint2 one = loadStreamingTwo(codes);
    result.bits.x = one.x, result.bits.y = one.y;
    if (isSecond) {
      const uint2 two = loadStreamingTwo(codes + 32);
      result.bits.z = two.x, result.bits.w = two.y;
    }
    if constexpr (Block == 64 && K % 128 == 0) {
      const float2 both =
          *reinterpret_cast<const float2 *>(scales + first / Block);
      result.scales[0] = both.x, result.scales[1] = both.y;
    } else {
      result.scales[0] = scales[first / Block];
      if (isSecond)
        result.scales[1] = scales[(first + 64) / Block];
    }
    return result;
  }
  QZC_DEVICE const uint4 &codes() const { return bits; }
};

/// A group in two rows of a tile, `row` and `row` + 8.
template <int K, Storage S, int Block> struct RowPair {
  RowGroup<K, S, Block> low, high;

  QZC_DEVICE static RowPair zero() {
    return {RowGroup<K, S, Block>::zero(), RowGroup<K, S, Block>::zero()};
  }
};

/// A tile's sums, plus `more` times the factors of its lower and upper rows.
template <int Tiles, class More>
QZC_DEVICE void addTimes(float (&sums)[Tiles][4], const More &more, float lower,
                         float upper) {
#pragma unroll
  for (int tile = 0; tile < Tiles; ++tile)
#pragma unroll
    for (int e = 0; e < 4; ++e)
      sums[tile][e] = fmaf(more(tile, e), e < 2 ? lower : upper, sums[tile][e]);
}

/// Fours `four` of two rows' codes as row operands: one for each term, or where
/// terms are rows one for each row.
template <Storage S, int Tiles, class Codes>
QZC_DEVICE void rowOperand(unsigned (&a)[Operands<S>::kTerms][4],
                           const Codes &low, const Codes &high, int four,
                           const void *table) {
  using O = OperandsFor<S, Tiles>;
  unsigned lower[2][O::kTerms];
  unsigned upper[2][O::kTerms];
  O::pairs(low, four, table, lower[0], lower[1]);
  O::pairs(high, four, table, upper[0], upper[1]);
  if constexpr (kTermsAreRows<S, Tiles>) {
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      a[0][i] = lower[i / 2][i % 2];
      a[1][i] = upper[i / 2][i % 2];
    }
    return;
  }
#pragma unroll
  for (int term = 0; term < O::kTerms; ++term) {
    a[term][0] = lower[0][term], a[term][1] = upper[0][term];
    a[term][2] = lower[1][term], a[term][3] = upper[1][term];
  }
}

/// What a lane multiplies of a group in a tile of rows: codes dealt where they
/// are to be.
template <int K, Storage S, int Block,
          Spread How = Columns<K, S, Block>::kSpread>
struct RowOperands {
  using O = Operands<S>;
  RowPair<K, S, Block> pair;

  QZC_DEVICE void set(const RowPair<K, S, Block> &rows, int) { pair = rows; }
  /// The operands of a step.
  template <int Tiles>
  QZC_DEVICE void operand(unsigned (&a)[O::kTerms][4], int step,
                          const void *table) const {
    rowOperand<S, Tiles>(a, pair.low.codes(), pair.high.codes(), step, table);
  }
  /// What sums of the scale-th steps of one scale are multiplied with.
  QZC_DEVICE float scale(bool upper, int scale) const {
    if constexpr (How == Spread::Blocks)
      return (upper ? pair.high : pair.low).scales[scale];
    return 1.0f;
  }
};
template <int K, Storage S, int Block>
struct RowOperands<K, S, Block, Spread::Dealt> {
  using W = Weights<S, Block>;
  using O = Operands<S>;
  static constexpr int kHalves = Columns<K, S, Block>::kHalves;
  Dealt<decltype(W::Chunk::bits)> low, high;
  float scales[2]; ///< of this lane's chunk
  float minima[2];

  QZC_DEVICE void set(const RowPair<K, S, Block> &rows, int t) {
    low = {rows.low.chunk.bits, t};
    high = {rows.high.chunk.bits, t};
    scales[0] = W::scale(rows.low.chunk);
    scales[1] = W::scale(rows.high.chunk);
    if constexpr (W::kAffine) {
      minima[0] = W::minimum(rows.low.chunk);
      minima[1] = W::minimum(rows.high.chunk);
    }
  }
  template <int Tiles>
  QZC_DEVICE void operand(unsigned (&a)[O::kTerms][4], int step,
                          const void *table) const {
    const int chunk = step / kHalves;
    rowOperand<S, Tiles>(a, low.chunk(chunk), high.chunk(chunk),
                         O::kHalfStep * (step % kHalves), table);
  }
  QZC_DEVICE float scale(bool upper, int chunk) const {
    return __shfl_sync(QZC_FULL_WARP, scales[upper], chunk, 4);
  }
  QZC_DEVICE float minimum(bool upper, int chunk) const {
    return __shfl_sync(QZC_FULL_WARP, minima[upper], chunk, 4);
  }
};

/// Adds the products of a group's four chunks, `rows`, and of columns whose
/// tiles lie `stride` pieces apart to the sums of RowTiles tiles of rows.
template <int K, Storage S, int Block, int RowTiles, int Tiles>
QZC_DEVICE void multiplyGroup(float (&sums)[RowTiles][Tiles][4],
                              const RowPair<K, S, Block> (&rows)[RowTiles],
                              const uint4 *columns, int stride,
                              const void *table, int lane) {
  using C = Columns<K, S, Block>;
  constexpr bool affine = Weights<S, Block>::kAffine;
  constexpr int steps = C::kSteps;
  constexpr int ofScale = C::kSpread == Spread::Dealt    ? C::kHalves
                          : C::kSpread == Spread::Blocks ? 4
                                                         : steps;
  // Few warps with many products each: they load a step ahead, where sums of
  // inputs and codes to be dealt leave registers for it.
  constexpr bool isLarge = affine || isLargeBook<K, S, Block>();
  constexpr int ahead = Tiles > 1 && !isLarge ? 1 : 0;
  struct Step {
    unsigned a[RowTiles][Operands<S>::kTerms][4];
    uint4 b[Tiles];
  };
  RowOperands<K, S, Block> operands[RowTiles];
#pragma unroll
  for (int r = 0; r < RowTiles; ++r)
    operands[r].set(rows[r], lane % 4);
  auto load = [&](Step &step, int number) {
    const uint4 *pieces = columns + number * 32 + (lane ^ 4 * C::turn(number));
#pragma unroll
    for (int i = 0; i < Tiles; ++i)
      step.b[i] = pieces[i * stride];
#pragma unroll
    for (int r = 0; r < RowTiles; ++r)
      operands[r].template operand<Tiles>(step.a[r], number, table);
  };

  TileSums<S, RowTiles, Tiles> products;
  TileSums<S, 1, Tiles> inputs; ///< sums of inputs: products with ones
  Step ring[1 + ahead];
  if constexpr (ahead > 0)
    load(ring[0], 0);
  // Else one scale's steps at a time.
  constexpr int scales = steps / ofScale;
  constexpr int unrolled = Tiles > 1 && isLarge ? 1 : scales;
#pragma unroll unrolled
  for (int scale = 0; scale < scales; ++scale) {
    products.clear();
    inputs.clear();
#pragma unroll
    for (int i = 0; i < ofScale; ++i) {
      const int number = scale * ofScale + i;
      Step &step = ring[number % (1 + ahead)];
      if (number + ahead < steps)
        load(ring[(number + ahead) % (1 + ahead)], number + ahead);
      products.multiply(step.a, step.b);
      if constexpr (affine) {
        constexpr unsigned kOnes = 0x3c003c00u;
        const unsigned ones[1][1][4] = {{{kOnes, kOnes, kOnes, kOnes}}};
        inputs.multiply(ones, step.b);
      }
    }
#pragma unroll
    for (int r = 0; r < RowTiles; ++r) {
      addTimes(
          sums[r], [&](int tile, int e) { return products.sum(r, tile, e); },
          operands[r].scale(false, scale), operands[r].scale(true, scale));
      if constexpr (affine)
        addTimes(
            sums[r], [&](int tile, int e) { return inputs.sum(0, tile, e); },
            operands[r].minimum(false, scale),
            operands[r].minimum(true, scale));
    }
  }
}

} // namespace qzc::kernels

#endif // QZC_KERNELS_PRODUCTS_CUH
