//===- MemoryFile.h - A file that is on no disk -----------------*- C++ -*-===//

#ifndef QZC_SUPPORT_MEMORYFILE_H
#define QZC_SUPPORT_MEMORYFILE_H

#include <string>
#include <string_view>

namespace qzc {

/// An anonymous file in memory, for what another program reads or writes. A
/// started program does not inherit it by itself.
class MemoryFile {
public:
  /// Holds the text; what reads the descriptor begins at its start. Throws
  /// qzc::Error.
  explicit MemoryFile(std::string_view text = "");
  ~MemoryFile();
  MemoryFile(const MemoryFile &) = delete;
  MemoryFile &operator=(const MemoryFile &) = delete;

  int descriptor() const { return Descriptor; }
  /// Where other programs of this user may open it while this one runs.
  std::string path() const;
  /// All that is in it now.
  std::string contents() const;

private:
  int Descriptor;
};

} // namespace qzc

#endif // QZC_SUPPORT_MEMORYFILE_H
