//===- Nvrtc.h - The run-time compiler, opened on first use -----*- C++ -*-===//

#ifndef QZC_LIB_TARGET_CUDA_NVRTC_H
#define QZC_LIB_TARGET_CUDA_NVRTC_H

#include <nvrtc.h>

#include <string>
#include <vector>

namespace qzc::cuda {

class Nvrtc {
public:
  /// Opens the library on the first call; throws qzc::Error naming the path
  /// where that fails. Thread-safe.
  static const Nvrtc &get();

  int major() const { return Major; }
  std::string version() const {
    return std::to_string(Major) + "." + std::to_string(Minor);
  }

  /// Compiles with the kernel headers; returns the cubin, or PTX with its NUL.
  /// `log`, if not null, receives the compiler's log. Throws qzc::Error with
  /// the first error of the log.
  std::string compile(const std::string &source,
                      const std::vector<std::string> &options, bool ptx,
                      std::string *log) const;

private:
  Nvrtc();

  int Major = 0;
  int Minor = 0;
  decltype(&nvrtcVersion) Version = nullptr;
  decltype(&nvrtcGetErrorString) ErrorString = nullptr;
  decltype(&nvrtcCreateProgram) CreateProgram = nullptr;
  decltype(&nvrtcDestroyProgram) DestroyProgram = nullptr;
  decltype(&nvrtcCompileProgram) CompileProgram = nullptr;
  decltype(&nvrtcGetCUBINSize) CubinSize = nullptr;
  decltype(&nvrtcGetCUBIN) Cubin = nullptr;
  decltype(&nvrtcGetPTXSize) PtxSize = nullptr;
  decltype(&nvrtcGetPTX) Ptx = nullptr;
  decltype(&nvrtcGetProgramLogSize) LogSize = nullptr;
  decltype(&nvrtcGetProgramLog) Log = nullptr;
};

} // namespace qzc::cuda

#endif // QZC_LIB_TARGET_CUDA_NVRTC_H
