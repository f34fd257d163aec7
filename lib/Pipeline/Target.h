//===- Target.h - Storages that meet a budget -------------------*- C++ -*-===//

#ifndef QZC_LIB_PIPELINE_TARGET_H
#define QZC_LIB_PIPELINE_TARGET_H

#include "Sources.h"

#include "qzc/Encode/Statistics.h"
#include "qzc/Pipeline/Compiler.h"

#include <string>
#include <vector>

namespace qzc::pipeline {

/// Whether the options ask for one. Throws qzc::Error (a wrong call) where they
/// say beside it how layers are stored.
bool hasTarget(const CompileOptions &options);

/// What a budget's losses are measured with, and so its method where none is
/// asked for.
inline constexpr const char *kBudgetMethod = "mse";

/// The manifest's plan with all that it quantizes as it was imported: what a
/// text is run over before anything is chosen.
format::Manifest unquantized(const format::Manifest &manifest);

/// What was chosen: a rule for each weight, and a table for people.
struct TargetResult {
  std::vector<std::string> rules;
  std::string table;
};

/// Chooses how each tensor that the manifest quantizes is stored, so that all
/// of them meet the budget with the least sum of errors. `statistics` may be
/// null. Throws qzc::Error where nothing does.
TargetResult meetTarget(const CompileOptions &options, const Sources &sources,
                        const format::Manifest &manifest,
                        const encode::Statistics *statistics);

} // namespace qzc::pipeline

#endif // QZC_LIB_PIPELINE_TARGET_H
