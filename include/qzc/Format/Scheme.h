//===- Scheme.h - Weight schemes and how a tensor is laid out ---*- C++ -*-===//
//
// A scheme turns a [rows, cols] weight into a few byte arrays ("parts"). This
// header says which parts, in which order and how large, for everyone: type
// verifier, encoder, packer, CPU path, CUDA emitter.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_FORMAT_SCHEME_H
#define QZC_FORMAT_SCHEME_H

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace qzc::format {

/// How a weight is stored. Values are those of Schemes.def.
enum class Scheme : uint32_t {
#define QZC_SCHEME(Enumerator, Number, ...) Enumerator = Number,
#include "qzc/Format/Schemes.def"
};

/// Element types of unquantized tensors.
enum class DType : uint32_t { F32 = 0, F16 = 1, BF16 = 2 };

/// What a scheme that leaves the choice keeps of its blocks.
enum class ScaleCodec : uint32_t {
  Plain = 0,  ///< a scale
  Double = 1, ///< "double" (nf4, fp4): scales are quantized: DoubleQuant.h
  Asym = 2,   ///< "asym" (int2 to int8g): a zero point beside each scale
  Absmax = 3, ///< "absmax" (int8): the row's absmax in place of its scale
};

/// How the codes of a scheme are chosen.
enum class Method : uint32_t {
  Rtn = 0,  ///< as the scheme's reference does: rounding to nearest
  Mse = 1,  ///< scales that leave the least error, by the inputs' squares where
            ///< they are known
  Gptq = 2, ///< and each code so that it makes up for those before it
  Awq = 3,  ///< as Mse, of columns that are scaled: Scaling.h
};

std::string_view name(Method method);
std::optional<Method> parseMethod(std::string_view name);
std::string_view name(Scheme scheme);
std::string_view name(DType dtype);
/// Empty for Plain.
std::string_view name(ScaleCodec codec);
/// All names with commas between, for help and errors.
std::string schemeNames();
std::optional<Scheme> parseScheme(std::string_view name);
std::optional<DType> parseDType(std::string_view name);
std::optional<ScaleCodec> parseScaleCodec(std::string_view name);
/// Bytes of one element.
size_t sizeOf(DType dtype);

/// How weights are to be stored: all of a PackedShape but the extents.
struct StorageSpec {
  Scheme scheme = Scheme::None;
  /// Of Scheme::None: without one a weight stays as it was imported.
  std::optional<DType> dtype;
  int64_t blockSize = 0;
  ScaleCodec scales = ScaleCodec::Plain;
};

/// "none", "bf16", "int8", "nf4", "nf4/64 double", "int4/128 asym": a scheme or
/// an element type, the elements that share a scale where the scheme leaves the
/// choice (its own without them), and a scale codec. Whether the scheme takes
/// them is for checkShape to say.
std::optional<StorageSpec> parseStorage(std::string_view text);
/// What parseStorage reads, with the block size in any case.
std::string describeStorage(const StorageSpec &spec);
/// How a storage is written, and with what, for help and errors.
std::string storageHelp();

/// Everything that determines a stored weight's bytes, given its values.
struct PackedShape {
  Scheme scheme = Scheme::None;
  /// Element type of Scheme::None; ignored by the others.
  DType dtype = DType::F32;
  /// Vectors (norm weights, biases) have rows == 1.
  int64_t rows = 0;
  int64_t cols = 0;
  /// Elements that share a scale: over the flattened tensor (nf4, fp4), of a
  /// row (int2 to int8g, fp8); 0 where there is nothing to choose, and of fp8
  /// with a scale a row.
  int64_t blockSize = 0;
  ScaleCodec scales = ScaleCodec::Plain;
};

/// Whether two weights differ in nothing but their extents.
bool storedAlike(const PackedShape &a, const PackedShape &b);
/// The shape's spec, as text.
std::string describeStorage(const PackedShape &shape);

/// One byte array of a stored weight.
struct PartLayout {
  std::string_view name; ///< "data", "codes" or "scales"
  uint64_t offset;       ///< from the tensor's start, a multiple of kPartAlign
  uint64_t bytes;        ///< without padding
};

/// Alignment of every part inside the weights section.
inline constexpr uint64_t kPartAlign = 256;

/// Block size a scheme takes when none is asked for; 0 where there is nothing
/// to choose.
int64_t defaultBlockSize(Scheme scheme);

/// What is wrong with the shape (a sentence without a full stop), or nothing:
/// positive extents, a block size that the scheme allows, rows of whole blocks
/// where blocks are of rows, a scale codec that the scheme has, sizes that fit
/// in 63 bits.
std::optional<std::string_view> checkShape(const PackedShape &shape);

/// The parts of a valid shape, in storage order; n = rows*cols.
///   none: data   [n] dtype
///   int8: codes  [n] int8, scales [rows] f32 (absmax / 127, or the absmax)
///   fp8:  codes  [n] e4m3, scales [rows], or [n/block], f32
///   int8g: codes [n] uint8, scales as of int4
///   q8_0: codes  [n] int8, scales [n/32] f16
///   q4_0: codes  [n/32, 16] as in ggml's blocks, scales [n/32] f16
///   nf4, fp4:
///         codes  [ceil(n/block)*block/2] two a byte, scales [ceil(n/block)]
///         f32 (absmax), or with double quantization ScaleGroups of them
///   q4_1, q5_0, q5_1, q4_k, q5_k, q6_k, int4, int3, int2, ternary:
///         codes  by Schemes/Planes.h, scales [blocks] of what a block of ggml
///         has beside its codes, in its order; int4, int3, int2: f16 a group,
///         with asym {f16 scale, f16 zero point}
std::vector<PartLayout> layout(const PackedShape &shape);

/// Bytes from the first part's start to the last part's padded end.
uint64_t paddedBytes(const PackedShape &shape);
/// Bytes of all parts, without padding: what the weight costs.
uint64_t storedBytes(const PackedShape &shape);

/// A stored weight in memory; parts[i] points at layout(shape)[i].
struct PackedView {
  PackedShape shape;
  const std::byte *parts[4] = {};
};

/// Decodes rows [rowBegin, rowEnd) to f32, exactly as numerics demand: f32 code
/// × f32 scale, plus or minus an f32 minimum where there are minima.
void decodeRows(const PackedView &weight, int64_t rowBegin, int64_t rowEnd,
                float *out);

//===----------------------------------------------------------------------===//
// Encoding. A tensor is encoded piece by piece; with double quantization its
// scales are kept aside as f32 and stored when the last one is known.
//===----------------------------------------------------------------------===//

/// The shape that pieces are encoded by: without double quantization.
PackedShape streamedShape(const PackedShape &shape);

/// Elements (of the flattened tensor) that are encoded together: a block, a
/// row, or 1.
int64_t encodingUnit(const PackedShape &shape);

/// Bytes of a part that hold the first `elements` elements, a multiple of
/// encodingUnit or all of them.
uint64_t partBytes(const PackedShape &shape, size_t part, int64_t elements);

/// Encodes `count` finite values, a multiple of encodingUnit or the tensor's
/// tail, to parts[i], each with room for its partBytes(count); `shape` is a
/// streamedShape. Returns the largest magnitude that decoding gives; an
/// infinity where a value does not fit shape.dtype, or a scale its type.
float encodeElements(const PackedShape &shape, const float *values,
                     int64_t count, std::byte *const *parts);

/// The largest magnitude of `values`; 0 if there are none.
float largestMagnitude(const float *values, int64_t count);

/// The same with scales (and zero points or minima) that are searched for:
/// those that leave the least Σ importance·(ŵ - w)², as far as the search goes.
/// `importance` is finite, not negative, and of as many elements. Only where
/// canSearch says so.
float searchElements(const PackedShape &shape, const float *values,
                     const float *importance, int64_t count,
                     std::byte *const *parts);
/// Whether a scheme's scales can be searched for.
bool canSearch(Scheme scheme);
/// Whether the method makes a difference to the scheme.
bool takesMethod(Scheme scheme, Method method);

/// What codes stand for: an element is level · scale + offset, with the level
/// of its code, and the scale and offset of its group.
struct Levels {
  int64_t group = 0; ///< elements of the flattened tensor that share a scale
  int count = 0;     ///< of levels and codes
  bool even = false; ///< levels are 0, 1, …, and codes the same numbers
  float values[64];  ///< ascending
  uint8_t codes[64]; ///< of the levels
};

/// Those of a scheme whose codes can be chosen one by one; nothing for others.
std::optional<Levels> levelsOf(const PackedShape &shape);

/// The scales and offsets of the groups of `count` encoded elements, of a
/// streamedShape that has levels.
void readGroups(const PackedShape &shape, const std::byte *const *parts,
                int64_t count, float *scales, float *offsets);

/// Puts other codes in the place of those of `count` encoded elements; scales
/// stay. `shape` as above.
void replaceCodes(const PackedShape &shape, const uint8_t *codes, int64_t count,
                  std::byte *const *parts);

/// Elements between which a weight's parts can be cut: those of each piece, as
/// parts of their own, decode to what they decode to in the whole.
int64_t pieceUnit(const PackedShape &shape);

/// The shape of `count` elements of a weight, cut by pieceUnit.
PackedShape pieceShape(const PackedShape &shape, int64_t count);

/// A scheme's blocks as ggml stores them: `bytes` for `values` elements. Both
/// functions take whole blocks, `count` in elements; parts are a piece's.
struct BlockFormat {
  uint32_t type = 0; ///< its number in GGUF files
  int64_t values = 0;
  int64_t bytes = 0;
  void (*split)(const std::byte *blocks, int64_t count,
                std::byte *const *parts) = nullptr;
  void (*join)(const std::byte *const *parts, int64_t count,
               std::byte *blocks) = nullptr;
};
/// Null where the scheme is none of ggml's.
const BlockFormat *blockFormat(Scheme scheme);
/// Of the smaller type that ggml has for the same codes and scales; null where
/// there is none.
const BlockFormat *denserBlockFormat(Scheme scheme);

/// Stores `count` codes of a scheme with linear codes, one a byte here, as the
/// codes part of a piece.
void storeCodes(Scheme scheme, const uint8_t *codes, int64_t count,
                std::byte *part);

/// Makes the scales part of double quantization from all `count` f32 scales of
/// a tensor. Returns the largest magnitude of a decoded scale, and with it of a
/// decoded element.
float encodeScales(const float *scales, int64_t count, std::byte *part);

} // namespace qzc::format

#endif // QZC_FORMAT_SCHEME_H
