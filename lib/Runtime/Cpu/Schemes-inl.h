//===- Schemes-inl.h - From a stored weight to its row type -----*- C++ -*-===//
//
// The CPU's list of schemes: a new one adds its row type (Schemes/None-inl.h
// says what that is) and a line here.
//
//===----------------------------------------------------------------------===//

#if defined(QZC_RUNTIME_CPU_SCHEMES_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef QZC_RUNTIME_CPU_SCHEMES_INL_H
#undef QZC_RUNTIME_CPU_SCHEMES_INL_H
#else
#define QZC_RUNTIME_CPU_SCHEMES_INL_H
#endif

#include "Schemes/CodeBook-inl.h"
#include "Schemes/Int8-inl.h"
#include "Schemes/None-inl.h"
#include "Schemes/Planar-inl.h"
#include "Schemes/Q4_0-inl.h"
#include "Schemes/Q8_0-inl.h"

HWY_BEFORE_NAMESPACE();
namespace qzc::runtime::cpu {
namespace HWY_NAMESPACE {

/// Calls Action<Row>::run(arguments...) for the row type of the weight.
template <template <typename Row> class Action, typename... Args>
void withRowType(const format::PackedShape &shape, const Args &...args) {
  switch (shape.scheme) {
  case format::Scheme::None:
    switch (shape.dtype) {
    case format::DType::F32:
      return Action<F32Row>::run(args...);
    case format::DType::F16:
      return Action<F16Row>::run(args...);
    case format::DType::BF16:
      return Action<Bf16Row>::run(args...);
    }
    return;
  case format::Scheme::Fp4:
    return shape.scales == format::ScaleCodec::Double
               ? Action<Fp4DoubleRow>::run(args...)
               : Action<Fp4Row>::run(args...);
  case format::Scheme::Nf4:
    return shape.scales == format::ScaleCodec::Double
               ? Action<Nf4DoubleRow>::run(args...)
               : Action<Nf4Row>::run(args...);
  case format::Scheme::Int4:
    return shape.scales == format::ScaleCodec::Asym
               ? Action<Int4AsymRow>::run(args...)
               : Action<Int4Row>::run(args...);
  case format::Scheme::Int3:
    return shape.scales == format::ScaleCodec::Asym
               ? Action<Int3AsymRow>::run(args...)
               : Action<Int3Row>::run(args...);
  case format::Scheme::Int8:
    return Action<Int8Row>::run(args...);
  case format::Scheme::Q8_0:
    return Action<Q8_0Row>::run(args...);
  case format::Scheme::Q4_0:
    return Action<Q4_0Row>::run(args...);
  case format::Scheme::Q4_1:
    return Action<Q4_1Row>::run(args...);
  case format::Scheme::Q5_0:
    return Action<Q5_0Row>::run(args...);
  case format::Scheme::Q5_1:
    return Action<Q5_1Row>::run(args...);
  case format::Scheme::Q4_K:
    return Action<Q4_KRow>::run(args...);
  case format::Scheme::Q5_K:
    return Action<Q5_KRow>::run(args...);
  case format::Scheme::Q6_K:
    return Action<Q6_KRow>::run(args...);
  }
}

} // namespace HWY_NAMESPACE
} // namespace qzc::runtime::cpu
HWY_AFTER_NAMESPACE();

#endif
