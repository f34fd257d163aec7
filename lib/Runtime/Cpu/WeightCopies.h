//===- WeightCopies.h - Weights as decoding reads them ----------*- C++ -*-===//

#ifndef QZC_RUNTIME_CPU_WEIGHTCOPIES_H
#define QZC_RUNTIME_CPU_WEIGHTCOPIES_H

#include "ReadRate.h"
#include "ZeroedMemory.h"

#include "qzc/Runtime/Cpu/Kernels.h"
#include "qzc/Runtime/Image.h"
#include "qzc/Support/ThreadPool.h"

#include <unordered_map>

namespace qzc::runtime::cpu {

/// Copies of the quantized weights of a plan's linear layers in memory of large
/// pages, which are read faster than those of a file: in groups of rows
/// (RowGroups.h) where there are kernels for these, else as stored. The image
/// lets go of each weight as soon as it is copied: who reads a table that is
/// also the head's finds it there still. Of an image that cannot let go, what
/// would be as stored is not copied; nor are weights that are not quantized,
/// which are large and gain least.
class WeightCopies {
public:
  WeightCopies(const Image &image, const format::Plan &plan,
               const KernelTable &kernels, ThreadPool &pool);

  /// The tensor in groups of rows; without data if it is not copied so.
  GroupedView groups(int32_t tensor) const;
  /// The tensor as stored: a copy, or the image's own.
  format::PackedView stored(int32_t tensor) const;

  bool has(int32_t tensor) const { return Copies.count(tensor) != 0; }
  MemoryRange memory() const { return {Memory.bytes(), Memory.size()}; }

private:
  struct Copy {
    uint64_t offset;
    bool grouped;
  };
  void copy(const format::PackedView &weight, const Copy &to,
            const KernelTable &kernels, ThreadPool &pool);

  const Image &Source;
  std::unordered_map<int32_t, Copy> Copies;
  ZeroedMemory Memory;
};

} // namespace qzc::runtime::cpu

#endif // QZC_RUNTIME_CPU_WEIGHTCOPIES_H
