//===- KernelHeaders.h - The kernel sources inside the compiler -*- C++ -*-===//

#ifndef QZC_LIB_TARGET_CUDA_KERNELHEADERS_H
#define QZC_LIB_TARGET_CUDA_KERNELHEADERS_H

#include <string_view>
#include <vector>

namespace qzc::cuda {

/// A header that `#include "name"` finds.
struct EmbeddedHeader {
  std::string_view name;
  std::string_view text;
};
/// The kernel headers and what they include.
const std::vector<EmbeddedHeader> &kernelHeaders();

} // namespace qzc::cuda

#endif // QZC_LIB_TARGET_CUDA_KERNELHEADERS_H
