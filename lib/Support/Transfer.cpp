//===- Transfer.cpp - All bytes to or from an open file -------------------===//

#include "qzc/Support/Transfer.h"

#include <cerrno>
#include <unistd.h>

namespace qzc {

bool writeAll(int descriptor, uint64_t offset, const void *data, size_t bytes) {
  const char *next = static_cast<const char *>(data);
  while (bytes != 0) {
    const ssize_t written =
        ::pwrite(descriptor, next, bytes, static_cast<off_t>(offset));
    if (written < 0 && errno == EINTR)
      continue;
    if (written == 0)
      errno = ENOSPC;
    if (written <= 0)
      return false;
    next += written;
    offset += static_cast<uint64_t>(written);
    bytes -= static_cast<size_t>(written);
  }
  return true;
}

std::optional<size_t> readAll(int descriptor, uint64_t offset, void *data,
                              size_t bytes) {
  char *next = static_cast<char *>(data);
  size_t done = 0;
  while (done != bytes) {
    const ssize_t got = ::pread(descriptor, next + done, bytes - done,
                                static_cast<off_t>(offset + done));
    if (got < 0 && errno == EINTR)
      continue;
    if (got < 0)
      return std::nullopt;
    if (got == 0)
      break;
    done += static_cast<size_t>(got);
  }
  return done;
}

} // namespace qzc
