//===- Packing.h - Weights that were quantized by another tool --*- C++ -*-===//
//
// What a module says of a weight that a checkpoint holds quantized: which
// tensors make it up, and which of our own storages has the same values.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_FORMAT_PACKING_H
#define QZC_FORMAT_PACKING_H

#include "qzc/Format/Scheme.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace qzc::format {

/// How tensors hold a weight.
enum class Packing : uint32_t {
#define QZC_PACKING(Enumerator, ...) Enumerator,
#include "qzc/Format/Packings.def"
};

std::string_view name(Packing packing);
std::optional<Packing> parsePacking(std::string_view name);
/// All names with commas between.
std::string packingNames();

/// A tensor of a safetensors file.
struct PackedTensor {
  std::string role; ///< what it is of the weight: "codes", "scales", …
  std::string name;
  std::string dtype; ///< as safetensors writes it: "U8", "I32", …
  std::vector<int64_t> shape;
  size_t file = 0;     ///< its number among the files at hand
  uint64_t offset = 0; ///< of its first byte in the file
};

/// A quantized weight of a checkpoint.
struct PackedSource {
  Packing packing = Packing::Ggml;
  /// What holds its values exactly: [out, in].
  PackedShape shape;
  std::vector<PackedTensor> tensors;
  /// What a number of the checkpoint's own is; each packing says which.
  float offset = 0;
};

/// The blocks of ggml that a weight's codes are, told by their bytes; null
/// where they are of no type that has the values of its storage.
const BlockFormat *storedBlocks(const PackedSource &source);

} // namespace qzc::format

#endif // QZC_FORMAT_PACKING_H
