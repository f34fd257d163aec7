//===- Weights.h - Random stored weights and what they mean -----*- C++ -*-===//

#ifndef QZC_TEST_KERNELS_WEIGHTS_H
#define QZC_TEST_KERNELS_WEIGHTS_H

#include "Model.h"

namespace qzc::kernel_test {

/// A random scheme, element type and block size; extents are 0.
format::PackedShape randomShape(Random &random);

/// Fills paddedBytes(shape) bytes, which are zeros, with random values of about
/// ±amplitude around `center` (of unquantized weights only). Returns the
/// tensor's f16Exponent.
int32_t randomWeight(Random &random, const format::PackedShape &shape,
                     float amplitude, float center, uint8_t *data);

/// Element (row, col) of a stored tensor, decoded naively.
float decodeElement(const Model &model, int32_t tensor, int64_t row,
                    int64_t col);

} // namespace qzc::kernel_test

#endif // QZC_TEST_KERNELS_WEIGHTS_H
