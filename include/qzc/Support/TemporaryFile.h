//===- TemporaryFile.h - Bytes that wait on disk ----------------*- C++ -*-===//

#ifndef QZC_SUPPORT_TEMPORARYFILE_H
#define QZC_SUPPORT_TEMPORARYFILE_H

#include <cstddef>
#include <cstdint>

namespace qzc {

/// A file without a name in the folder for temporary files ($TMPDIR), which
/// goes with the process. Failures throw qzc::Error with the reason.
class TemporaryFile {
public:
  TemporaryFile();
  TemporaryFile(const TemporaryFile &) = delete;
  TemporaryFile &operator=(const TemporaryFile &) = delete;
  ~TemporaryFile();

  void write(uint64_t offset, const void *data, size_t bytes) const;
  void read(uint64_t offset, void *data, size_t bytes) const;

private:
  int Fd = -1;
};

} // namespace qzc

#endif // QZC_SUPPORT_TEMPORARYFILE_H
