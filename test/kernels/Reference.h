//===- Reference.h - A plan executed naively, in f64 ------------*- C++ -*-===//

#ifndef QZC_TEST_KERNELS_REFERENCE_H
#define QZC_TEST_KERNELS_REFERENCE_H

#include "Model.h"

#include "qzc/Runtime/Engine.h"

namespace qzc::kernel_test {

/// Logits [tokens, vocab] of the whole sequence; with Q8, of keys and values
/// that are rounded to bytes, else of exact ones.
std::vector<double>
referenceLogits(const Model &model, const std::vector<int32_t> &tokens,
                runtime::CacheType cache = runtime::CacheType::F32);

} // namespace qzc::kernel_test

#endif // QZC_TEST_KERNELS_REFERENCE_H
