//===- Compile.h - C++ text to cubins and PTX -------------------*- C++ -*-===//
//
// NVRTC compiles several texts at once, each for an architecture and in a
// process of its own (qzc-nvrtc); the results are kept in a cache on disk.
//
// Environment:
//   QZC_CACHE_DIR  the cache folder; else $XDG_CACHE_HOME/qzc, ~/.cache/qzc
//
//===----------------------------------------------------------------------===//

#ifndef QZC_TARGET_CUDA_COMPILE_H
#define QZC_TARGET_CUDA_COMPILE_H

#include "qzc/Target/Cuda/Gpu.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace qzc::cuda {

/// sm_80, sm_86, sm_89, sm_90a, sm_100, sm_120 and compute_80.
std::vector<Arch> defaultArchs();

/// Parses the value of --arch: names separated by commas, "sm_90a", "90a" or
/// "compute_80", or "none" alone. Throws a usage error that lists what is
/// supported.
std::vector<Arch> parseArchs(std::string_view list);

/// What one call of NVRTC compiles.
struct CompileUnit {
  std::string source;
  Arch arch;
};

struct CompiledCode {
  Arch arch;
  std::string bytes; ///< cubin, or PTX text with its terminating NUL
};

/// NVRTC, as the program qzc-nvrtc runs it.
class CudaCompiler {
public:
  /// `program`: the path of qzc-nvrtc. Throws qzc::Error where it, or the
  /// library that it opens, cannot be used.
  explicit CudaCompiler(std::string program);

  /// "12.9"
  const std::string &version() const { return Version; }
  /// The oldest driver (as cuDriverGetVersion) that loads this NVRTC's cubins.
  int64_t minimumDriver() const;

  /// Compiles every unit, in parallel; the results are in their order.
  /// `threads` ≤ 0: one for each core. Throws qzc::Error with the first error
  /// of the compiler's log where one does not compile.
  std::vector<CompiledCode> compile(const std::vector<CompileUnit> &units,
                                    int threads = 0) const;

  /// NVRTC's log of compiling `source` for one architecture with ptxas's report
  /// on registers and spills; for tests and for people.
  std::string resourceUsage(const std::string &source, const Arch &arch) const;

private:
  std::string Program;
  std::string Version;
};

} // namespace qzc::cuda

#endif // QZC_TARGET_CUDA_COMPILE_H
