//===- AtomicFile.cpp - Output that appears whole or not at all -----------===//

#include "qzc/Support/AtomicFile.h"

#include "qzc/Support/Error.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

namespace qzc {

static Error cannotWrite(const std::string &path, int reason) {
  return Error("cannot write '" + path + "': " + std::strerror(reason));
}

AtomicFile::AtomicFile(std::string path, bool executable)
    : Path(std::move(path)) {
  struct stat info = {};
  if (::stat(Path.c_str(), &info) == 0 && !S_ISREG(info.st_mode))
    throw Error("cannot write '" + Path + "': it is not a regular file");
  // A name may be taken: by a process of the same number that was killed, or by
  // another file of this one.
  constexpr int kNames = 100;
  const std::string stem = Path + ".partial-" + std::to_string(::getpid());
  for (int number = 0; number != kNames; ++number) {
    PartialPath = number == 0 ? stem : stem + "." + std::to_string(number);
    Fd = ::open(PartialPath.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC,
                executable ? 0777 : 0666);
    if (Fd >= 0 || errno != EEXIST)
      break;
  }
  if (Fd < 0 && errno == EEXIST)
    throw Error("cannot write '" + Path + "': remove the files '" + stem +
                "*' that an earlier run left behind");
  if (Fd < 0)
    throw cannotWrite(Path, errno);
  Signals.emplace(PartialPath);
}

AtomicFile::~AtomicFile() {
  if (Fd >= 0)
    ::close(Fd);
  if (!PartialPath.empty())
    ::unlink(PartialPath.c_str());
}

void AtomicFile::append(const void *data, size_t bytes) {
  writeAt(reserve(bytes), data, bytes);
}

void AtomicFile::alignTo(uint64_t alignment) {
  static constexpr std::array<char, 4096> kZeros = {};
  uint64_t padding = (alignment - Size % alignment) % alignment;
  while (padding != 0) {
    uint64_t piece = std::min<uint64_t>(padding, kZeros.size());
    append(kZeros.data(), piece);
    padding -= piece;
  }
}

void AtomicFile::writeAt(uint64_t offset, const void *data,
                         size_t bytes) const {
  const char *next = static_cast<const char *>(data);
  while (bytes != 0) {
    ssize_t written = ::pwrite(Fd, next, bytes, static_cast<off_t>(offset));
    if (written < 0 && errno == EINTR)
      continue;
    if (written <= 0)
      throw cannotWrite(Path, written < 0 ? errno : ENOSPC);
    next += written;
    offset += static_cast<uint64_t>(written);
    bytes -= static_cast<size_t>(written);
  }
}

void AtomicFile::readAt(uint64_t offset, void *data, size_t bytes) const {
  char *next = static_cast<char *>(data);
  while (bytes != 0) {
    ssize_t got = ::pread(Fd, next, bytes, static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR)
      continue;
    if (got < 0)
      throw Error("cannot read back '" + Path + "': " + std::strerror(errno));
    if (got == 0) {
      // A reserved tail that nobody wrote.
      std::memset(next, 0, bytes);
      return;
    }
    next += got;
    offset += static_cast<uint64_t>(got);
    bytes -= static_cast<size_t>(got);
  }
}

uint64_t AtomicFile::reserve(uint64_t bytes) {
  uint64_t offset = Size;
  Size += bytes;
  return offset;
}

void AtomicFile::finish() {
  // A reserved tail that nobody wrote still belongs to the file.
  if (::ftruncate(Fd, static_cast<off_t>(Size)) != 0)
    throw cannotWrite(Path, errno);
  // Delayed allocation reports a full disk here at the latest.
  if (::fsync(Fd) != 0 && errno != EINVAL)
    throw cannotWrite(Path, errno);
  if (::close(std::exchange(Fd, -1)) != 0)
    throw cannotWrite(Path, errno);
}

void AtomicFile::publish() {
  if (::rename(PartialPath.c_str(), Path.c_str()) != 0)
    throw cannotWrite(Path, errno);
  Signals.reset();
  PartialPath.clear();
}

} // namespace qzc
