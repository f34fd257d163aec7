//===- Calibration.h - The statistics that a compilation uses ---*- C++ -*-===//

#ifndef QZC_LIB_PIPELINE_CALIBRATION_H
#define QZC_LIB_PIPELINE_CALIBRATION_H

#include "Sources.h"

#include "qzc/Encode/Statistics.h"
#include "qzc/Pipeline/Compiler.h"

#include <memory>

namespace qzc::pipeline {

/// Throws qzc::Error (a wrong call) where the options about calibration do not
/// go together.
void checkCalibration(const CompileOptions &options);

/// The statistics that the options ask for: of --statistics, or of a run over
/// the text of --calibrate, which are then saved where --save-statistics says.
/// Null without either.
std::unique_ptr<encode::Statistics>
statisticsFor(const CompileOptions &options, const Sources &sources,
              const format::Manifest &manifest);

} // namespace qzc::pipeline

#endif // QZC_LIB_PIPELINE_CALIBRATION_H
