//===- TemporaryFile.cpp - Bytes that wait on disk ------------------------===//

#include "qzc/Support/TemporaryFile.h"

#include "qzc/Support/Error.h"
#include "qzc/Support/Transfer.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <string>
#include <unistd.h>

namespace qzc {

[[noreturn]] static void fail(const std::string &what) {
  throw Error("cannot " + what + " a temporary file: " + std::strerror(errno) +
              " (TMPDIR names another folder for it)");
}

TemporaryFile::TemporaryFile() {
  std::error_code failed;
  const auto folder = std::filesystem::temp_directory_path(failed);
  std::string name = ((failed ? "." : folder) / "qzc-XXXXXX").string();
  Fd = ::mkostemp(name.data(), O_CLOEXEC);
  if (Fd < 0)
    fail("make");
  ::unlink(name.c_str());
}

TemporaryFile::~TemporaryFile() { ::close(Fd); }

void TemporaryFile::write(uint64_t offset, const void *data,
                          size_t bytes) const {
  if (!writeAll(Fd, offset, data, bytes))
    fail("write");
}

void TemporaryFile::read(uint64_t offset, void *data, size_t bytes) const {
  errno = EIO; // where the file ends before
  if (readAll(Fd, offset, data, bytes) != bytes)
    fail("read");
}

} // namespace qzc
