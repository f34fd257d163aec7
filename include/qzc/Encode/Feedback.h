//===- Feedback.h - Codes that make up for each other's errors --*- C++ -*-===//
//
// GPTQ (arXiv:2210.17323): the columns of a weight W are rounded one after the
// other, and what each leaves is made up for by those that follow, so that the
// outputs change little over the inputs that calibration saw. With H = XᵀX =
// (U + I) D (U + I)ᵀ, U strictly upper, and the columns in the order of H,
//
//   Ŵ_k = round(W_k + Σ_{j<k} (W_j - Ŵ_j) · U_jk)
//
// which gives GPTQ's updates by the Cholesky factor of H⁻¹ without the inverse
// (arXiv:2307.13304 shows that they are the same).
//
// Columns are taken by falling diagonal ("activation order"); scales are those
// of the columns' own groups, chosen before. H is damped: a hundredth of the
// mean of its diagonal is added to it.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_ENCODE_FEEDBACK_H
#define QZC_ENCODE_FEEDBACK_H

#include "qzc/Encode/Statistics.h"
#include "qzc/Format/Scheme.h"
#include "qzc/Support/ThreadPool.h"

#include <cstdint>
#include <string>
#include <vector>

namespace qzc::encode {

/// The order of an input's columns and U, made once for all weights of that
/// input. Bits depend neither on the number of threads nor on the CPU.
class Feedback {
public:
  /// Takes two f32 matrices of columns² while it is made and half of one
  /// afterwards. Throws qzc::Error, naming `weight`, where the statistics are
  /// of no input.
  Feedback(const InputStatistics &input, const std::string &weight,
           ThreadPool &pool);

  /// Chooses the codes of `rows` whole rows, of which `scales` and `offsets`
  /// are the groups'. Threads may call at the same time.
  void chooseCodes(const format::Levels &levels, const float *scales,
                   const float *offsets, const float *values, int64_t rows,
                   uint8_t *codes) const;

private:
  int64_t Columns;
  std::vector<int32_t> Order; ///< columns as they are taken
  /// U by columns, packed: column k begins at k·(k-1)/2 and has the k
  /// coefficients of those before.
  std::vector<float> Coefficients;
};

} // namespace qzc::encode

#endif // QZC_ENCODE_FEEDBACK_H
