//===- Together.h - As many side by side as memory has room for -*- C++ -*-===//

#ifndef QZC_LIB_RUNTIME_APP_TOGETHER_H
#define QZC_LIB_RUNTIME_APP_TOGETHER_H

#include "qzc/Runtime/Engine.h"

#include <cstddef>

namespace qzc::runtime {

/// Calls run(first, count) for items [first, first + count), or for one half of
/// them after the other where sequences for all have no room. Throws what else
/// `run` throws, and a SequenceError where there is none for one of them.
template <typename Run>
void runTogether(size_t first, size_t count, const Run &run) {
  try {
    return run(first, count);
  } catch (const SequenceError &error) {
    if (count < 2 || error.shortage() != Shortage::Memory)
      throw;
  }
  runTogether(first, count / 2, run);
  runTogether(first + count / 2, count - count / 2, run);
}

} // namespace qzc::runtime

#endif // QZC_LIB_RUNTIME_APP_TOGETHER_H
