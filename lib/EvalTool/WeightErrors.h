//===- WeightErrors.h - What quantization did to each weight ----*- C++ -*-===//

#ifndef QZC_LIB_EVALTOOL_WEIGHTERRORS_H
#define QZC_LIB_EVALTOOL_WEIGHTERRORS_H

#include "qzc/Format/ErrorSums.h"
#include "qzc/Runtime/Image.h"
#include "qzc/Support/ThreadPool.h"

#include <string>
#include <vector>

namespace qzc::evaltool {

/// A quantized weight beside the base's.
struct WeightError : format::ErrorSums {
  std::string name; ///< in the Hugging Face checkpoint
  std::string role; ///< as format::Tensor
  int64_t block = -1;
  std::string storage; ///< "nf4/64"
};

/// Compares every quantized weight of an image with the same rows of the same
/// tensor in its base, both decoded to f32, in the image's order. Weights that
/// the base does not hold in the same rows are left out, and so are scaled ones
/// (Format/Scaling.h), which are others. Synthetic weights are
/// of no interest: nothing is compared.
std::vector<WeightError> weightErrors(const runtime::Image &base,
                                      const runtime::Image &model,
                                      ThreadPool &pool);

} // namespace qzc::evaltool

#endif // QZC_LIB_EVALTOOL_WEIGHTERRORS_H
