//===- ZeroedMemory.cpp - Large buffers that start as zeros ---------------===//

#include "ZeroedMemory.h"

#include "qzc/Support/Error.h"

#include <sys/mman.h>
#include <utility>

namespace qzc::runtime::cpu {

ZeroedMemory::ZeroedMemory(uint64_t bytes, const std::string &what)
    : Size(bytes) {
  if (bytes == 0)
    return;
  void *data = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (data == MAP_FAILED)
    throw Error("not enough memory for " + what + " (" +
                std::to_string(bytes >> 20) + " MiB)");
  Data = data;
  // Fewer TLB misses; a kernel that cannot do it works all the same.
  static_cast<void>(::madvise(data, bytes, MADV_HUGEPAGE));
}

ZeroedMemory::ZeroedMemory(ZeroedMemory &&other) noexcept
    : Data(std::exchange(other.Data, nullptr)),
      Size(std::exchange(other.Size, 0)) {}

ZeroedMemory &ZeroedMemory::operator=(ZeroedMemory &&other) noexcept {
  std::swap(Data, other.Data);
  std::swap(Size, other.Size);
  return *this;
}

ZeroedMemory::~ZeroedMemory() {
  if (Data)
    ::munmap(Data, Size);
}

} // namespace qzc::runtime::cpu
