//===- Steps.h - Counted work -----------------------------------*- C++ -*-===//
//
// Tests count what encoding takes instead of timing it: no text may make the
// number of steps grow faster than its length.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_LIB_TOKENIZER_STEPS_H
#define QZC_LIB_TOKENIZER_STEPS_H

#include <cstdint>

namespace qzc::tokenizer {

/// Counts the steps of this thread while it lives. Patterns count theirs if
/// they were compiled while a counter lived.
class StepCounter {
public:
  StepCounter() : Outer(Current) { Current = this; }
  StepCounter(const StepCounter &) = delete;
  StepCounter &operator=(const StepCounter &) = delete;
  ~StepCounter() { Current = Outer; }

  /// Steps since the last call.
  uint64_t take() {
    uint64_t taken = Count;
    Count = 0;
    return taken;
  }

  static bool active() { return Current != nullptr; }
  static void add(uint64_t steps) {
    if (Current)
      Current->Count += steps;
  }

private:
  static inline thread_local StepCounter *Current = nullptr;
  StepCounter *Outer;
  uint64_t Count = 0;
};

} // namespace qzc::tokenizer

#endif // QZC_LIB_TOKENIZER_STEPS_H
