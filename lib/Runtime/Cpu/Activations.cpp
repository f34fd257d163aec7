//===- Activations.cpp - Memory of activations that are arranged ----------===//

#include "Activations.h"

namespace qzc::runtime::cpu {

static constexpr int64_t kChunk = 32;

void addOrders(const format::PackedShape &shape, ActivationOrders &orders) {
  switch (shape.scheme) {
  case format::Scheme::None:
  case format::Scheme::Int8:
  case format::Scheme::Q8_0:
  case format::Scheme::Int8g:
  case format::Scheme::Fp8:
    return;
  case format::Scheme::Nf4:
  case format::Scheme::Fp4:
    orders.turned |= shape.cols % kChunk == 0;
    return;
  default:
    orders.digits = true;
  }
}

static int64_t stripsOf(int64_t cols) {
  constexpr int64_t strip = kStripChunks * kChunk;
  return (cols + strip - 1) / strip;
}

uint64_t activationBytes(int64_t cols, const ActivationOrders &orders) {
  return static_cast<uint64_t>(stripsOf(cols)) *
         ((orders.turned ? sizeof(TurnedStrip) : 0) +
          (orders.digits ? sizeof(DigitStrip) : 0));
}

Activations layOutActivations(const float *values, int64_t cols,
                              const ActivationOrders &orders,
                              std::byte *memory) {
  Activations x = {values, cols, nullptr, nullptr};
  if (orders.turned) {
    x.turned = reinterpret_cast<TurnedStrip *>(memory);
    memory += static_cast<uint64_t>(stripsOf(cols)) * sizeof(TurnedStrip);
  }
  if (orders.digits)
    x.digits = reinterpret_cast<DigitStrip *>(memory);
  return x;
}

} // namespace qzc::runtime::cpu
