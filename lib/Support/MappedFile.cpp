//===- MappedFile.cpp - A file mapped read-only ---------------------------===//

#include "qzc/Support/MappedFile.h"

#include "qzc/Support/Error.h"
#include "qzc/Support/File.h"
#include "qzc/Support/Hash.h"

#include <algorithm>
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
  if (offset <= Size && bytes <= Size - offset)
    releasePages(Data + offset, bytes);
}

std::string MappedFile::sha256() const {
  constexpr uint64_t kPiece = uint64_t{4} << 20;
  Sha256 hash;
  for (uint64_t offset = 0; offset < Size; offset += kPiece) {
    const uint64_t bytes = std::min(kPiece, Size - offset);
    hash.update(Data + offset, bytes);
    release(offset, bytes);
  }
  return toHex(hash.finish());
}

void releasePages(const std::byte *data, uint64_t bytes) {
  // Whole pages inside the range only: a neighbour may still be reading its
  // end of a shared page.
  const auto page = static_cast<uintptr_t>(::sysconf(_SC_PAGESIZE));
  const auto address = reinterpret_cast<uintptr_t>(data);
  const uintptr_t begin = (address + page - 1) / page * page;
  const uintptr_t end = (address + bytes) / page * page;
  if (begin < end)
    ::madvise(reinterpret_cast<void *>(begin), end - begin, MADV_DONTNEED);
}

} // namespace qzc
