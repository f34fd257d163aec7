//===- InputScales.h - Factors of inputs that are scaled --------*- C++ -*-===//
//
// AWQ (Lin et al., arXiv:2306.00978): columns whose inputs are large lose less
// when they are multiplied by more. A column's factor is a power of its input's
// root mean square,
//
//   s_j = (Σ x_j² / tokens)^(α/2), divided by √(max s · min s),
//
// with the α of 0, 1/16, …, 1 that leaves the least error of outputs over the
// inputs that calibration saw: Σ over the layers of Σ (x·(ŵ - w)ᵀ)² /
// Σ (x·wᵀ)², ŵ being w·diag(s), quantized with scales that are searched for,
// divided by s. (The paper takes the mean of |x|.)
//
//===----------------------------------------------------------------------===//

#ifndef QZC_ENCODE_INPUTSCALES_H
#define QZC_ENCODE_INPUTSCALES_H

#include "qzc/Encode/CodeStore.h"
#include "qzc/Encode/Statistics.h"
#include "qzc/Encode/WeightSources.h"
#include "qzc/Format/Manifest.h"
#include "qzc/Support/ThreadPool.h"

#include <cstdint>
#include <vector>

namespace qzc::encode {

/// The factors of the columns of scale `number`'s input, by up to 128 rows of
/// each weight, spread over it; none where all are best left 1. The bits depend
/// neither on the number of threads nor on the CPU. Throws qzc::Error where
/// weights do not fit each other, their files or the input.
std::vector<float> chooseFactors(const std::vector<format::Tensor> &tensors,
                                 const std::vector<WeightRef> &refs,
                                 int64_t number, const InputStatistics &input,
                                 const WeightSources &sources,
                                 ThreadPool &pool);

/// Adds the factors of scale `number` to those of a tensor that takes part in
/// it; none are 1's. Throws qzc::Error where it has more rows.
void addFactors(const format::Tensor &tensor, int64_t number,
                const std::vector<float> &chosen, format::Factors &factors);

/// Chooses all scales of a model, but for those that are `known`; returns what
/// each tensor is scaled by. Throws qzc::Error where statistics are missing,
/// too.
std::vector<format::Factors>
scaleInputs(const std::vector<format::Tensor> &tensors,
            const std::vector<WeightRef> &refs, const WeightSources &sources,
            const Statistics *statistics, const ChosenScales &known,
            ThreadPool &pool);

} // namespace qzc::encode

#endif // QZC_ENCODE_INPUTSCALES_H
