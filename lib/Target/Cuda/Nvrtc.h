//===- Nvrtc.h - CUDA's run-time compiler ----------------------*- C++ -*-===//
//
// Environment:
//   QZC_NVRTC  the library to open instead of the one found at build time
//
//===----------------------------------------------------------------------===//

#ifndef QZC_LIB_TARGET_CUDA_NVRTC_H
#define QZC_LIB_TARGET_CUDA_NVRTC_H

#include <nvrtc.h>

#include <string>
#include <vector>

namespace qzc::cuda {

struct NvrtcResult {
  std::string code; ///< a cubin, or PTX with its NUL
  std::string log;
};

class Nvrtc {
public:
  /// Opens the library; throws qzc::Error naming the path where that fails.
  Nvrtc();

  /// "12.9"
  std::string version() const {
    return std::to_string(Major) + "." + std::to_string(Minor);
  }

  /// Compiles with the kernel headers. Throws qzc::Error with the first error
  /// of the log.
  NvrtcResult compile(const std::string &source,
                      const std::vector<std::string> &options, bool ptx) const;

private:
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
