//===- Spill.cpp - Activations that wait on disk --------------------------===//

#include "Spill.h"

#include "qzc/Support/Error.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <string>
#include <unistd.h>

namespace qzc::calibrate {

[[noreturn]] static void fail(const std::string &what) {
  throw Error("cannot " + what + " a temporary file: " + std::strerror(errno) +
              " (TMPDIR names another folder for it)");
}

Spill::Spill() {
  std::error_code failed;
  const auto folder = std::filesystem::temp_directory_path(failed);
  std::string name = ((failed ? "." : folder) / "qzc-XXXXXX").string();
  Fd = ::mkostemp(name.data(), O_CLOEXEC);
  if (Fd < 0)
    fail("make");
  ::unlink(name.c_str());
}

Spill::~Spill() { ::close(Fd); }

void Spill::write(uint64_t offset, const void *data, size_t bytes) const {
  const auto *from = static_cast<const char *>(data);
  while (bytes != 0) {
    const ssize_t done = ::pwrite(Fd, from, bytes, static_cast<off_t>(offset));
    if (done < 0 && errno == EINTR)
      continue;
    if (done <= 0)
      fail("write");
    from += done;
    offset += static_cast<uint64_t>(done);
    bytes -= static_cast<size_t>(done);
  }
}

void Spill::read(uint64_t offset, void *data, size_t bytes) const {
  auto *to = static_cast<char *>(data);
  while (bytes != 0) {
    const ssize_t done = ::pread(Fd, to, bytes, static_cast<off_t>(offset));
    if (done < 0 && errno == EINTR)
      continue;
    if (done <= 0)
      fail("read");
    to += done;
    offset += static_cast<uint64_t>(done);
    bytes -= static_cast<size_t>(done);
  }
}

} // namespace qzc::calibrate
