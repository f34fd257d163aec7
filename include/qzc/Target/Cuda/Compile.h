//===- Compile.h - C++ text to cubins and PTX -------------------*- C++ -*-===//
//
// NVRTC, opened at run time (the compiler starts without it), compiles one
// program for several architectures at once and keeps the results in a cache
// on disk.
//
// Environment:
//   QZC_NVRTC      the library to open instead of the one found at build time
//   QZC_CACHE_DIR  the cache folder; else $XDG_CACHE_HOME/qzc, ~/.cache/qzc
//
//===----------------------------------------------------------------------===//

#ifndef QZC_TARGET_CUDA_COMPILE_H
#define QZC_TARGET_CUDA_COMPILE_H

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace qzc::cuda {

/// A real architecture (sm_90a) or a virtual one (compute_80: PTX).
struct Arch {
  uint32_t number = 0;   ///< compute capability × 10
  bool specific = false; ///< the "a" variant: runs on exactly that one
  bool ptx = false;

  /// "sm_90a", "compute_80"
  std::string name() const;
  bool operator==(const Arch &other) const {
    return number == other.number && specific == other.specific &&
           ptx == other.ptx;
  }
};

/// sm_80, sm_86, sm_89, sm_90a, sm_100, sm_120 and compute_80.
std::vector<Arch> defaultArchs();

/// Parses the value of --arch: names separated by commas, "sm_90a", "90a" or
/// "compute_80", or "none" alone. Throws a usage error that lists what is
/// supported.
std::vector<Arch> parseArchs(std::string_view list);

/// "12.9": of the library in use. Throws qzc::Error where there is none.
std::string nvrtcVersion();
/// The oldest driver (as cuDriverGetVersion) that loads this NVRTC's cubins.
int64_t minimumDriver();

struct CompiledCode {
  Arch arch;
  std::string bytes; ///< cubin, or PTX text with its terminating NUL
};

/// A header that `#include "name"` finds.
struct EmbeddedHeader {
  std::string_view name;
  std::string_view text;
};
/// The kernel headers and what they include.
const std::vector<EmbeddedHeader> &kernelHeaders();

/// Compiles `source` for every architecture, in parallel, in that order.
/// `threads` ≤ 0: one for each core. Throws qzc::Error with the first line of
/// the compiler's log where it does not compile.
std::vector<CompiledCode> compileCuda(const std::string &source,
                                      const std::vector<Arch> &archs,
                                      int threads = 0);

/// NVRTC's log of compiling `source` for one architecture with ptxas's report
/// on registers and spills; for tests and for people.
std::string resourceUsage(const std::string &source, const Arch &arch);

} // namespace qzc::cuda

#endif // QZC_TARGET_CUDA_COMPILE_H
