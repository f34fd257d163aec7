//===- SafetensorsFile.h - A mapped, checked safetensors file ---*- C++ -*-===//

#ifndef QZC_ENCODE_SAFETENSORSFILE_H
#define QZC_ENCODE_SAFETENSORSFILE_H

#include "qzc/Format/Scheme.h"
#include "qzc/Support/MappedFile.h"

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace qzc::encode {

/// A safetensors file whose header was checked: every tensor lies inside the
/// file, has as many bytes as its type and shape say, and overlaps no other.
class SafetensorsFile {
public:
  struct Entry {
    std::string dtype; ///< as written: "BF16", "I64", …
    std::vector<int64_t> shape;
    uint64_t offset = 0; ///< from the start of the file
    uint64_t bytes = 0;
    /// The types that weights may have; nothing for all others.
    std::optional<format::DType> type() const;
  };

  /// Throws qzc::Error naming the file and what is wrong with it.
  explicit SafetensorsFile(const std::string &path);
  /// The same, of a file that is mapped already.
  explicit SafetensorsFile(MappedFile file);

  const MappedFile &file() const { return File; }
  const std::map<std::string, Entry> &entries() const { return Entries; }
  /// Throws qzc::Error naming the tensor and the file where there is none.
  const Entry &entry(const std::string &name) const;

private:
  void readHeader();
  void checkOverlaps() const;

  MappedFile File;
  std::map<std::string, Entry> Entries;
};

} // namespace qzc::encode

#endif // QZC_ENCODE_SAFETENSORSFILE_H
