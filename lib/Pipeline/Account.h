//===- Account.h - What became of each weight -------------------*- C++ -*-===//

#ifndef QZC_LIB_PIPELINE_ACCOUNT_H
#define QZC_LIB_PIPELINE_ACCOUNT_H

#include "qzc/Encode/Measure.h"
#include "qzc/Format/Manifest.h"

#include <string>
#include <vector>

namespace qzc::pipeline {

/// Bytes that an executable needs while it runs, on either device, but for the
/// kernels' own scratch.
struct RunMemory {
  uint64_t weights = 0;
  uint64_t cachePerPosition = 0; ///< f32 keys and values of all layers
  uint64_t activationsPerToken = 0;

  explicit RunMemory(const format::Manifest &manifest);
  /// Two lines for people: with the model's whole context, and with 1024
  /// positions where that is less.
  std::string describe(int64_t context) const;
};

/// The table of --report: for each tensor how it is stored, what that costs and
/// what it changes. Without `errors` (nothing was encoded) those are left out.
class Account {
public:
  Account(const format::Manifest &manifest,
          std::vector<encode::WeightError> errors);

  /// A line for each tensor that lost far more than those of the same role and
  /// storage in the blocks around it.
  std::vector<std::string> warnings() const;
  /// The table as JSON, or as CSV where `path` ends so.
  std::string textFor(const std::string &path) const;

private:
  std::string json() const;
  std::string csv() const;
  /// Σ (ŵ - w)² / Σ w², where there is any.
  double relativeError(size_t tensor) const;
  std::vector<double> neighbours(size_t tensor) const;

  const format::Manifest &Plan;
  std::vector<encode::WeightError> Errors; ///< by tensor, or none
};

/// Throws qzc::Error (a wrong call) unless the name ends in .json or .csv.
void checkReportName(const std::string &path);

} // namespace qzc::pipeline

#endif // QZC_LIB_PIPELINE_ACCOUNT_H
