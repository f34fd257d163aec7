//===- Nvml.h - What a GPU's energy counter says ----------------*- C++ -*-===//
//
// NVML comes with the driver, but containers often lack it: without it there is
// no energy, and nothing else is missing.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_RUNTIME_CUDA_NVML_H
#define QZC_RUNTIME_CUDA_NVML_H

#include <optional>
#include <string>

namespace qzc::runtime {

inline constexpr char kNvmlLibrary[] = "libnvidia-ml.so.1";

/// The energy counter of one GPU. It counts the whole device, whoever uses it.
class Nvml {
public:
  /// Counters move on every 20 to 100 milliseconds, by the GPU.
  static constexpr double kStepSeconds = 0.1;

  /// `bus` is the device's address as cuDeviceGetPCIBusId says it. The library
  /// stays loaded until the process ends.
  explicit Nvml(const std::string &bus, const char *library = kNvmlLibrary);

  /// Joules since the driver was loaded; nothing where there is no NVML or the
  /// GPU does not count (before Volta).
  std::optional<double> joules() const;

private:
  using Energy = int (*)(void *device, unsigned long long *millijoules);
  Energy TotalEnergy = nullptr;
  void *Handle = nullptr; ///< NVML's
};

} // namespace qzc::runtime

#endif // QZC_RUNTIME_CUDA_NVML_H
