//===- Activation-inl.h - Activation functions by vectors -------*- C++ -*-===//

#if defined(QZC_RUNTIME_CPU_ACTIVATION_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef QZC_RUNTIME_CPU_ACTIVATION_INL_H
#undef QZC_RUNTIME_CPU_ACTIVATION_INL_H
#else
#define QZC_RUNTIME_CPU_ACTIVATION_INL_H
#endif

#include "Simd-inl.h"
#include "hwy/contrib/math/math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace qzc::runtime::cpu {
namespace HWY_NAMESPACE {

/// x / (1 + exp(-y)); exp is kept in range: beyond it the quotient is 0 for
/// every f32 purpose.
HWY_INLINE Vec timesSigmoid(Vec x, Vec y) {
  const Vec exponent = hn::Min(hn::Neg(y), hn::Set(kTag, 88.0f));
  return hn::Div(x, hn::Add(hn::Set(kTag, 1.0f), hn::Exp(kTag, exponent)));
}

/// 0.5 x (1 + tanh(u)) = x sigmoid(2u), u = sqrt(2/pi) (x + 0.044715 x³).
HWY_INLINE Vec geluTanh(Vec x) {
  const Vec cube = hn::Mul(hn::Mul(x, x), x);
  const Vec inner = hn::MulAdd(hn::Set(kTag, 0.044715f), cube, x);
  return timesSigmoid(x, hn::Mul(hn::Set(kTag, 1.5957691216f), inner));
}

/// Both polynomials are Chebyshev fits: erf(x) / x in x² on [0, 1], and
/// -ln erfc(x) in x on [0.95, 4]; the error is at most 1.3e-7.
HWY_INLINE Vec erfOf(Vec x) {
  const Vec magnitude = hn::Min(hn::Abs(x), hn::Set(kTag, 4.0f));
  const Vec square = hn::Mul(magnitude, magnitude);
  Vec small = hn::Set(kTag, 7.8824974e-05f);
  small = hn::MulAdd(small, square, hn::Set(kTag, -0.0008018855f));
  small = hn::MulAdd(small, square, hn::Set(kTag, 0.005189312f));
  small = hn::MulAdd(small, square, hn::Set(kTag, -0.026854329f));
  small = hn::MulAdd(small, square, hn::Set(kTag, 0.11283597f));
  small = hn::MulAdd(small, square, hn::Set(kTag, -0.37612626f));
  small = hn::MulAdd(small, square, hn::Set(kTag, 1.1283791f));
  small = hn::Mul(small, magnitude);
  Vec tail = hn::Set(kTag, -1.615045e-06f);
  tail = hn::MulAdd(tail, magnitude, hn::Set(kTag, 4.561102e-05f));
  tail = hn::MulAdd(tail, magnitude, hn::Set(kTag, -0.00059295056f));
  tail = hn::MulAdd(tail, magnitude, hn::Set(kTag, 0.004741118f));
  tail = hn::MulAdd(tail, magnitude, hn::Set(kTag, -0.026367415f));
  tail = hn::MulAdd(tail, magnitude, hn::Set(kTag, 0.1099833f));
  tail = hn::MulAdd(tail, magnitude, hn::Set(kTag, 0.63193136f));
  tail = hn::MulAdd(tail, magnitude, hn::Set(kTag, 1.1301703f));
  tail = hn::MulAdd(tail, magnitude, hn::Set(kTag, -0.00030417676f));
  const Vec one = hn::Set(kTag, 1.0f);
  tail = hn::Sub(one, hn::Exp(kTag, hn::Neg(tail)));
  return hn::CopySign(hn::IfThenElse(hn::Lt(magnitude, one), small, tail), x);
}

/// 0.5 x (1 + erf(x / sqrt 2))
HWY_INLINE Vec gelu(Vec x) {
  const Vec erf = erfOf(hn::Mul(x, hn::Set(kTag, 0.70710678f)));
  const Vec half = hn::Mul(x, hn::Set(kTag, 0.5f));
  return hn::Mul(half, hn::Add(hn::Set(kTag, 1.0f), erf));
}

/// cap * tanh(x / cap)
HWY_INLINE Vec softCapped(Vec x, Vec cap) {
  return hn::Mul(cap, hn::Tanh(kTag, hn::Div(x, cap)));
}

/// As KernelTable::activate.
HWY_INLINE void activateRow(format::Activation activation, const float *x,
                            int64_t n, float *out) {
  switch (activation) {
  case format::Activation::None:
    return mapRow(x, n, out, [](Vec v) HWY_ATTR { return v; });
  case format::Activation::Relu:
    return mapRow(x, n, out,
                  [](Vec v) HWY_ATTR { return hn::Max(hn::Zero(kTag), v); });
  case format::Activation::Silu:
    return mapRow(x, n, out, [](Vec v) HWY_ATTR { return timesSigmoid(v, v); });
  case format::Activation::Gelu:
    return mapRow(x, n, out, [](Vec v) HWY_ATTR { return gelu(v); });
  case format::Activation::GeluTanh:
    return mapRow(x, n, out, [](Vec v) HWY_ATTR { return geluTanh(v); });
  }
}

} // namespace HWY_NAMESPACE
} // namespace qzc::runtime::cpu
HWY_AFTER_NAMESPACE();

#endif
