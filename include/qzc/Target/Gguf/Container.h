//===- Container.h - The GGUF file format -----------------------*- C++ -*-===//
//
// GGUF version 3, little-endian: a header, typed key-value pairs, a table of
// tensors, and their data, each at a multiple of the alignment. Layout and
// numbers are those of ggml's docs/gguf.md and ggml.h.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_TARGET_GGUF_CONTAINER_H
#define QZC_TARGET_GGUF_CONTAINER_H

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace qzc::gguf {

/// Alignment of the data section and of every tensor in it, in bytes.
inline constexpr uint32_t kAlignment = 32;
/// Bytes of a tensor's name, its terminating zero in ggml included.
inline constexpr size_t kMostNameBytes = 64;

/// The tensor types of ggml that are written here, by ggml's numbers.
enum class TensorType : uint32_t {
  F32 = 0,
  F16 = 1,
  BF16 = 30,
#define QZC_GGML_TYPE(Name, Number, Block, FileType) Name = Number,
#include "qzc/Format/GgmlTypes.def"
};

/// ggml's name, as "Q8_0".
std::string_view name(TensorType type);
/// Consecutive elements of a row that share a scale; 1 where there is none.
int64_t blockElements(TensorType type);
/// Bytes of `elements` elements, a multiple of blockElements.
uint64_t bytesOf(TensorType type, int64_t elements);

/// The types of values, by the numbers that files have for them.
enum class ValueType : uint32_t {
  Uint8 = 0,
  Int8 = 1,
  Uint16 = 2,
  Int16 = 3,
  Uint32 = 4,
  Int32 = 5,
  Float32 = 6,
  Bool = 7,
  String = 8,
  Array = 9,
  Uint64 = 10,
  Int64 = 11,
  Float64 = 12,
};

/// Bytes of a value; 0 of a text, an array, and what is no type.
uint64_t bytesOf(ValueType type);

/// A value of the types that are written here.
using Value = std::variant<uint32_t, float, bool, std::string,
                           std::vector<uint8_t>, std::vector<int32_t>,
                           std::vector<float>, std::vector<std::string>>;

/// Key-value pairs in the order in which they are stored.
using Metadata = std::vector<std::pair<std::string, Value>>;

/// An entry of the table of tensors.
struct TensorInfo {
  std::string name;
  /// [rows, columns] or [columns]: the reverse of ggml's order.
  std::vector<int64_t> shape;
  TensorType type = TensorType::F32;
  uint64_t offset = 0; ///< from the start of the data section

  int64_t elements() const;
};

/// Places the tensors one after the other and returns the size of the data
/// section. Throws qzc::Error where two have one name, or a name is too long.
uint64_t assignOffsets(std::vector<TensorInfo> &tensors);

/// What stands in front of the data section, padded to the alignment.
std::string header(const Metadata &metadata,
                   const std::vector<TensorInfo> &tensors);

} // namespace qzc::gguf

#endif // QZC_TARGET_GGUF_CONTAINER_H
