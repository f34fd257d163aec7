//===- Common.h - What interfaces of kernels have in common -----*- C++ -*-===//
//
// Plain C++ without other includes, for the host, NVRTC and the emulator.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_KERNELS_COMMON_H
#define QZC_KERNELS_COMMON_H

#include "Interface.h"
#include "qzc/Runtime/Cuda/DeviceState.h"

namespace qzc::kernels {

struct Half;

/// How a weight's elements are stored: an element type, or a scheme's
/// enumerator and scale codec.
enum class Storage {
  F32,
  F16,
  BF16,
#define QZC_SCHEME(Enumerator, ...)                                            \
  Enumerator, Enumerator##Double, Enumerator##Asym, Enumerator##Absmax,
#include "qzc/Format/Schemes.def"
};
constexpr const char *typeName(Storage) { return "Storage"; }
constexpr const char *enumerators(Storage) {
  return "F32, F16, BF16"
#define QZC_SCHEME(Enumerator, ...)                                            \
  ", " #Enumerator ", " #Enumerator "Double, " #Enumerator                     \
  "Asym, " #Enumerator "Absmax"
#include "qzc/Format/Schemes.def"
      ;
}

/// Whether codes stand for the entries of a book.
constexpr bool hasBook(Storage s) {
  return s == Storage::Nf4 || s == Storage::Nf4Double || s == Storage::Fp4 ||
         s == Storage::Fp4Double;
}
/// Whether codes multiply as bytes, as those of integers and of books do.
constexpr bool hasByteCodes(Storage storage) {
  switch (storage) {
  case Storage::F32:
  case Storage::F16:
  case Storage::BF16:
  case Storage::Fp8:
    return false;
  default:
    return true;
  }
}

QZC_ENUM(Norm, None, Rms, Layer)
QZC_ENUM(Activation, None, Relu, Silu, Gelu, GeluTanh)
/// T of a launch over the body's tokens (Rows::Tokens) or the head's rows.
QZC_ENUM(Rows, Tokens, Head)
/// What the sums of a GEMM are scaled by: a number, a part's where a layer has
/// parts, or one of each column.
QZC_ENUM(SumScale, Number, Columns)

/// Orders of a GEMM's operand in pieces of 16 bytes.
///   Rows    f16 as rows, of K padded to a multiple of 8
///   Panels  f16 in panels of 64 columns, K padded to a multiple of 64: any
///           rows of a panel are one run of bytes. Piece p of row r lies at
///           p ^ (r % 8), as wgmma takes it from shared memory.
///   Digits  bytes in panels of 128 columns, K padded to a multiple of 128.
///           Weights are codes. Activations are integers of 16 bits times a
///           scale of the row, each 256 · high + low: panels of low digits,
///           then those of high ones.
QZC_ENUM(Order, Rows, Panels, Digits)

/// How the elements of a weight follow each other.
///   Rows   row by row, as the file has them
///   Tiles  by groups of kTileChunks chunks of a row, kTileHeight rows side by
///          side: the 512 bytes that a warp of tensor cores loads at once.
///          Scales of less than a row follow in the same order.
QZC_ENUM(WeightOrder, Rows, Tiles)
constexpr int kTileHeight = 8;
constexpr int kTileChunks = 4;

/// How a weight is stored.
struct WeightConfig {
  Storage storage;
  int block; ///< elements that share a scale, where the storage leaves it open
  WeightOrder order;
  QZC_FIELDS(storage, block, order)
};
/// Whether a scale is of a whole row: codes alone, which f16 holds as they are,
/// can be multiplied, and their sums scaled.
constexpr bool hasRowScales(const WeightConfig &weight) {
  return weight.storage == Storage::Int8 ||
         weight.storage == Storage::Int8Absmax ||
         (weight.storage == Storage::Fp8 && weight.block == 0);
}
/// Whether each chunk of 32 codes has an f16 scale, behind that of the chunk
/// before.
constexpr bool hasChunkScales(const WeightConfig &weight) {
  switch (weight.storage) {
  case Storage::Q4_0:
  case Storage::Q5_0:
    return true;
  case Storage::Int4:
  case Storage::Int3:
  case Storage::Int2:
    return weight.block == 32;
  default:
    return false;
  }
}
template <template <class> class Of> struct WeightArgs {
  Of<const void *> data, scales;
  QZC_FIELDS(data, scales)
};

/// Rows of a view of a weight: as they are stored from the first one on, or
/// runs of them.
struct RunsConfig {
  int run;    ///< rows that follow each other; 0: all do
  int stride; ///< from one run to the next
  QZC_FIELDS(run, stride)
};

/// The norm before a layer, or none.
struct NormConfig {
  Norm kind;
  Storage storage; ///< of weight and bias
  bool unitOffset; ///< weights are what 1 is added to
  bool hasWeight;
  bool hasBias;
  QZC_FIELDS(kind, storage, unitOffset, hasWeight, hasBias)
};
template <template <class> class Of> struct NormArgs {
  Of<const void *> weight, bias; ///< [columns]
  Of<float> epsilon;
  QZC_FIELDS(weight, bias, epsilon)
};

/// Rows of f32, `stride` floats from one to the next.
template <template <class> class Of> struct InRows {
  Of<const float *> first;
  Of<int> stride;
  QZC_FIELDS(first, stride)
};
template <template <class> class Of> struct OutRows {
  Of<float *> first;
  Of<int> stride;
  QZC_FIELDS(first, stride)
};

} // namespace qzc::kernels

#endif // QZC_KERNELS_COMMON_H
