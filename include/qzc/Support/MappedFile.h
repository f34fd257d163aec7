//===- MappedFile.h - A file mapped read-only -------------------*- C++ -*-===//

#ifndef QZC_SUPPORT_MAPPEDFILE_H
#define QZC_SUPPORT_MAPPEDFILE_H

#include <cstddef>
#include <cstdint>
#include <string>

namespace qzc {

/// Tells the kernel that a range of a mapped file was read and may leave
/// memory: keeps a streaming pass over a large file small.
void releasePages(const std::byte *data, uint64_t bytes);

/// A whole file, mapped privately and read-only. Move-only.
class MappedFile {
public:
  MappedFile() = default;
  /// Errors as of RegularFile. An empty file maps to size() == 0.
  explicit MappedFile(const std::string &path);
  MappedFile(MappedFile &&other) noexcept;
  MappedFile &operator=(MappedFile &&other) noexcept;
  ~MappedFile();

  const std::byte *data() const { return Data; }
  uint64_t size() const { return Size; }
  const std::string &path() const { return Path; }

  /// releasePages of [offset, offset + bytes), as far as they are of the file.
  void release(uint64_t offset, uint64_t bytes) const;

  /// Of the whole, in lower-case hexadecimal. Streams: the pages read leave
  /// memory again.
  std::string sha256() const;

private:
  const std::byte *Data = nullptr;
  uint64_t Size = 0;
  std::string Path;
};

} // namespace qzc

#endif // QZC_SUPPORT_MAPPEDFILE_H
