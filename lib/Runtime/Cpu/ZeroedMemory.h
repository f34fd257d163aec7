//===- ZeroedMemory.h - Large buffers that start as zeros -------*- C++ -*-===//

#ifndef QZC_RUNTIME_CPU_ZEROEDMEMORY_H
#define QZC_RUNTIME_CPU_ZEROEDMEMORY_H

#include <cstddef>
#include <cstdint>
#include <string>

namespace qzc::runtime::cpu {

/// Page-aligned memory of zeros, resident only where it was touched. Move-only.
class ZeroedMemory {
public:
  ZeroedMemory() = default;
  /// Throws qzc::Error naming `what` when there is not enough memory.
  ZeroedMemory(uint64_t bytes, const std::string &what);
  ZeroedMemory(ZeroedMemory &&other) noexcept;
  ZeroedMemory &operator=(ZeroedMemory &&other) noexcept;
  ~ZeroedMemory();

  float *floats() const { return static_cast<float *>(Data); }
  std::byte *bytes() const { return static_cast<std::byte *>(Data); }
  uint64_t size() const { return Size; }

private:
  void *Data = nullptr;
  uint64_t Size = 0;
};

} // namespace qzc::runtime::cpu

#endif // QZC_RUNTIME_CPU_ZEROEDMEMORY_H
