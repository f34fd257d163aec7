//===- WeightSource.h - Where a weight was read from ------------*- C++ -*-===//

#ifndef QZC_FORMAT_WEIGHTSOURCE_H
#define QZC_FORMAT_WEIGHTSOURCE_H

#include "qzc/Format/Packing.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

namespace qzc::format {

/// A file as the import saw it.
struct SourceFile {
  std::string path;   ///< whoever holds it says from where
  uint64_t bytes = 0; ///< when it was imported
  std::string sha256; ///< when it was imported; lower-case hexadecimal
};

/// Where a tensor's source is, in files at hand.
struct WeightRef {
  WeightRef() = default;
  WeightRef(size_t number, uint64_t begin) : file(number), offset(begin) {}
  explicit WeightRef(PackedSource source)
      : packed(std::make_shared<PackedSource>(std::move(source))) {}

  size_t file = 0;     ///< index into the files
  uint64_t offset = 0; ///< from the start of that file
  /// In place of both, where the source is quantized already; its tensors'
  /// files are such indices, too.
  std::shared_ptr<const PackedSource> packed;
};

} // namespace qzc::format

#endif // QZC_FORMAT_WEIGHTSOURCE_H
