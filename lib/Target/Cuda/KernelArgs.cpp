//===- KernelArgs.cpp - The arguments of a kernel's launch ----------------===//

#include "KernelArgs.h"

using namespace qzc;
using namespace qzc::cuda;

Arg<int> qzc::cuda::intOf(int64_t value) {
  return argOf<int>(format::CudaArg::Kind::Int, value);
}

Arg<float> qzc::cuda::floatOf(float value) {
  format::CudaArg arg;
  arg.kind = format::CudaArg::Kind::Float;
  arg.f = value;
  return Arg<float>(arg);
}

namespace qzc::cuda {
template <> std::string parameterType<void>() { return "void"; }
template <> std::string parameterType<int>() { return "int"; }
template <> std::string parameterType<float>() { return "float"; }
template <> std::string parameterType<kernels::Half>() {
  return "qzc::kernels::Half";
}
template <> std::string parameterType<CacheView>() { return "qzc::CacheView"; }
template <> std::string parameterType<DeviceState>() {
  return "qzc::DeviceState";
}
template <> std::string parameterType<QueryTile>() { return "qzc::QueryTile"; }
template <> std::string parameterType<Draw>() { return "qzc::Draw"; }
template <> std::string parameterType<kernels::TokenKey>() {
  return "unsigned long long";
}
template <> std::string parameterType<TokenRow>() { return "qzc::TokenRow"; }
} // namespace qzc::cuda
