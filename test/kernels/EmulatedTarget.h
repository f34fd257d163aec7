//===- EmulatedTarget.h - A program run by the emulator ---------*- C++ -*-===//

#ifndef QZC_TEST_KERNELS_EMULATEDTARGET_H
#define QZC_TEST_KERNELS_EMULATEDTARGET_H

#include "Emulator.h"
#include "Target.h"

#include <memory>

namespace qzc::kernel_test {

class EmulatedTarget : public Target {
public:
  EmulatedTarget(const Model &model,
                 const std::vector<emulator::Entry> &entries,
                 runtime::CacheType cache, int64_t chunk, int64_t capacity);
  EmulatedTarget(const EmulatedTarget &) = delete;
  EmulatedTarget &operator=(const EmulatedTarget &) = delete;
  ~EmulatedTarget();

  void run(const std::vector<format::CudaLaunch> &list, int64_t rows,
           int64_t firstRow) override;

private:
  void write(uint64_t to, const void *from, size_t bytes) override;
  void read(void *to, uint64_t from, size_t bytes) const override;
  uint64_t allocate(uint64_t bytes) override;
  uint64_t allocateWritten(uint64_t bytes) override;
  uint64_t allocateState() override;

  const std::vector<emulator::Entry> &Entries;
  std::vector<std::unique_ptr<char[]>> Memory;
  char *Pages; ///< the state, its counters being the first that is Written
  emulator::DependentMemory Written;
};

} // namespace qzc::kernel_test

#endif // QZC_TEST_KERNELS_EMULATEDTARGET_H
