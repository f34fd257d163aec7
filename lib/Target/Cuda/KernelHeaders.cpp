//===- KernelHeaders.cpp - The kernel sources inside the compiler ---------===//

#include "qzc/Target/Cuda/Compile.h"

using namespace qzc::cuda;

const std::vector<EmbeddedHeader> &qzc::cuda::kernelHeaders() {
  static const std::vector<EmbeddedHeader> headers = {
#include "KernelHeaders.inc"
  };
  return headers;
}
