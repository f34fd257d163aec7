//===- Compiler.h - From a module to an executable --------------*- C++ -*-===//
//
// What `qzc` does, without its command line: parse, quantize, fuse, lower,
// emit, encode and pack. Tools and tests call this one function.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_PIPELINE_COMPILER_H
#define QZC_PIPELINE_COMPILER_H

#include "qzc/Format/Manifest.h"
#include "qzc/Pipeline/Recipe.h"
#include "qzc/Support/Output.h"

#include <cstdint>
#include <optional>
#include <string>

namespace qzc::pipeline {

/// How far to go, and what to write.
enum class Emit {
  Qz,       ///< the quantized and fused module
  Schedule, ///< launches on planned buffers
  Program,  ///< a program for each kind of GPU among `archs`
  Cuda,     ///< the C++ that NVRTC compiles
  Ptx,      ///< its PTX
  Bin,      ///< the executable
};

struct CompileOptions {
  std::string input;  ///< .mlir
  std::string output; ///< empty: standard output, for texts only; with `gguf`:
                      ///< no executable
  std::string gguf;   ///< empty: no GGUF
  std::string ggufTernary = "TQ2_0"; ///< or "TQ1_0": blocks of ternary there
  Emit emit = Emit::Bin;

  Recipe recipe;
  std::string saveRecipe; ///< empty: nowhere
  std::string calibrate;  ///< a text to run the model over; empty: none
  std::optional<int64_t> calibrationTokens; ///< the most of it; none: 32768
  std::string statistics;                   ///< of an earlier calibration
  std::string saveStatistics;               ///< empty: nowhere
  double targetBits = 0;    ///< a weight that is quantized; 0: no such budget
  uint64_t targetBytes = 0; ///< of all weights; 0: no such budget
  std::string report;       ///< .json or .csv of what became of each weight

  format::WeightsMode weightsMode = format::WeightsMode::Embedded;
  std::string weightsFile; ///< External: where to write them
  std::string weightsDir;  ///< where to read them; empty: beside the module
  uint64_t seed = 0;       ///< Synthetic

  std::string archs;   ///< "80,90a" or empty: the default list
  std::string stub;    ///< the runtime in front of the image
  std::string nvrtc;   ///< the program that compiles kernels
  int threads = 0;     ///< 0: all cores
  bool dryRun = false; ///< print the table and what it needs, and stop
};

/// Compiles; prints the resolved table of layers to `results`. Throws
/// qzc::Error; leaves no partial output.
void compile(const CompileOptions &options, const Output &results);

} // namespace qzc::pipeline

#endif // QZC_PIPELINE_COMPILER_H
