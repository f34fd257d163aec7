//===- Head.h - Interfaces of Head.cuh --------------------------*- C++ -*-===//

#ifndef QZC_KERNELS_HEAD_H
#define QZC_KERNELS_HEAD_H

#include "Common.h"
#include "qzc/Runtime/Draw.h"

namespace qzc::kernels {

/// A logit and a token's id, in an order (Choice.cuh).
using TokenKey = unsigned long long;

/// Behind a layer whose kernel leaves the choice.
struct TakeChoice {
  QZC_KERNEL(TakeChoice, takeChoice, "Head.cuh")
  struct Config {
    int vocabulary;
    QZC_FIELDS(vocabulary)
  };
  template <template <class> class Of> struct Args {
    Of<TokenKey *> choice; ///< [T]: of the likeliest tokens; become zeros
    Of<TokenRow *> rows;   ///< [T]: get their tokens and positions
    QZC_FIELDS(choice, rows)
  };
};

struct ChooseToken {
  QZC_KERNEL(ChooseToken, chooseToken, "Head.cuh")
  struct Config {
    int vocabulary;
    int blocks; ///< of a row
    QZC_FIELDS(vocabulary, blocks)
  };
  template <template <class> class Of> struct Args {
    InRows<Of> logits;   ///< [T, vocabulary]
    Of<float *> values;  ///< scratch: [T, blocks]
    Of<int *> indices;   ///< scratch: [T, blocks]
    Of<TokenRow *> rows; ///< [T]: get their tokens and positions
    Of<DeviceState *> state;
    QZC_FIELDS(logits, values, indices, rows, state)
  };
};

struct DrawToken {
  QZC_KERNEL(DrawToken, drawToken, "DrawToken.cuh")
  struct Config {
    int vocabulary;
    int blocks; ///< of a row
    QZC_FIELDS(vocabulary, blocks)
  };
  template <template <class> class Of> struct Args {
    InRows<Of> logits;         ///< [T, vocabulary]
    Of<const Draw *> draws;    ///< [T], of 1 to kMostDrawn tokens
    Of<TokenKey *> candidates; ///< scratch: [T, blocks, kMostDrawn]
    Of<TokenRow *> rows;       ///< [T]: get their tokens
    Of<DeviceState *> state;
    QZC_FIELDS(logits, draws, candidates, rows, state)
  };
};

struct Score {
  QZC_KERNEL(Score, score, "Head.cuh")
  struct Config {
    int vocabulary;
    QZC_FIELDS(vocabulary)
  };
  template <template <class> class Of> struct Args {
    InRows<Of> logits;       ///< [T, vocabulary]
    Of<const int *> targets; ///< [T], ids
    Of<float *> losses;      ///< [T], nats
    QZC_FIELDS(logits, targets, losses)
  };
};

} // namespace qzc::kernels

#endif // QZC_KERNELS_HEAD_H
