//===- ContainerReader.h - What a GGUF file holds ---------------*- C++ -*-===//

#ifndef QZC_LIB_TARGET_GGUF_CONTAINERREADER_H
#define QZC_LIB_TARGET_GGUF_CONTAINERREADER_H

#include "qzc/Support/MappedFile.h"

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

namespace qzc::gguf {

/// Whether it could be a tensor's name: printable ASCII.
bool isName(std::string_view text);

/// Little-endian numbers and texts of a file, one after another. What is cut
/// off throws qzc::Error, naming the file.
class Reader {
public:
  explicit Reader(const std::string &path) : File(path) {}

  [[noreturn]] void fail(const std::string &what) const;
  bool startsWith(std::string_view text) const;
  uint64_t fileBytes() const { return File.size(); }
  uint64_t position() const { return Position; }
  void moveTo(uint64_t position) { Position = position; }

  template <typename T> T number() {
    T value;
    std::memcpy(&value, take(sizeof value), sizeof value);
    return value;
  }
  std::string_view text(uint64_t bytes) {
    return {reinterpret_cast<const char *>(take(bytes)), bytes};
  }
  /// The same, of a tensor's name.
  std::string name(uint64_t bytes);
  /// `count` numbers of `bytes` each that nobody wants.
  void skip(uint64_t count, uint64_t bytes);
  /// Floats from any place on.
  std::vector<float> floats(uint64_t offset, uint64_t count) const;

private:
  const std::byte *take(uint64_t bytes);

  MappedFile File;
  uint64_t Position = 0;
};

struct StoredTensor {
  std::string name;
  uint64_t elements = 0;
  uint32_t type = 0;   ///< ggml's number
  uint64_t offset = 0; ///< from the start of the file; not checked
};

struct ContainerIndex {
  std::string type; ///< general.type
  std::vector<StoredTensor> tensors;
};

/// Reads a GGUF's metadata and table of tensors.
ContainerIndex readIndex(Reader &reader);

} // namespace qzc::gguf

#endif // QZC_LIB_TARGET_GGUF_CONTAINERREADER_H
