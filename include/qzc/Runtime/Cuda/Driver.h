//===- Driver.h - libcuda.so.1, opened at run time --------------*- C++ -*-===//
//
// The NVIDIA driver's own library is the only piece of CUDA that a compiled
// executable needs, and it is opened only when a GPU is asked for.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_RUNTIME_CUDA_DRIVER_H
#define QZC_RUNTIME_CUDA_DRIVER_H

#include <cuda.h>
#include <memory>
#include <string>

namespace qzc::runtime {

inline constexpr char kDriverLibrary[] = "libcuda.so.1";

/// "12.4" for what cuDriverGetVersion calls 12040.
std::string cudaVersionName(int64_t version);

/// An initialised driver: a table of entry points and its version.
class Driver {
public:
  /// Opens `library` and calls cuInit. Throws qzc::Error where it is missing
  /// or too old, or cuInit fails (the message says why). The library stays
  /// loaded until the process ends.
  static std::unique_ptr<Driver> open(const char *library = kDriverLibrary);

  /// Whether `library` can be opened and shows a device, or fails in another
  /// way than by lacking one (open() then says how).
  static bool devicePresent(const char *library = kDriverLibrary);

  /// What the driver supports, as cuDriverGetVersion: 12040 for CUDA 12.4.
  int version() const { return Version; }

  /// Throws qzc::Error ("CUDA: <what> failed: <why>") unless `result` is
  /// CUDA_SUCCESS.
  void check(CUresult result, const std::string &what) const;
  /// "an illegal memory access was encountered (CUDA_ERROR_ILLEGAL_ADDRESS)".
  std::string describe(CUresult result) const;

#define QZC_DRIVER_ENTRY(Member, Symbol) decltype(&::Symbol) Member = nullptr;
#include "qzc/Runtime/Cuda/DriverEntries.def"

private:
  Driver() = default;
  int Version = 0;
};

} // namespace qzc::runtime

#endif // QZC_RUNTIME_CUDA_DRIVER_H
