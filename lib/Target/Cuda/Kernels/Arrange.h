//===- Arrange.h - Interface of Arrange.cuh ---------------------*- C++ -*-===//

#ifndef QZC_KERNELS_ARRANGE_H
#define QZC_KERNELS_ARRANGE_H

#include "Common.h"

namespace qzc::kernels {

struct ArrangeTiles {
  QZC_KERNEL(ArrangeTiles, arrangeTiles, "Arrange.cuh")
  struct Config {
    int unit; ///< bytes that are copied at once: 2, 4, 8 or 16
    QZC_FIELDS(unit)
  };
  template <template <class> class Of> struct Args {
    Of<void *> part; ///< codes or scales of whole tiles
    Of<int> units;   ///< of a row's group
    Of<int> groups;  ///< of a row
    QZC_FIELDS(part, units, groups)
  };
};

} // namespace qzc::kernels

#endif // QZC_KERNELS_ARRANGE_H
