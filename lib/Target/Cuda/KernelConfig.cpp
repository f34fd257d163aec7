//===- KernelConfig.cpp - Fields of Configs from the plan -----------------===//

#include "KernelConfig.h"

#include "qzc/Support/Error.h"

#include <limits>

using namespace qzc;
using namespace qzc::cuda;
using kernels::Activation;
using kernels::Storage;

int qzc::cuda::toInt(int64_t value) {
  if (value < 0 || value > std::numeric_limits<int>::max())
    throw Error("CUDA lowering: a size of " + std::to_string(value) +
                " is beyond what kernels count");
  return static_cast<int>(value);
}

Storage qzc::cuda::storageOf(const format::PackedShape &shape) {
  if (shape.scheme == format::Scheme::None)
    switch (shape.dtype) {
    case format::DType::F32:
      return Storage::F32;
    case format::DType::F16:
      return Storage::F16;
    case format::DType::BF16:
      return Storage::BF16;
    }
  const auto withCodec = [&](Storage plain, Storage twice, Storage asym,
                             Storage absmax) {
    return shape.scales == format::ScaleCodec::Double   ? twice
           : shape.scales == format::ScaleCodec::Asym   ? asym
           : shape.scales == format::ScaleCodec::Absmax ? absmax
                                                        : plain;
  };
  switch (shape.scheme) {
#define QZC_SCHEME(Enumerator, ...)                                            \
  case format::Scheme::Enumerator:                                             \
    return withCodec(Storage::Enumerator, Storage::Enumerator##Double,         \
                     Storage::Enumerator##Asym, Storage::Enumerator##Absmax);
#include "qzc/Format/Schemes.def"
  }
  throw Error("CUDA lowering: an unknown scheme");
}

kernels::WeightConfig
qzc::cuda::weightConfig(const format::PackedShape &shape) {
  return {storageOf(shape), toInt(shape.blockSize), kernels::WeightOrder::Rows};
}

Activation qzc::cuda::activationOf(format::Activation activation) {
  switch (activation) {
  case format::Activation::None:
    return Activation::None;
  case format::Activation::Relu:
    return Activation::Relu;
  case format::Activation::Silu:
    return Activation::Silu;
  case format::Activation::Gelu:
    return Activation::Gelu;
  case format::Activation::GeluTanh:
    return Activation::GeluTanh;
  }
  throw Error("CUDA lowering: an unknown activation");
}

kernels::RunsConfig qzc::cuda::runsOf(const format::RowView &view) {
  if (view.isOneRun())
    return {};
  return {toInt(view.run), toInt(view.stride)};
}
