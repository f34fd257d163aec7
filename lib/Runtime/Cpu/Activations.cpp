//===- Activations.cpp - Memory of activations that are arranged ----------===//

#include "Activations.h"

#include <type_traits>

namespace qzc::runtime::cpu {

static constexpr int64_t kChunk = 32;

void addOrders(const format::PackedShape &shape, bool grouped,
               const KernelTable &kernels, ActivationOrders &orders) {
  orders.stored |= !grouped;
  switch (shape.scheme) {
  case format::Scheme::None:
  case format::Scheme::Int8:
  case format::Scheme::Fp8:
    return;
  case format::Scheme::Q8_0:
  case format::Scheme::Int8g:
    orders.bytes |= grouped;
    return;
  case format::Scheme::Nf4:
  case format::Scheme::Fp4:
    // In groups without tables they are multiplied with activations as they
    // are.
    if (grouped)
      orders.products[shape.scheme == format::Scheme::Fp4] |=
          kernels.bookProducts;
    else
      orders.turned |= shape.cols % kChunk == 0;
    return;
  case format::Scheme::Int2:
  case format::Scheme::Int3:
  case format::Scheme::Ternary:
    orders.crumbs = true;
    return;
  default:
    orders.nibbles = true;
  }
}

static int64_t stripsOf(int64_t cols) {
  constexpr int64_t strip = kStripChunks * kChunk;
  return (cols + strip - 1) / strip;
}

static int64_t unitsOf(int64_t cols) {
  constexpr int64_t unit = BookProducts::kChunks * kChunk;
  return (cols + unit - 1) / unit;
}

uint64_t activationBytes(int64_t cols, const ActivationOrders &orders) {
  return static_cast<uint64_t>(stripsOf(cols)) *
             ((orders.turned ? sizeof(TurnedStrip) : 0) +
              (orders.nibbles ? sizeof(DigitStrip<2>) : 0) +
              (orders.crumbs ? sizeof(DigitStrip<4>) : 0) +
              (orders.bytes ? sizeof(DigitStrip<1>) : 0)) +
         static_cast<uint64_t>(unitsOf(cols)) * sizeof(BookProducts) *
             (orders.products[0] + orders.products[1]);
}

Activations layOutActivations(const float *values, int64_t cols,
                              const ActivationOrders &orders,
                              std::byte *memory) {
  Activations x = {};
  x.values = values;
  x.cols = cols;
  x.stored = orders.stored;
  const auto take = [&](bool wanted, int64_t count, auto *&order) {
    if (!wanted)
      return;
    order = reinterpret_cast<std::decay_t<decltype(order)>>(memory);
    memory += static_cast<uint64_t>(count) * sizeof *order;
  };
  take(orders.turned, stripsOf(cols), x.turned);
  take(orders.nibbles, stripsOf(cols), x.nibbles);
  take(orders.crumbs, stripsOf(cols), x.crumbs);
  take(orders.bytes, stripsOf(cols), x.bytes);
  for (int book = 0; book != 2; ++book)
    take(orders.products[book], unitsOf(cols), x.products[book]);
  return x;
}

} // namespace qzc::runtime::cpu
