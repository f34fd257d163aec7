//===- Kernels.h - The CPU engine's SIMD kernels ----------------*- C++ -*-===//
//
// One constant table of function pointers for every instruction set the kernels
// are compiled for. The tables are chosen by this project's own look at the
// CPU, so that Highway stays a header-only dependency. Kernels take raw
// pointers and share no inline functions with the rest of the program: code
// compiled for AVX-512 must not end up behind a symbol that an older CPU also
// calls.
//
// Every kernel computes each result by one fixed sequence of f32 and integer
// operations, whatever else is computed in the same call: how work is cut into
// ranges never changes a bit.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_RUNTIME_CPU_KERNELS_H
#define QZC_RUNTIME_CPU_KERNELS_H

#include "qzc/Format/Manifest.h"
#include "qzc/Runtime/Engine.h"

#include <cstdint>
#include <vector>

namespace qzc::runtime::cpu {

/// Weight rows of one packed panel, and keys of one panel of the key cache.
inline constexpr int64_t kPanel = 32;
/// Keys (4 panels) whose scores are held at once.
inline constexpr int64_t kKeyBlock = 128;
/// Column counts of the right-hand side of multiply() are multiples of this.
inline constexpr int64_t kColumnAlign = 16;
/// The most columns of one packed panel; the depth of a matrix product is cut
/// into equal blocks of at most this many, multiples of 32.
inline constexpr int64_t kMaxDepth = 256;

/// Activations are arranged for dot products by strips of this many chunks of
/// 32. Where rows are short, a strip may hold a row's activations several
/// times, one behind the other, for as many rows that are read as one.
inline constexpr int64_t kStripChunks = 128;
/// Places before a strip's first chunk and behind its last, for vectors that
/// reach beyond it.
inline constexpr int64_t kStripMargin = 8;
inline constexpr int64_t kStripPlaces = kStripChunks + 2 * kStripMargin;

/// Activations in the order in which a target's code books decode a chunk: four
/// lanes a chunk in each of eight rows.
struct alignas(64) TurnedStrip {
  float rows[8][kStripPlaces][4];
};

/// Activations as integers of 24 bits times a power of two for each chunk, for
/// codes of which each byte holds `Fields`. A 32-bit lane of codes is word j of
/// a chunk's 8 / Fields (Format/Schemes/Planes.h): field f of its byte i is
/// element 16f + 4j + i where there are two fields, 16j + 4f + i where there
/// are four, 4j + i where there is one.
template <int Fields> struct alignas(64) DigitStrip {
  static constexpr int kLanes = 8 / Fields;
  /// Digits of base 256 from -128 to 127, the highest first.
  int8_t digits[3][Fields][kStripPlaces][4 * kLanes];
  /// Eight times the integers, summed over each lane: of all fields, then, of
  /// two, of each.
  int32_t laneSums[Fields == 2 ? 3 : 1][kStripPlaces][kLanes];
  int32_t chunkSums[kStripChunks]; ///< of the integers
  int32_t digitSums[3][kStripChunks];
  /// Of two fields, of each.
  int32_t halfDigitSums[Fields == 2 ? 2 : 1][3][kStripChunks];
  float scales[kStripChunks + 16]; ///< NaN where an activation is not finite
  float sums[kStripChunks + 16];   ///< of the activations
};

/// Products of 64 activations with the entries of a code book: integers of 24
/// bits in three bytes, the lowest first. The order of the tables is the
/// target's (DotBookProducts-inl.h).
struct alignas(64) BookProducts {
  static constexpr int64_t kChunks = 2;
  /// What stands for 0.
  static constexpr int32_t kMiddle = 1 << 23;
  uint8_t tables[32 * kChunks * 3][16];
  float scale; ///< NaN where an activation is not finite
};

/// One token's activations as dot products read them (Activations.h); each
/// order by strips of kStripChunks chunks, or null.
struct Activations {
  const float *values; ///< [cols], as they are
  int64_t cols;
  /// Whether rows as stored are multiplied, too: they may be read several as
  /// one, and need sums of lanes.
  bool stored;
  TurnedStrip *turned;
  DigitStrip<2> *nibbles;    ///< for codes of 4 bits and more
  DigitStrip<4> *crumbs;     ///< for codes of 2 and 3 bits
  DigitStrip<1> *bytes;      ///< for codes of 8 bits in groups of rows
  BookProducts *products[2]; ///< nf4's and fp4's; a unit each
};

/// Dot products of weights: y[c * yStride + r - rowBegin] = W[r] · x[c] for the
/// rows [rowBegin, rowEnd) and x[0 … columns).
using MatVecFn = void (*)(const format::PackedView &weight, int64_t rowBegin,
                          int64_t rowEnd, const Activations *x, int64_t columns,
                          float *y, int64_t yStride);

/// Rows that share the vectors of a weight in groups.
inline constexpr int64_t kGroupRows = 16;

/// A weight in groups of rows (lib/Runtime/Cpu/RowGroups.h).
struct GroupedView {
  format::PackedShape shape; ///< of the weight it was made of
  const std::byte *data = nullptr;
};

/// Whether codes of four bits stand for entries of a book.
inline bool hasCodeBook(const format::PackedShape &shape) {
  return shape.scheme == format::Scheme::Nf4 ||
         shape.scheme == format::Scheme::Fp4;
}

/// Bits of a code of what may be in groups.
inline int groupedBits(const format::PackedShape &shape) {
  switch (shape.scheme) {
  case format::Scheme::Int2:
  case format::Scheme::Ternary:
    return 2;
  case format::Scheme::Int3:
    return 3;
  case format::Scheme::Q5_0:
  case format::Scheme::Q5_1:
  case format::Scheme::Q5_K:
    return 5;
  case format::Scheme::Q6_K:
    return 6;
  case format::Scheme::Q8_0:
  case format::Scheme::Int8g:
    return 8;
  default:
    return 4;
  }
}

/// Codes of 32 columns of a group.
inline int64_t groupedChunkBytes(const format::PackedShape &shape) {
  return groupedBits(shape) * 4 * kGroupRows;
}

/// Whether beside each scale there is a minimum or a zero point.
inline bool groupsPairs(const format::PackedShape &shape) {
  return shape.scheme == format::Scheme::Q4_1 ||
         shape.scheme == format::Scheme::Q5_1 ||
         shape.scales == format::ScaleCodec::Asym;
}

/// Whether eight chunks have scales and minima of six bits, which are bytes in
/// groups.
inline bool hasSixBitScales(const format::PackedShape &shape) {
  return shape.scheme == format::Scheme::Q4_K ||
         shape.scheme == format::Scheme::Q5_K;
}

/// What these take of a row: two f16 and 16 bytes.
inline constexpr int64_t kSixBitBlockBytes = 2 * 2 + 16;

/// Of q6_k: an f16 and 16 bytes.
inline constexpr int64_t kEightBitBlockBytes = 2 + 16;

/// What is beside a block's codes of a row: f32 of code books, however it is
/// stored, of k-quants numbers of six or eight bits, and else one or two f16.
inline int64_t groupedScaleBytes(const format::PackedShape &shape) {
  if (shape.scheme == format::Scheme::Q6_K)
    return kEightBitBlockBytes;
  if (hasSixBitScales(shape))
    return kSixBitBlockBytes;
  return hasCodeBook(shape) || groupsPairs(shape) ? 4 : 2;
}

/// Chunks of 32 columns that share a scale.
inline int64_t chunksOfScale(const format::PackedShape &shape) {
  switch (shape.scheme) {
  case format::Scheme::Q4_0:
  case format::Scheme::Q4_1:
  case format::Scheme::Q5_0:
  case format::Scheme::Q5_1:
  case format::Scheme::Q8_0:
    return 1;
  case format::Scheme::Ternary:
  case format::Scheme::Q4_K:
  case format::Scheme::Q5_K:
  case format::Scheme::Q6_K:
    return 8;
  default:
    return shape.blockSize / 32;
  }
}

/// Bytes of a group: codes, then scales.
inline int64_t groupBytes(const format::PackedShape &shape) {
  const int64_t chunks = shape.cols / 32;
  return chunks * groupedChunkBytes(shape) +
         chunks / chunksOfScale(shape) * kGroupRows * groupedScaleBytes(shape);
}

/// What kernels of groups find their way by.
class GroupedRows {
protected:
  explicit GroupedRows(const GroupedView &weight)
      : Data(reinterpret_cast<const uint8_t *>(weight.data)),
        Chunks(weight.shape.cols / 32), Bytes(groupBytes(weight.shape)),
        ScaleShift(__builtin_ctzll(
            static_cast<unsigned long long>(chunksOfScale(weight.shape)))) {}

  const uint8_t *Data;
  int64_t Chunks; ///< of a row
  int64_t Bytes;  ///< of a group
  int ScaleShift; ///< chunks of a scale, as a power of two
};

/// Decodes rows [rowBegin, rowBegin + rows), rows ≤ kPanel, columns
/// [colBegin, colBegin + cols) to packed [cols, kPanel]; missing rows are 0.
/// colBegin is a multiple of 32, cols ≤ kMaxDepth.
using PackPanelFn = void (*)(const format::PackedView &weight, int64_t rowBegin,
                             int64_t rows, int64_t colBegin, int64_t cols,
                             float *packed);

/// c [rows, cols] (+)= a [rows, depth] · b [depth, cols]; cols is a multiple of
/// kColumnAlign; strides in elements.
using MultiplyFn = void (*)(const float *a, int64_t aStride, int64_t rows,
                            const float *b, int64_t bStride, int64_t depth,
                            int64_t cols, float *c, int64_t cStride,
                            bool accumulate);

/// What remains of a linear layer for [rows, columns] of its results:
/// out = activation(y0 + bias0) [* (y1 + bias1)] [+ residual].
/// Null pointers stand for what is absent; y0 and y1 are overwritten; out may
/// be residual. Strides are in elements, from row to row.
struct FinishArgs {
  int64_t rows, columns;
  float *y0, *y1;
  int64_t yStride;
  const float *bias0, *bias1;
  format::Activation activation;
  const float *residual;
  int64_t residualStride;
  float *out;
  int64_t outStride;
};

/// Where one layer's keys and values of one sequence are, page by page: in each
/// page the keys of its positions as panels [kvHeads, pageSize / kPanel,
/// headDim, kPanel], the values as [kvHeads, pageSize, valueStride]. With bytes
/// each has f16 scales, [kvHeads, pageSize].
struct CacheView {
  const uint64_t *pages; ///< addresses, by position / pageSize
  int64_t pageSize;      ///< positions, a multiple of kKeyBlock
  uint64_t keys;         ///< bytes from a page's beginning
  uint64_t values;
  uint64_t keyScales;
  uint64_t valueScales;
};

/// A layer's attention over T tokens of a sequence, at positions first …
/// first + T − 1.
struct AttentionArgs {
  const float *q, *k, *v; ///< [T, heads or kvHeads × headDim]
  float *out;             ///< [T, heads × headDim]
  int64_t qStride, kStride, vStride, outStride;
  CacheView cache;
  CacheType type;
  float *largest;      ///< appendCache raises it to the largest magnitude, if
                       ///< there is one that the type cannot hold
  int64_t valueStride; ///< headDim rounded up to kColumnAlign
  int64_t first;       ///< position of token 0
  int64_t heads, kvHeads, headDim;
  float scale, softCap;   ///< softCap 0: none
  const float *slopes;    ///< [heads], ALiBi's; null: none
  int64_t window;         ///< 0: none
  const float *cos, *sin; ///< [position, ropeDim / 2]; null: no rope
  int64_t ropeDim;
  bool interleaved;
};

struct KernelTable {
  const char *name; ///< "AVX-512"
  /// Whether code books are multiplied by tables of products, and whether
  /// weights of linear bytes may be in groups of rows.
  bool bookProducts;
  bool groupsBytes;
  MatVecFn matVec;
  /// The same of a weight in groups of rows.
  void (*matVecGroups)(const GroupedView &weight, int64_t rowBegin,
                       int64_t rowEnd, const Activations *x, int64_t columns,
                       float *y, int64_t yStride);
  /// Fills the orders that are not null from the values.
  void (*arrange)(const Activations &x);
  PackPanelFn packPanel;
  void (*packPanelGroups)(const GroupedView &weight, int64_t rowBegin,
                          int64_t rows, int64_t colBegin, int64_t cols,
                          float *packed);
  MultiplyFn multiply;
  void (*finish)(const FinishArgs &args);

  /// Rotates the keys of tokens [begin, end) and stores keys and values.
  void (*appendCache)(const AttentionArgs &args, int64_t begin, int64_t end);
  /// Attention of the query heads of one kv head for tokens [begin, end);
  /// scratch holds attentionScratch(args, end - begin) floats.
  void (*attend)(const AttentionArgs &args, int64_t kvHead, int64_t begin,
                 int64_t end, float *scratch);

  /// out = x / sqrt(mean(x²) + epsilon) * (weight + offset); weight may be
  /// null.
  void (*rmsNorm)(const float *x, const float *weight, float offset,
                  float epsilon, int64_t n, float *out);
  /// out = (x − mean) / sqrt(variance + epsilon) * (weight + offset) + bias;
  /// weight and bias may be null.
  void (*layerNorm)(const float *x, const float *weight, float offset,
                    const float *bias, float epsilon, int64_t n, float *out);
  void (*activate)(format::Activation activation, const float *x, int64_t n,
                   float *out);
  void (*add)(const float *a, const float *b, int64_t n, float *out);
  void (*mul)(const float *a, const float *b, int64_t n, float *out);
  void (*scale)(const float *x, float factor, int64_t n, float *out);
  void (*clamp)(const float *x, float limit, int64_t n, float *out);
  void (*softCap)(const float *x, float cap, int64_t n, float *out);
  /// ln Σ exp(x)
  double (*logSumExp)(const float *x, int64_t n);
};

/// Floats of scratch that `attend` needs for `tokens` tokens.
int64_t attentionScratch(const AttentionArgs &args, int64_t tokens);

/// The tables this machine can run, best first; empty on a CPU without SSE4.2.
const std::vector<const KernelTable *> &supportedKernels();

/// The table of a set, or the best of all. Throws qzc::Error naming what the
/// machine lacks.
const KernelTable &kernelsFor(std::optional<InstructionSet> wanted);

} // namespace qzc::runtime::cpu

#endif // QZC_RUNTIME_CPU_KERNELS_H
