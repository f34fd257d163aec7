//===- PanelScore.h - Interfaces of PanelScore.cuh --------------*- C++ -*-===//

#ifndef QZC_KERNELS_PANELSCORE_H
#define QZC_KERNELS_PANELSCORE_H

#include "Common.h"

namespace qzc::kernels {

struct ScorePanels {
  QZC_KERNEL(ScorePanels, scorePanels, "PanelScore.cuh")
  struct Config {
    int columns; ///< of a block
    int tiles;   ///< of a row, in all launches
    Order order; ///< of the operands, Panels or Digits
    bool softCap;
    SumScale scale;
    QZC_FIELDS(columns, tiles, order, softCap, scale)
  };
  template <template <class> class Of> struct Args {
    Of<const Half *> rows;       ///< [T, inputs]
    Of<const float *> rowScales; ///< [T]
    Of<const Half *> weights;    ///< [columns, inputs]
    Of<int> inputs;              ///< as they are stored, a multiple of 64
    Of<int> columns;             ///< of the vocabulary
    Of<int> firstColumn;         ///< that these begin with
    Of<const float *> scales;    ///< [columns], where products have them
    Of<float> scale;             ///< of the products
    Of<float> cap;               ///< of softCap
    Of<const int *> targets;     ///< [T], ids
    Of<int> firstTile;           ///< of this launch
    Of<float *> sums;            ///< [T, tiles, 2]: ScoreSum
    Of<float *> targetLogits;    ///< [T], in base-2 logarithms
    Of<const DeviceState *> state;
    QZC_FIELDS(rows, rowScales, weights, inputs, columns, firstColumn, scales,
               scale, cap, targets, firstTile, sums, targetLogits, state)
  };
};

struct JoinScores {
  QZC_KERNEL(JoinScores, joinScores, "PanelScore.cuh")
  struct Config {
    int tiles; ///< of a row
    QZC_FIELDS(tiles)
  };
  template <template <class> class Of> struct Args {
    Of<const float *> sums;         ///< [T, tiles, 2]: ScoreSum
    Of<const float *> targetLogits; ///< [T], in base-2 logarithms
    Of<float *> losses;             ///< [T], nats
    Of<const DeviceState *> state;
    QZC_FIELDS(sums, targetLogits, losses, state)
  };
};

} // namespace qzc::kernels

#endif // QZC_KERNELS_PANELSCORE_H
