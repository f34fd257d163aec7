//===- SafetensorsWriter.h - Streams an f32 safetensors file ----*- C++ -*-===//

#ifndef QZC_FORMAT_SAFETENSORSWRITER_H
#define QZC_FORMAT_SAFETENSORSWRITER_H

#include "qzc/Support/AtomicFile.h"

#include <cstdint>
#include <string>
#include <vector>

namespace qzc::format {

/// Writes f32 tensors to a safetensors file that appears whole or not at all.
/// Names and shapes are known from the start, values come in any order.
class SafetensorsWriter {
public:
  struct Entry {
    std::string name;
    std::vector<int64_t> shape;
  };

  /// Stores the tensors in the order of `entries`. Throws qzc::Error where the
  /// file cannot be written or a name appears twice.
  SafetensorsWriter(std::string path, const std::vector<Entry> &entries);

  /// Writes `count` elements of tensor `index` from element `first` on; from
  /// any thread. Elements never written are zeros.
  void write(size_t index, int64_t first, const float *values,
             int64_t count) const;

  void commit() { File.commit(); }

private:
  AtomicFile File;
  std::vector<uint64_t> Offsets; ///< of the tensors, in the file
};

} // namespace qzc::format

#endif // QZC_FORMAT_SAFETENSORSWRITER_H
