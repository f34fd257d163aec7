//===- StepSlots.h - What decode steps take and leave -----------*- C++ -*-===//

#ifndef QZC_LIB_RUNTIME_CUDA_STEPSLOTS_H
#define QZC_LIB_RUNTIME_CUDA_STEPSLOTS_H

#include "qzc/Runtime/Cuda/Device.h"
#include "qzc/Runtime/Cuda/DeviceState.h"
#include "qzc/Runtime/Cuda/Workspace.h"
#include "qzc/Runtime/Draw.h"

#include <array>
#include <cstdint>
#include <vector>

namespace qzc::runtime {

/// Page-locked memory that a decode step's draws come from and its rows go to:
/// of a step that the host waits for, and of one that was started behind it.
class StepSlots {
public:
  /// `device` and `layout` outlive it. Of steps of up to `rows` sequences.
  StepSlots(const Device &device, const DeviceLayout &layout, int64_t rows);

  /// Starts to bring draws to the device, for the step that is launched next.
  void sendDraws(const std::vector<Draw> &draws);
  /// Starts to bring `count` rows here that the last launched step leaves, and
  /// beyondCache where that is asked for.
  void bringRows(size_t count, bool beyondCache);
  /// Whether a step was started whose rows were not waited for.
  bool isWaiting() const { return Waiting != 0; }

  struct Result {
    const TokenRow *rows;
    bool beyondCache;
  };
  /// Waits for the older of the steps that were started; `what` names it in an
  /// error. Valid until two more have been.
  Result wait(const std::string &what);

private:
  class Slot {
  public:
    Slot(const Device &device, int64_t rows);
    Slot(const Slot &) = delete;
    Slot &operator=(const Slot &) = delete;
    ~Slot();

    const Driver &Api;
    PinnedBuffer Memory; ///< TokenRows, Draws, beyondCache
    CUevent Filled = nullptr;
    TokenRow *Rows;
    Draw *Draws;
    int *BeyondCache;
  };
  static constexpr unsigned kSlots = 2;

  const Device &Gpu;
  const DeviceLayout &Layout;
  std::array<Slot, kSlots> Slots;
  unsigned Next = 0;    ///< the slot of the step that is launched next
  unsigned Waiting = 0; ///< steps before it
};

} // namespace qzc::runtime

#endif // QZC_LIB_RUNTIME_CUDA_STEPSLOTS_H
