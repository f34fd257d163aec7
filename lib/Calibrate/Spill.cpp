//===- Spill.cpp - Activations that wait on disk --------------------------===//

#include "Spill.h"

#include "qzc/Support/Error.h"
#include "qzc/Support/Transfer.h"

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
  if (!writeAll(Fd, offset, data, bytes))
    fail("write");
}

void Spill::read(uint64_t offset, void *data, size_t bytes) const {
  errno = EIO; // where the file ends before
  if (readAll(Fd, offset, data, bytes) != bytes)
    fail("read");
}

} // namespace qzc::calibrate
