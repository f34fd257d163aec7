//===- Names.h - What weights are called in a GGUF --------------*- C++ -*-===//

#ifndef QZC_LIB_TARGET_GGUF_NAMES_H
#define QZC_LIB_TARGET_GGUF_NAMES_H

#include "qzc/Dialect/Qz/IR/QzDialect.h"

#include <cstdint>
#include <optional>
#include <string>

namespace qzc::gguf {

/// A tensor of the GGUF, and how a weight becomes it.
struct Place {
  std::string name;
  /// Heads of which rows i and i + half stand side by side; 0: rows stay.
  int64_t interleavedHeads = 0;
  /// Whether 1 is added to each value.
  bool isIncremented = false;
};

/// The place of a weight, given its Hugging Face name, its role and the block
/// it stands in (-1: none). The table of a head that has its own, quantized
/// copy of the embeddings is "output.weight". Nothing where `gguf` has no name
/// for it.
std::optional<Place> findPlace(qz::GgufAttr gguf, const std::string &source,
                               const std::string &role, int64_t block);

/// The same. Throws qzc::Error where there is none.
Place placeOf(qz::GgufAttr gguf, const std::string &source,
              const std::string &role, int64_t block);

} // namespace qzc::gguf

#endif // QZC_LIB_TARGET_GGUF_NAMES_H
