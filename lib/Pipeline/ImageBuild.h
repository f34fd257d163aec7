//===- ImageBuild.h - Encode the weights and pack the image -----*- C++ -*-===//

#ifndef QZC_LIB_PIPELINE_IMAGEBUILD_H
#define QZC_LIB_PIPELINE_IMAGEBUILD_H

#include "GpuBuild.h"
#include "Sources.h"

#include "qzc/Encode/CodeStore.h"
#include "qzc/Encode/Encoder.h"
#include "qzc/Encode/Measure.h"
#include "qzc/Encode/StatisticsFile.h"
#include "qzc/Pack/ImageWriter.h"
#include "qzc/Pipeline/Compiler.h"
#include "qzc/Support/AtomicFile.h"
#include "qzc/Support/ThreadPool.h"

#include <optional>

namespace qzc::pipeline {

/// An executable under construction. The weights are encoded on construction,
/// before the CUDA lowering, which must know how far they reach (their f16
/// exponents); code and manifest follow with finish(), names with publish().
/// Without them nothing is left behind.
class ImageBuild {
public:
  /// Sets the manifest's weights: mode, offsets, exponents, size, and what they
  /// were encoded from. `statistics` may be null; what `codes` has is taken
  /// from there.
  ImageBuild(const CompileOptions &options, const Sources &sources,
             format::Manifest &manifest,
             const encode::StatisticsFile *statistics,
             const encode::CodeStore &codes);

  /// What encoding did to each tensor, from the bytes that were written; none
  /// without weights.
  std::vector<encode::WeightError> measure(const Sources &sources,
                                           const format::Manifest &manifest);

  /// Adds what is missing (no tokenizer where its text is empty), flushes and
  /// checks.
  void finish(const format::Manifest &manifest,
              const std::string &tokenizerJson,
              const std::vector<GpuCode> &code);
  /// Gives the files their names.
  void publish();

private:
  void encodeInside(const Sources &sources, format::Manifest &manifest);
  void encodeBeside(const Sources &sources, format::Manifest &manifest);
  void encode(const Sources &sources, format::Manifest &manifest,
              const encode::SectionWriter &write);

  const CompileOptions &Options;
  const encode::StatisticsFile *Statistics;
  const encode::CodeStore &Codes;
  ThreadPool Pool;
  pack::ImageWriter Image;
  std::vector<format::Factors> Factors;  ///< of the encoded tensors
  std::optional<AtomicFile> WeightsFile; ///< External weights
  size_t Section = 0;                    ///< Embedded weights
};

} // namespace qzc::pipeline

#endif // QZC_LIB_PIPELINE_IMAGEBUILD_H
