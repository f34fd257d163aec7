//===- Reference.h - A plan executed naively, in f64 ------------*- C++ -*-===//

#ifndef QZC_TEST_KERNELS_REFERENCE_H
#define QZC_TEST_KERNELS_REFERENCE_H

#include "Model.h"

namespace qzc::kernel_test {

/// Logits [tokens, vocab] of the whole sequence.
std::vector<double> referenceLogits(const Model &model,
                                    const std::vector<int32_t> &tokens);

} // namespace qzc::kernel_test

#endif // QZC_TEST_KERNELS_REFERENCE_H
