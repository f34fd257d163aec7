//===- Activations.h - Memory of activations that are arranged --*- C++ -*-===//
//
// Dot products read a token's activations in the order in which a scheme's
// codes come out of their bytes, and those with linear codes as integers: the
// kernel `arrange` makes both once for all rows of a launch.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_RUNTIME_CPU_ACTIVATIONS_H
#define QZC_RUNTIME_CPU_ACTIVATIONS_H

#include "qzc/Runtime/Cpu/Kernels.h"

namespace qzc::runtime::cpu {

/// Which orders are wanted beside the values as they are.
struct ActivationOrders {
  bool turned = false;
  bool nibbles = false;
  bool crumbs = false;
  bool bytes = false;
  bool stored = false; ///< for rows as stored, too
  bool products[2] = {false, false};
};

/// Adds what the dot products of a weight read, as stored or in groups of rows.
void addOrders(const format::PackedShape &shape, bool grouped,
               const KernelTable &kernels, ActivationOrders &orders);

/// Bytes of memory for the orders of `cols` activations.
uint64_t activationBytes(int64_t cols, const ActivationOrders &orders);

/// The activations `values` with their orders in `memory`, which is 64-byte
/// aligned and has that many bytes; to be filled by `arrange`.
Activations layOutActivations(const float *values, int64_t cols,
                              const ActivationOrders &orders,
                              std::byte *memory);

} // namespace qzc::runtime::cpu

#endif // QZC_RUNTIME_CPU_ACTIVATIONS_H
