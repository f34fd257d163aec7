//===- MappedFile.cpp - A file mapped read-only ---------------------------===//

#include "qzc/Support/MappedFile.h"

#include "qzc/Support/Error.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

namespace qzc {

MappedFile::MappedFile(const std::string &path) : Path(path) {
  int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    throw Error("cannot open '" + path + "': " + std::strerror(errno));
  struct stat info = {};
  if (::fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) {
    ::close(fd);
    throw Error("cannot read '" + path + "': it is not a regular file");
  }
  Size = static_cast<uint64_t>(info.st_size);
  if (Size != 0) {
    void *mapping = ::mmap(nullptr, Size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (mapping == MAP_FAILED) {
      int reason = errno;
      ::close(fd);
      throw Error("cannot map '" + path + "': " + std::strerror(reason));
    }
    Data = static_cast<const std::byte *>(mapping);
  }
  ::close(fd);
}

MappedFile::MappedFile(MappedFile &&other) noexcept
    : Data(std::exchange(other.Data, nullptr)),
      Size(std::exchange(other.Size, 0)), Path(std::move(other.Path)) {}

MappedFile &MappedFile::operator=(MappedFile &&other) noexcept {
  std::swap(Data, other.Data);
  std::swap(Size, other.Size);
  std::swap(Path, other.Path);
  return *this;
}

MappedFile::~MappedFile() {
  if (Data)
    ::munmap(const_cast<std::byte *>(Data), Size);
}

void MappedFile::release(uint64_t offset, uint64_t bytes) const {
  // Whole pages inside the range only: a neighbour may still be reading its
  // end of a shared page.
  const auto page = static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
  uint64_t begin = (offset + page - 1) / page * page;
  uint64_t end = (offset + bytes) / page * page;
  if (begin < end && end <= Size)
    ::madvise(const_cast<std::byte *>(Data) + begin, end - begin,
              MADV_DONTNEED);
}

} // namespace qzc
