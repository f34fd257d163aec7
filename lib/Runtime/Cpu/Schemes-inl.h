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

#include "Schemes/Bytes-inl.h"
#include "Schemes/CodeBook-inl.h"
#include "Schemes/Int8-inl.h"
#include "Schemes/None-inl.h"
#include "Schemes/Planar-inl.h"
#include "Schemes/Q8_0-inl.h"

HWY_BEFORE_NAMESPACE();
namespace qzc::runtime::cpu {
namespace HWY_NAMESPACE {

/// Calls Action<Row>::run(arguments...) for the row type of a weight whose
/// codes are planes; false for others.
template <template <typename Row> class Action, typename... Args>
HWY_INLINE bool withPlanarRow(const format::PackedShape &shape,
                              const Args &...args) {
  const bool asym = shape.scales == format::ScaleCodec::Asym;
  switch (shape.scheme) {
  case format::Scheme::Int4:
    asym ? Action<Int4AsymRow>::run(args...) : Action<Int4Row>::run(args...);
    return true;
  case format::Scheme::Int3:
    asym ? Action<Int3AsymRow>::run(args...) : Action<Int3Row>::run(args...);
    return true;
  case format::Scheme::Int2:
    asym ? Action<Int2AsymRow>::run(args...) : Action<Int2Row>::run(args...);
    return true;
  case format::Scheme::Ternary:
    Action<TernaryRow>::run(args...);
    return true;
  case format::Scheme::Q4_0:
    Action<Q4_0Row>::run(args...);
    return true;
  case format::Scheme::Q4_1:
    Action<Q4_1Row>::run(args...);
    return true;
  case format::Scheme::Q5_0:
    Action<Q5_0Row>::run(args...);
    return true;
  case format::Scheme::Q5_1:
    Action<Q5_1Row>::run(args...);
    return true;
  case format::Scheme::Q4_K:
    Action<Q4_KRow>::run(args...);
    return true;
  case format::Scheme::Q5_K:
    Action<Q5_KRow>::run(args...);
    return true;
  case format::Scheme::Q6_K:
    Action<Q6_KRow>::run(args...);
    return true;
  default:
    return false;
  }
}

/// The same for weights of code books.
template <template <typename Row> class Action, typename... Args>
HWY_INLINE bool withCodeBookRow(const format::PackedShape &shape,
                                const Args &...args) {
  const bool grouped = shape.scales == format::ScaleCodec::Double;
  switch (shape.scheme) {
  case format::Scheme::Fp4:
    grouped ? Action<Fp4DoubleRow>::run(args...) : Action<Fp4Row>::run(args...);
    return true;
  case format::Scheme::Nf4:
    grouped ? Action<Nf4DoubleRow>::run(args...) : Action<Nf4Row>::run(args...);
    return true;
  default:
    return false;
  }
}

template <template <typename Row> class Action, typename... Args>
HWY_INLINE void runInt8gRow(const format::PackedShape &shape,
                            const Args &...args) {
  shape.scales == format::ScaleCodec::Asym ? Action<Int8gAsymRow>::run(args...)
                                           : Action<Int8gRow>::run(args...);
}

/// The same for bytes whose scales differ within a row.
template <template <typename Row> class Action, typename... Args>
HWY_INLINE bool withByteRow(const format::PackedShape &shape,
                            const Args &...args) {
  switch (shape.scheme) {
  case format::Scheme::Int8g:
    runInt8gRow<Action>(shape, args...);
    return true;
  case format::Scheme::Fp8:
    Action<Fp8Row>::run(args...);
    return true;
  case format::Scheme::Q8_0:
    Action<Q8_0Row>::run(args...);
    return true;
  default:
    return false;
  }
}

/// The same for bytes in groups of rows, of which those of q8_0 are unsigned
/// there.
template <template <typename Row> class Action, typename... Args>
HWY_INLINE bool withGroupedByteRow(const format::PackedShape &shape,
                                   const Args &...args) {
  switch (shape.scheme) {
  case format::Scheme::Int8g:
    runInt8gRow<Action>(shape, args...);
    return true;
  case format::Scheme::Q8_0:
    Action<Q8_0GroupedRow>::run(args...);
    return true;
  default:
    return false;
  }
}

/// The same for weights without scales or with one a row.
template <template <typename Row> class Action, typename... Args>
HWY_INLINE bool withDenseRow(const format::PackedShape &shape,
                             const Args &...args) {
  switch (shape.scheme) {
  case format::Scheme::None:
    switch (shape.dtype) {
    case format::DType::F32:
      Action<F32Row>::run(args...);
      return true;
    case format::DType::F16:
      Action<F16Row>::run(args...);
      return true;
    case format::DType::BF16:
      Action<Bf16Row>::run(args...);
      return true;
    }
    return false;
  case format::Scheme::Int8:
    shape.scales == format::ScaleCodec::Absmax
        ? Action<Int8AbsmaxRow>::run(args...)
        : Action<Int8Row>::run(args...);
    return true;
  default:
    return false;
  }
}

} // namespace HWY_NAMESPACE
} // namespace qzc::runtime::cpu
HWY_AFTER_NAMESPACE();

#endif
