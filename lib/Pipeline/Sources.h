//===- Sources.h - The files a program refers to ----------------*- C++ -*-===//

#ifndef QZC_LIB_PIPELINE_SOURCES_H
#define QZC_LIB_PIPELINE_SOURCES_H

#include "qzc/Encode/WeightSources.h"
#include "qzc/Target/Manifest/Manifest.h"

#include <optional>
#include <string>
#include <vector>

namespace qzc::pipeline {

/// A program's files where they are now, and where each tensor begins.
struct Sources {
  std::vector<encode::SourceFile> weights;
  std::vector<encode::WeightRef> refs; ///< by tensor, in the manifest's order
  /// Without one the executable takes token ids only.
  std::optional<encode::SourceFile> tokenizer;
};

/// `file` with its path taken from `folder`.
encode::SourceFile fileIn(const std::string &folder, encode::SourceFile file);

/// Resolves a program's references against `folder`. `synthetic` leaves the
/// weights out. Throws qzc::Error where a tensor (named from `tensors`) has no
/// file.
Sources resolveSources(const ProgramSources &program,
                       const std::vector<format::Tensor> &tensors,
                       const std::string &folder, bool synthetic);

/// Writes down in the manifest which files the weights are encoded from.
void recordSources(const Sources &sources, format::Manifest &manifest);

/// The tokenizer's text, checked against its size and hash and, by loading it,
/// for being one that the runtime can use.
std::string readTokenizer(const encode::SourceFile &file);

} // namespace qzc::pipeline

#endif // QZC_LIB_PIPELINE_SOURCES_H
