//===- Compare.h - An executable scored beside its base ---------*- C++ -*-===//

#ifndef QZC_LIB_EVALTOOL_COMPARE_H
#define QZC_LIB_EVALTOOL_COMPARE_H

#include "Execute.h"
#include "KeepBase.h"
#include "qzc/Evaluate/Comparison.h"
#include "qzc/Support/ThreadPool.h"

namespace qzc::evaltool {

/// What two executables said of a text (--score --json), and what their logits
/// say of each other.
struct Compared {
  Json base;
  Json model;
  evaluate::Comparison comparison;
};

/// Runs both with the arguments of --score at the same time and reads their
/// logits in lockstep, so that none of them are stored, but the base's where
/// `keep` wants them. `done` is told the tokens compared so far. Throws
/// qzc::Error that says which of the two failed, and where they do not score
/// the same tokens.
Compared compareImages(const std::string &base, const std::string &model,
                       const std::vector<std::string> &arguments,
                       ThreadPool &pool, KeepBase &keep,
                       const std::function<void(int64_t)> &done);

} // namespace qzc::evaltool

#endif // QZC_LIB_EVALTOOL_COMPARE_H
