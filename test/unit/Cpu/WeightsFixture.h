//===- WeightsFixture.h - Weights whose products are tested -----*- C++ -*-===//

#ifndef QZC_TEST_UNIT_CPU_WEIGHTSFIXTURE_H
#define QZC_TEST_UNIT_CPU_WEIGHTSFIXTURE_H

#include "Activations.h"
#include "KernelsFixture.h"
#include "NaivePlan.h"

#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace qzc::runtime::test {

inline format::PackedShape shapeOf(int64_t rows, int64_t cols,
                                   format::Scheme scheme, int64_t block,
                                   format::DType dtype,
                                   format::ScaleCodec scales = {}) {
  format::PackedShape shape;
  shape.scheme = scheme;
  shape.dtype = dtype;
  shape.rows = rows;
  shape.cols = cols;
  shape.blockSize = block;
  shape.scales = scales;
  return shape;
}

inline std::string nameOf(const format::PackedShape &shape) {
  return std::to_string(shape.rows) + "x" + std::to_string(shape.cols) + " " +
         describeStorage(shape);
}

/// Activations as the products with a weight read them.
class Arranged {
public:
  Arranged(const cpu::KernelTable &kernels, const format::PackedShape &shape,
           const std::vector<float> &x, bool grouped = false) {
    cpu::ActivationOrders orders;
    cpu::addOrders(shape, grouped, kernels, orders);
    // What was there before must not matter.
    Memory.assign(cpu::activationBytes(shape.cols, orders) + 64,
                  std::byte{0xff});
    void *aligned = Memory.data();
    size_t room = Memory.size();
    std::align(64, room - 64, aligned, room);
    X = cpu::layOutActivations(x.data(), shape.cols, orders,
                               static_cast<std::byte *>(aligned));
    kernels.arrange(X);
  }
  const cpu::Activations &get() const { return X; }

private:
  std::vector<std::byte> Memory;
  cpu::Activations X;
};

/// Σ w · x, and Σ |w · x|.
inline std::pair<double, double>
exactDot(const RandomWeight &weight, int64_t row, const std::vector<float> &x) {
  double sum = 0;
  double magnitude = 0;
  for (int64_t col = 0; col < weight.shape.cols; ++col) {
    const double term = static_cast<double>(x[col]) *
                        weight.values[row * weight.shape.cols + col];
    sum += term;
    magnitude += std::abs(term);
  }
  return {sum, magnitude};
}

/// That a panel has columns [begin, begin + cols) of the rows from `first` on,
/// and zeros where the weight has no more.
inline void expectPanel(const std::vector<float> &packed,
                        const RandomWeight &weight, int64_t first,
                        int64_t begin, int64_t cols) {
  const format::PackedShape &shape = weight.shape;
  for (int64_t col = 0; col < cols; ++col)
    for (int64_t row = 0; row < cpu::kPanel; ++row)
      ASSERT_EQ(packed[col * cpu::kPanel + row],
                first + row < shape.rows
                    ? weight.values[(first + row) * shape.cols + begin + col]
                    : 0.0f)
          << "row " << row << " column " << begin + col;
}

} // namespace qzc::runtime::test

#endif // QZC_TEST_UNIT_CPU_WEIGHTSFIXTURE_H
