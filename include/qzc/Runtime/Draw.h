//===- Draw.h - Drawing the next token --------------------------*- C++ -*-===//
//
// Which tokens are drawn from, and which one is drawn, once they stand in the
// order of their logits: one definition for the host and for the kernel that
// draws (Target/Cuda/Kernels/DrawToken.cuh).
//
//===----------------------------------------------------------------------===//

#ifndef QZC_RUNTIME_DRAW_H
#define QZC_RUNTIME_DRAW_H

#include "qzc/Format/Portable.h"

namespace qzc {

/// The softmax of logits / temperature, cut to the topK likeliest tokens, of
/// these to the smallest set with at least topP of what they have together, and
/// then to those with at least minP of the likeliest one's, as transformers
/// does it. Host and device share the layout.
struct Draw {
  double uniform;     ///< in [0, 1): which of them
  double temperature; ///< positive
  double topP;        ///< positive
  double minP;
  int topK; ///< 0: all
  int unused;
};
static_assert(sizeof(Draw) == 40, "shared between host and device");

/// The most tokens that the device draws from.
constexpr int kMostDrawn = 64;

/// How many are kept of `count` tokens, the likeliest first, at least one.
/// weight(i) is the i-th one's, 1 the first one's, asked for in order and no
/// further than needed; `total` is what all of them have.
template <class Weight>
QZC_HD int keptOf(const Weight &weight, int count, double total,
                  const Draw &draw) {
  double sum = 0;
  int kept = 0;
  while (kept < count && sum < draw.topP * total) {
    const double next = weight(kept);
    if (next < draw.minP)
      break;
    sum += next;
    ++kept;
  }
  return kept;
}

/// Which one is drawn of those that are kept.
template <class Weight>
QZC_HD int drawnOf(const Weight &weight, int kept, double uniform) {
  double left = 0;
  for (int i = 0; i < kept; ++i)
    left += weight(i);
  left *= uniform;
  for (int i = 0; i < kept; ++i) {
    left -= weight(i);
    if (left < 0)
      return i;
  }
  return kept - 1;
}

} // namespace qzc

#endif // QZC_RUNTIME_DRAW_H
