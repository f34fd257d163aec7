//===- KernelHeaders.cpp - The kernel sources inside the compiler ---------===//

#include "KernelHeaders.h"

using namespace qzc::cuda;

const std::vector<EmbeddedHeader> &qzc::cuda::kernelHeaders() {
  static const std::vector<EmbeddedHeader> headers = {
#include "KernelHeaders.inc"
  };
  return headers;
}
