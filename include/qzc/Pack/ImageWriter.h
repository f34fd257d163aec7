//===- ImageWriter.h - Writes a compiled executable -------------*- C++ -*-===//

#ifndef QZC_PACK_IMAGEWRITER_H
#define QZC_PACK_IMAGEWRITER_H

#include "qzc/Format/Image.h"
#include "qzc/Support/AtomicFile.h"
#include "qzc/Support/Hash.h"
#include "qzc/Support/ThreadPool.h"

#include <string>
#include <string_view>
#include <vector>

namespace qzc::pack {

/// What an image records of a section's contents.
struct ContentHashes {
  uint64_t xxh3 = 0;
  Sha256Digest sha256 = {};
};

/// Reads back bytes [offset, offset + bytes) of a file being written, in
/// pieces, and hashes them.
ContentHashes hashRegion(const AtomicFile &file, uint64_t offset,
                         uint64_t bytes);

/// Whose machine code a Cubin or Ptx section holds.
struct CodeTarget {
  uint32_t arch = 0;     ///< compute capability × 10
  bool specific = false; ///< sm_90a
};

/// Stub, sections, table and footer as Format/Image.h describes them. Sections
/// lie behind the stub in the order in which they are added, numbered from 1;
/// the file appears on publish().
class ImageWriter {
public:
  /// Starts with the bytes of the runtime at `stubPath`. Throws qzc::Error
  /// where that is no ELF file or has a payload already, and where `path`
  /// cannot be written.
  ImageWriter(std::string path, const std::string &stubPath);

  void addSection(format::SectionKind kind, std::string_view contents,
                  CodeTarget target = {});
  /// Leaves room for a section that write() fills; what is never written is
  /// zero. Returns its number.
  size_t reserveSection(format::SectionKind kind, uint64_t bytes);
  /// A section that lies in a file of its own.
  void addExternal(format::SectionKind kind, uint64_t bytes,
                   const ContentHashes &hashes);

  /// Writes inside a reserved section; from any thread.
  void write(size_t section, uint64_t offset, const void *data,
             size_t bytes) const;
  /// Reads back from inside a reserved section; from any thread.
  void read(size_t section, uint64_t offset, void *data, size_t bytes) const;

  /// Hashes the sections, writes table and footer. Only publish() may follow.
  void finish(ThreadPool &pool);
  /// Gives the finished file its name.
  void publish() { File.publish(); }
  void commit(ThreadPool &pool) {
    finish(pool);
    publish();
  }

private:
  size_t addEntry(format::SectionKind kind, uint64_t bytes, CodeTarget target);

  AtomicFile File;
  std::vector<format::SectionEntry> Table;
};

} // namespace qzc::pack

#endif // QZC_PACK_IMAGEWRITER_H
