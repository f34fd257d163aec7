//===- StepSlots.cpp - What decode steps take and leave -------------------===//

#include "StepSlots.h"

#include <algorithm>
#include <cstddef>

namespace qzc::runtime {

static size_t slotBytes(int64_t rows) {
  return static_cast<size_t>(rows) * (sizeof(TokenRow) + sizeof(Draw)) +
         sizeof(int);
}

StepSlots::Slot::Slot(const Device &device, int64_t rows)
    : Api(device.driver()), Memory(device, slotBytes(rows)),
      Rows(static_cast<TokenRow *>(Memory.data())),
      Draws(reinterpret_cast<Draw *>(Rows + rows)),
      BeyondCache(reinterpret_cast<int *>(Draws + rows)) {
  Api.check(Api.eventCreate(&Filled, CU_EVENT_DISABLE_TIMING),
            "making an event");
}

StepSlots::Slot::~Slot() { Api.eventDestroy(Filled); }

StepSlots::StepSlots(const Device &device, const DeviceLayout &layout,
                     int64_t rows)
    : Gpu(device), Layout(layout), Slots{{{device, rows}, {device, rows}}} {}

void StepSlots::sendDraws(const std::vector<Draw> &draws) {
  // Its step before was waited for: the draws of that one have been read.
  Draw *sent = Slots[Next].Draws;
  std::copy(draws.begin(), draws.end(), sent);
  Gpu.upload(Layout.draws, sent, draws.size() * sizeof(Draw));
}

void StepSlots::bringRows(size_t count, bool beyondCache) {
  Slot &slot = Slots[Next];
  Gpu.download(slot.Rows, Layout.tokens, count * sizeof(TokenRow));
  *slot.BeyondCache = 0;
  if (beyondCache)
    Gpu.download(slot.BeyondCache,
                 Layout.state + offsetof(DeviceState, beyondCache),
                 sizeof(int));
  Gpu.driver().check(Gpu.driver().eventRecord(slot.Filled, Gpu.stream()),
                     "copying from the GPU");
  Next = (Next + 1) % kSlots;
  ++Waiting;
}

StepSlots::Result StepSlots::wait(const std::string &what) {
  const Slot &slot = Slots[(Next + kSlots - Waiting) % kSlots];
  --Waiting;
  Gpu.driver().check(Gpu.driver().eventSynchronize(slot.Filled), what);
  return {slot.Rows, *slot.BeyondCache != 0};
}

} // namespace qzc::runtime
