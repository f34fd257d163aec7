//===- AtomicFile.cpp - Output that appears whole or not at all -----------===//

#include "qzc/Support/AtomicFile.h"

#include "qzc/Support/Error.h"
#include "qzc/Support/Transfer.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

namespace qzc {

static Error cannotWrite(const std::string &path, int reason) {
  return Error("cannot write '" + path + "': " + std::strerror(reason));
}

static constexpr const char *kPartial = ".partial-";

/// Takes the lock of an open file that nobody else has. A file system without
/// locks refuses: then nothing is ever taken for left behind.
static bool lock(int fd) { return ::flock(fd, LOCK_EX | LOCK_NB) == 0; }

/// Whether the name stands for the open regular file.
static bool isNameOf(const std::string &name, int fd) {
  struct stat named = {};
  struct stat opened = {};
  return ::lstat(name.c_str(), &named) == 0 && ::fstat(fd, &opened) == 0 &&
         S_ISREG(opened.st_mode) && named.st_dev == opened.st_dev &&
         named.st_ino == opened.st_ino;
}

/// Whether `name` is "<stem>.partial-<pid>" or "<stem>.partial-<pid>.<number>".
static bool isPartialOf(std::string_view name, std::string_view stem) {
  const std::string_view mark = kPartial;
  if (name.substr(0, stem.size()) != stem ||
      name.substr(stem.size(), mark.size()) != mark)
    return false;
  name.remove_prefix(stem.size() + mark.size());
  const size_t pid = name.find_first_not_of("0123456789");
  if (pid == std::string_view::npos)
    return !name.empty();
  return pid != 0 && name[pid] == '.' && pid + 1 != name.size() &&
         name.find_first_not_of("0123456789", pid + 1) ==
             std::string_view::npos;
}

/// Removes the partial files of `path` that no process writes any more.
static void removeLeftBehind(const std::filesystem::path &path) {
  const std::filesystem::path folder =
      path.has_parent_path() ? path.parent_path() : ".";
  std::error_code ignored;
  for (std::filesystem::directory_iterator entry(folder, ignored), end;
       !ignored && entry != end; entry.increment(ignored)) {
    if (!isPartialOf(entry->path().filename().native(),
                     path.filename().native()))
      continue;
    const std::string &name = entry->path().native();
    const int fd =
        ::open(name.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
      continue;
    if (lock(fd) && isNameOf(name, fd))
      ::unlink(name.c_str());
    ::close(fd);
  }
}

/// Makes the partial file; false where the name is another's.
bool AtomicFile::open(const std::string &name, bool executable) {
  Fd = ::open(name.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC,
              executable ? 0777 : 0666);
  if (Fd < 0 && errno != EEXIST)
    throw cannotWrite(Path, errno);
  if (Fd < 0)
    return false;
  // Before it had its lock another process may have taken it for left behind.
  if ((!lock(Fd) && errno == EWOULDBLOCK) || !isNameOf(name, Fd)) {
    ::close(std::exchange(Fd, -1));
    return false;
  }
  PartialPath = name;
  Signals.emplace(PartialPath);
  return true;
}

AtomicFile::AtomicFile(std::string path, bool executable)
    : Path(std::move(path)) {
  struct stat info = {};
  if (::stat(Path.c_str(), &info) == 0 && !S_ISREG(info.st_mode))
    throw Error("cannot write '" + Path + "': it is not a regular file");
  removeLeftBehind(Path);
  // A name may be taken by another file of this process, or where the file
  // system knows no locks.
  constexpr int kNames = 100;
  const std::string stem = Path + kPartial + std::to_string(::getpid());
  for (int number = 0; number != kNames; ++number)
    if (open(number == 0 ? stem : stem + "." + std::to_string(number),
             executable))
      return;
  throw Error("cannot write '" + Path + "': remove the files '" + stem +
              "*' that an earlier run left behind");
}

AtomicFile::~AtomicFile() {
  // Unlinked while it is locked: nobody else may have the name by then.
  if (!PartialPath.empty())
    ::unlink(PartialPath.c_str());
  for (const int fd : {Fd, Held})
    if (fd >= 0)
      ::close(fd);
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
  if (!writeAll(Fd, offset, data, bytes))
    throw cannotWrite(Path, errno);
}

void AtomicFile::readAt(uint64_t offset, void *data, size_t bytes) const {
  const std::optional<size_t> got = readAll(Fd, offset, data, bytes);
  if (!got)
    throw Error("cannot read back '" + Path + "': " + std::strerror(errno));
  // A reserved tail that nobody wrote.
  std::memset(static_cast<char *>(data) + *got, 0, bytes - *got);
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
  Held = std::exchange(Fd, -1);
}

void AtomicFile::publish() {
  if (::rename(PartialPath.c_str(), Path.c_str()) != 0)
    throw cannotWrite(Path, errno);
  Signals.reset();
  PartialPath.clear();
  // An executable cannot be run while it is open for writing.
  ::close(std::exchange(Held, -1));
}

} // namespace qzc
