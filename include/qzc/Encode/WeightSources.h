//===- WeightSources.h - The files that weights are read from ---*- C++ -*-===//

#ifndef QZC_ENCODE_WEIGHTSOURCES_H
#define QZC_ENCODE_WEIGHTSOURCES_H

#include "qzc/Encode/SafetensorsFile.h"
#include "qzc/Format/Manifest.h"
#include "qzc/Format/WeightSource.h"

#include <memory>
#include <string>
#include <vector>

namespace qzc::encode {

class PackedTensors;

using format::SourceFile;
using format::WeightRef;

/// The opened source files of a module.
class WeightSources {
public:
  /// Opens the files, whose paths are where they are now, and checks sizes and
  /// headers, not contents.
  explicit WeightSources(std::vector<SourceFile> files);

  size_t fileCount() const { return Files.size(); }
  const SafetensorsFile &file(size_t index) const { return *OpenFiles[index]; }

  /// Checks that the file has the source tensor where `ref` says, in the shape
  /// and type that the module gave it. Of a packed source, that its tensors are
  /// what the packing needs, down to code books.
  void check(const format::TensorSource &source, const WeightRef &ref) const;

  /// Compares a file's SHA-256 with that at import; throws where it differs.
  /// Streams: the pages read leave memory again.
  void checkContents(size_t index) const;

  /// Reads elements [begin, end) of the flattened weight as it is stored after
  /// transposing and choosing rows, as f32. Source files were checked;
  /// `source` has what `check` accepted. Threads may read at the same time. The
  /// pages read leave memory again.
  void read(const format::TensorSource &source, const WeightRef &ref,
            int64_t begin, int64_t end, float *out) const;

  /// Reads elements [begin, end) of a packed source, cut by its pieceUnit, as
  /// the parts of a piece, parts[i] having room for its partBytes.
  void readParts(const format::TensorSource &source, const WeightRef &ref,
                 int64_t begin, int64_t end, std::byte *const *parts) const;

  /// Copies what `read` reads as the blocks of ggml that the source has
  /// (storedBlocks); they are whole between `begin` and `end`.
  void readBlocks(const format::TensorSource &source, const WeightRef &ref,
                  int64_t begin, int64_t end, std::byte *out) const;

private:
  PackedTensors tensorsOf(const format::PackedSource &source,
                          const std::string &weight) const;
  void checkPacked(const format::PackedSource &source,
                   const std::string &weight) const;
  void releaseParts(const format::PackedSource &packed, int64_t begin,
                    int64_t end) const;
  template <typename Take>
  void forPieces(const format::TensorSource &source, const WeightRef &ref,
                 int64_t begin, int64_t end, Take take) const;
  void readDense(const format::TensorSource &source, const WeightRef &ref,
                 int64_t begin, int64_t end, float *out) const;
  void readPacked(const format::TensorSource &source, const WeightRef &ref,
                  int64_t begin, int64_t end, float *out) const;

  std::vector<SourceFile> Files;
  std::vector<std::unique_ptr<SafetensorsFile>> OpenFiles;
};

/// Position of element `index` of the flattened stored weight in the shape of
/// its source, for messages: "[3, 17]".
std::string sourcePosition(const format::TensorSource &source, int64_t index);

} // namespace qzc::encode

#endif // QZC_ENCODE_WEIGHTSOURCES_H
