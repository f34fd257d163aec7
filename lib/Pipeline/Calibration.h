//===- Calibration.h - The statistics that a compilation uses ---*- C++ -*-===//

#ifndef QZC_LIB_PIPELINE_CALIBRATION_H
#define QZC_LIB_PIPELINE_CALIBRATION_H

#include "Sources.h"

#include "qzc/Encode/CodeStore.h"
#include "qzc/Encode/StatisticsFile.h"
#include "qzc/Pipeline/Compiler.h"
#include "qzc/Target/Gguf/Imatrix.h"

#include <memory>

namespace qzc::pipeline {

/// Throws qzc::Error (a wrong call) where the options about calibration do not
/// go together.
void checkCalibration(const CompileOptions &options);

/// The same where they ask for statistics that nothing then uses. `hasMethod`:
/// a method makes a difference to a layer that is selected.
void checkIsUsed(const CompileOptions &options, bool hasMethod);

/// Whether --save-statistics asks for an importance matrix of llama.cpp.
bool savesImatrix(const CompileOptions &options);

/// Warns where nothing that is left allows --rederive to make again what a
/// calibration chose: an importance matrix is not all that it saw.
void warnOfStatistics(const CompileOptions &options,
                      const format::Manifest &manifest);

/// A file of --save-statistics, or an importance matrix, whose entries are
/// found by `names`. Throws qzc::Error where it is neither.
std::unique_ptr<encode::StatisticsFile> readStatistics(const std::string &path,
                                                       gguf::TensorNames names);

/// The statistics that the options ask for: of --statistics, or of a run over
/// the text of --calibrate, which leaves what it encodes in `codes`; they are
/// saved where --save-statistics says. Null without either. Throws qzc::Error
/// where they are another model's.
std::unique_ptr<encode::StatisticsFile>
statisticsFor(const CompileOptions &options, const Sources &sources,
              const format::Manifest &manifest, const gguf::TensorNames &names,
              encode::CodeStore &codes);

} // namespace qzc::pipeline

#endif // QZC_LIB_PIPELINE_CALIBRATION_H
