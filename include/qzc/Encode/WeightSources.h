//===- WeightSources.h - The files that weights are read from ---*- C++ -*-===//

#ifndef QZC_ENCODE_WEIGHTSOURCES_H
#define QZC_ENCODE_WEIGHTSOURCES_H

#include "qzc/Encode/SafetensorsFile.h"
#include "qzc/Format/Manifest.h"

#include <memory>
#include <string>
#include <vector>

namespace qzc::encode {

/// A safetensors file as the imported module refers to it.
struct SourceFile {
  std::string path;   ///< where it is now
  uint64_t bytes = 0; ///< when it was imported
  std::string sha256; ///< when it was imported; lower-case hexadecimal
};

/// Where a tensor's source begins.
struct WeightRef {
  size_t file = 0;     ///< index into the files of WeightSources
  uint64_t offset = 0; ///< from the start of that file
};

/// The opened source files of a module.
class WeightSources {
public:
  /// Opens the files and checks sizes and headers, not contents.
  explicit WeightSources(std::vector<SourceFile> files);

  size_t fileCount() const { return Files.size(); }
  const SafetensorsFile &file(size_t index) const { return *Opened[index]; }

  /// Checks that the file has the source tensor where `ref` says, in the shape
  /// and type that the module gave it.
  void check(const format::TensorSource &source, const WeightRef &ref) const;

  /// Compares a file's SHA-256 with that at import; throws where it differs.
  /// Streams: the pages read leave memory again.
  void checkContents(size_t index) const;

  /// Reads elements [begin, end) of the flattened weight as it is stored after
  /// transposing and choosing rows, as f32. Source files were checked; `source`
  /// has what `check` accepted. Threads may read at the same time. The pages
  /// read leave memory again.
  void read(const format::TensorSource &source, const WeightRef &ref,
            int64_t begin, int64_t end, float *out) const;

private:
  std::vector<SourceFile> Files;
  std::vector<std::unique_ptr<SafetensorsFile>> Opened;
};

/// Position of element `index` of the flattened stored weight in the shape of
/// its source, for messages: "[3, 17]".
std::string sourcePosition(const format::TensorSource &source, int64_t index);

} // namespace qzc::encode

#endif // QZC_ENCODE_WEIGHTSOURCES_H
