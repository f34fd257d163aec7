//===- Elementwise.h - Interfaces of Elementwise.cuh ------------*- C++ -*-===//

#ifndef QZC_KERNELS_ELEMENTWISE_H
#define QZC_KERNELS_ELEMENTWISE_H

#include "Common.h"

namespace qzc::kernels {

struct Embed {
  QZC_KERNEL(Embed, embed, "Elementwise.cuh")
  struct Config {
    int columns;
    WeightConfig table;
    QZC_FIELDS(columns, table)
  };
  template <template <class> class Of> struct Args {
    WeightArgs<Of> table;      ///< [vocabulary, columns]
    Of<const TokenRow *> rows; ///< [T]
    OutRows<Of> out;           ///< [T, columns]
    QZC_FIELDS(table, rows, out)
  };
};

struct AddPositions {
  QZC_KERNEL(AddPositions, addPositions, "Elementwise.cuh")
  struct Config {
    int columns;
    WeightConfig table;
    QZC_FIELDS(columns, table)
  };
  template <template <class> class Of> struct Args {
    InRows<Of> in;             ///< [T, columns]
    WeightArgs<Of> table;      ///< [positions + offset, columns]
    Of<int> offset;            ///< the table's row of position 0
    Of<const TokenRow *> rows; ///< [T]
    OutRows<Of> out;           ///< [T, columns]
    QZC_FIELDS(in, table, offset, rows, out)
  };
};

struct NormRows {
  QZC_KERNEL(NormRows, norm, "Elementwise.cuh")
  struct Config {
    int columns; ///< of a head
    NormConfig norm;
    QZC_FIELDS(columns, norm)
  };
  template <template <class> class Of> struct Args {
    InRows<Of> in; ///< [T, heads × columns]
    NormArgs<Of> norm;
    OutRows<Of> out; ///< as in; may be in
    QZC_FIELDS(in, norm, out)
  };
};

QZC_ENUM(ElementwiseOp, Activate, Add, Mul, Scale, Clamp, SoftCap)

struct Elementwise {
  QZC_KERNEL(Elementwise, elementwise, "Elementwise.cuh")
  struct Config {
    ElementwiseOp op;
    Activation activation; ///< of Activate
    QZC_FIELDS(op, activation)
  };
  template <template <class> class Of> struct Args {
    InRows<Of> a;    ///< [T, columns]
    InRows<Of> b;    ///< the same; read by Add and Mul only
    Of<float> value; ///< of Scale, Clamp and SoftCap
    OutRows<Of> out; ///< [T, columns]
    Of<int> columns;
    QZC_FIELDS(a, b, value, out, columns)
  };
};

} // namespace qzc::kernels

#endif // QZC_KERNELS_ELEMENTWISE_H
