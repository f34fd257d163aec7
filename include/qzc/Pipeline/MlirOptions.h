//===- MlirOptions.h - MLIR's own options -----------------------*- C++ -*-===//

#ifndef QZC_PIPELINE_MLIROPTIONS_H
#define QZC_PIPELINE_MLIROPTIONS_H

#include <vector>

namespace qzc::pipeline {

/// Takes the words that begin with --mlir- (printing the module between passes,
/// timing, statistics, reproducers of crashes; values as --mlir-NAME=VALUE) out
/// of a command line, sets them, and returns what is left. Throws qzc::Error (a
/// wrong call). Before the first MLIRContext.
std::vector<const char *> takeMlirOptions(int argc, const char *const *argv);

} // namespace qzc::pipeline

#endif // QZC_PIPELINE_MLIROPTIONS_H
