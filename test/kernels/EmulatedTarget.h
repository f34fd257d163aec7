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
                 const std::vector<emulator::Entry> &entries, bool halfCache,
                 int64_t chunk, int64_t capacity);
  EmulatedTarget(const EmulatedTarget &) = delete;
  EmulatedTarget &operator=(const EmulatedTarget &) = delete;
  ~EmulatedTarget();

  void setState(int position, int tokens, int token, int rows) override;
  DeviceState state() const override;
  std::vector<CacheRange> cacheRanges() const; ///< by layer
  void setTokens(const std::vector<int32_t> &tokens) override;
  void setTargets(const std::vector<int32_t> &targets) override;
  void run(const std::vector<format::CudaLaunch> &list, int64_t rows,
           int64_t firstRow) override;
  std::vector<float> losses(int64_t rows) const override;

private:
  std::vector<float> readHead(uint64_t offset, size_t count) const override;
  uint64_t allocate(uint64_t bytes);
  uint64_t allocateWritten(uint64_t bytes);

  const std::vector<emulator::Entry> &Entries;
  std::vector<std::unique_ptr<char[]>> Memory;
  size_t Ranges = 0;
  emulator::DependentMemory Written;
};

} // namespace qzc::kernel_test

#endif // QZC_TEST_KERNELS_EMULATEDTARGET_H
