//===- MappedFile.cpp - A file mapped read-only ---------------------------===//

#include "qzc/Support/MappedFile.h"

#include "qzc/Support/Error.h"
#include "qzc/Support/File.h"

#include <cerrno>
#include <cstring>
#include <sys/mman.h>
#include <unistd.h>
#include <utility>

namespace qzc {

MappedFile::MappedFile(const std::string &path) : Path(path) {
  const RegularFile file(path);
  Size = file.size();
  if (Size == 0)
    return;
  void *mapping =
      ::mmap(nullptr, Size, PROT_READ, MAP_PRIVATE, file.descriptor(), 0);
  if (mapping == MAP_FAILED)
    throw Error("cannot map '" + path + "': " + std::strerror(errno));
  Data = static_cast<const std::byte *>(mapping);
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
