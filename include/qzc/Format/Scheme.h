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
#define QZC_SCHEME(Enumerator, Number, Name) Enumerator = Number,
#include "qzc/Format/Schemes.def"
};

/// Element types of unquantized tensors.
enum class DType : uint32_t { F32 = 0, F16 = 1, BF16 = 2 };

std::string_view name(Scheme scheme);
std::string_view name(DType dtype);
/// All names with commas between, for help and errors.
std::string schemeNames();
std::optional<Scheme> parseScheme(std::string_view name);
std::optional<DType> parseDType(std::string_view name);
/// Bytes of one element.
size_t sizeOf(DType dtype);

/// Everything that determines a stored weight's bytes, given its values.
struct PackedShape {
  Scheme scheme = Scheme::None;
  /// Element type of Scheme::None; ignored by the others.
  DType dtype = DType::F32;
  /// Vectors (norm weights, biases) have rows == 1.
  int64_t rows = 0;
  int64_t cols = 0;
  /// Elements that share a scale, over the flattened tensor (nf4, fp4); 0 where
  /// there is nothing to choose (none; int8: a row; q8_0, q4_0: 32).
  int64_t blockSize = 0;
  /// The scales are quantized too (nf4, fp4): Schemes/DoubleQuant.h.
  bool doubleQuant = false;
};

/// Whether two weights differ in nothing but their extents.
bool storedAlike(const PackedShape &a, const PackedShape &b);
/// "bf16", "int8", "nf4/64", "nf4/64 double".
std::string describeStorage(const PackedShape &shape);

/// One byte array of a stored weight.
struct PartLayout {
  std::string_view name; ///< "data", "codes" or "scales"
  uint64_t offset;       ///< from the tensor's start, a multiple of kPartAlign
  uint64_t bytes;        ///< without padding
};

/// Alignment of every part inside the weights section.
inline constexpr uint64_t kPartAlign = 256;

/// Block size a scheme takes when none is asked for (64 for nf4 and fp4, else
/// 0).
int64_t defaultBlockSize(Scheme scheme);

/// What is wrong with the shape (a sentence without a full stop), or nothing:
/// positive extents, a block size the scheme allows (nf4, fp4: a power of two
/// in 32…4096), rows of whole blocks (q8_0, q4_0), double quantization where
/// the scheme has it (nf4, fp4), sizes that fit in 63 bits.
std::optional<std::string_view> checkShape(const PackedShape &shape);

/// The parts of a valid shape, in storage order; n = rows*cols.
///   none: data   [n] dtype
///   int8: codes  [n] int8, scales [rows] f32 (absmax / 127)
///   q8_0: codes  [n] int8, scales [n/32] f16
///   q4_0: codes  [n/32, 16] as in ggml's blocks, scales [n/32] f16
///   nf4, fp4:
///         codes  [ceil(n/block)*block/2] two a byte, scales [ceil(n/block)]
///         f32 (absmax), or with double quantization ScaleGroups of them
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

/// Decodes rows [rowBegin, rowEnd) to f32, exactly as numerics demand:
/// f32 code × f32 scale.
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

/// Makes the scales part of double quantization from all `count` f32 scales of
/// a tensor. Returns the largest magnitude of a decoded scale, and with it of a
/// decoded element.
float encodeScales(const float *scales, int64_t count, std::byte *part);

} // namespace qzc::format

#endif // QZC_FORMAT_SCHEME_H
