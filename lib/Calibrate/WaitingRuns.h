//===- WaitingRuns.h - Runs of a plan's body that go on later ---*- C++ -*-===//

#ifndef QZC_LIB_CALIBRATE_WAITINGRUNS_H
#define QZC_LIB_CALIBRATE_WAITINGRUNS_H

#include "qzc/Format/Manifest.h"
#include "qzc/Runtime/Cpu/Steps.h"
#include "qzc/Support/TemporaryFile.h"

#include <cstdint>
#include <map>
#include <vector>

namespace qzc::calibrate {

/// What a runner's buffers hold before some launch, of any number of runs on
/// equally many tokens, in a temporary file: of each run the buffers that are
/// needed from there on.
class WaitingRuns {
public:
  /// `launches` are where runs may wait, the body's end among them.
  WaitingRuns(const format::Plan &plan, runtime::cpu::StepRunner &runner,
              int64_t tokens, const std::vector<size_t> &launches);

  /// Keeps the buffers of the runner as run `run` before `launch`.
  void save(size_t launch, size_t run);
  /// Makes them be those of the runner again.
  void restore(size_t launch, size_t run);

private:
  /// take(buffer, offset, bytes) for the live buffers of a run, one behind the
  /// other; the bytes of all.
  template <typename Take> uint64_t forLive(size_t launch, Take take) const;

  const format::Plan &Plan;
  runtime::cpu::StepRunner &Runner;
  int64_t Tokens;
  std::map<size_t, std::vector<size_t>> Live; ///< buffers, by launch
  uint64_t Slot = 0;                          ///< bytes of a run
  TemporaryFile File;
};

} // namespace qzc::calibrate

#endif // QZC_LIB_CALIBRATE_WAITINGRUNS_H
