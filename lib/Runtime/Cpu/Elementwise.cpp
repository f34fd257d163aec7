//===- Elementwise.cpp - Norms, activations and other row kernels ---------===//

#include "HighwayTargets.h"
#include "KernelParts.h"

#include <cmath>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "Elementwise.cpp"
#include "hwy/foreach_target.h"

#include "Activation-inl.h"

HWY_BEFORE_NAMESPACE();
namespace qzc::runtime::cpu {
namespace HWY_NAMESPACE {

void rmsNorm(const float *x, const float *weight, float offset, float epsilon,
             int64_t n, float *out) {
  const float squares =
      sumRow(x, n, [](Vec v) HWY_ATTR { return hn::Mul(v, v); });
  const Vec inverse = hn::Set(
      kTag, 1.0f / __builtin_sqrtf(squares / static_cast<float>(n) + epsilon));
  if (!weight)
    return mapRow(x, n, out,
                  [&](Vec v) HWY_ATTR { return hn::Mul(v, inverse); });
  const Vec shift = hn::Set(kTag, offset);
  mapRows(x, weight, n, out, [&](Vec v, Vec w) HWY_ATTR {
    return hn::Mul(hn::Mul(v, inverse), hn::Add(w, shift));
  });
}

void layerNorm(const float *x, const float *weight, float offset,
               const float *bias, float epsilon, int64_t n, float *out) {
  const float count = static_cast<float>(n);
  const Vec mean =
      hn::Set(kTag, sumRow(x, n, [](Vec v) HWY_ATTR { return v; }) / count);
  const float squares = sumRow(x, n, [&](Vec v) HWY_ATTR {
    const Vec centered = hn::Sub(v, mean);
    return hn::Mul(centered, centered);
  });
  const Vec inverse =
      hn::Set(kTag, 1.0f / __builtin_sqrtf(squares / count + epsilon));
  const Vec shift = hn::Set(kTag, offset);
  mapRow(x, n, out,
         [&](Vec v) HWY_ATTR { return hn::Mul(hn::Sub(v, mean), inverse); });
  if (weight)
    mapRows(out, weight, n, out, [&](Vec v, Vec w) HWY_ATTR {
      return hn::Mul(v, hn::Add(w, shift));
    });
  if (bias)
    mapRows(out, bias, n, out,
            [](Vec v, Vec b) HWY_ATTR { return hn::Add(v, b); });
}

void activate(format::Activation activation, const float *x, int64_t n,
              float *out) {
  activateRow(activation, x, n, out);
}

void add(const float *a, const float *b, int64_t n, float *out) {
  mapRows(a, b, n, out, [](Vec x, Vec y) HWY_ATTR { return hn::Add(x, y); });
}

void mul(const float *a, const float *b, int64_t n, float *out) {
  mapRows(a, b, n, out, [](Vec x, Vec y) HWY_ATTR { return hn::Mul(x, y); });
}

void scale(const float *x, float factor, int64_t n, float *out) {
  const Vec by = hn::Set(kTag, factor);
  mapRow(x, n, out, [&](Vec v) HWY_ATTR { return hn::Mul(v, by); });
}

void clamp(const float *x, float limit, int64_t n, float *out) {
  const Vec high = hn::Set(kTag, limit);
  const Vec low = hn::Set(kTag, -limit);
  mapRow(x, n, out,
         [&](Vec v) HWY_ATTR { return hn::Min(hn::Max(low, v), high); });
}

void softCap(const float *x, float cap, int64_t n, float *out) {
  const Vec limit = hn::Set(kTag, cap);
  mapRow(x, n, out, [&](Vec v) HWY_ATTR { return softCapped(v, limit); });
}

/// The exponentials are at most 1; each run of 4096 is summed in f32, the runs
/// in double.
double logSumExp(const float *x, int64_t n) {
  Vec top = hn::Set(kTag, -__builtin_inff());
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes)
    top = hn::Max(top, hn::LoadU(kTag, x + i));
  float max = hn::GetLane(hn::MaxOfLanes(kTag, top));
  for (; i < n; ++i)
    max = x[i] > max ? x[i] : max;
  const Vec shift = hn::Set(kTag, max);
  double sum = 0;
  constexpr int64_t kRun = 4096;
  for (int64_t begin = 0; begin < n; begin += kRun)
    sum += sumRow(x + begin, HWY_MIN(kRun, n - begin), [&](Vec v) HWY_ATTR {
      return hn::Exp(kTag, hn::Sub(v, shift));
    });
  return max + ::log(sum);
}

void finish(const FinishArgs &args) {
  const int64_t n = args.columns;
  for (int64_t row = 0; row < args.rows; ++row) {
    float *y = args.y0 + row * args.yStride;
    float *out = args.out + row * args.outStride;
    if (args.bias0)
      add(y, args.bias0, n, y);
    if (args.activation != format::Activation::None)
      activateRow(args.activation, y, n, y);
    if (args.y1) {
      float *factor = args.y1 + row * args.yStride;
      if (args.bias1)
        add(factor, args.bias1, n, factor);
      mul(y, factor, n, y);
    }
    if (args.residual)
      add(y, args.residual + row * args.residualStride, n, out);
    else
      __builtin_memcpy(out, y, static_cast<size_t>(n) * sizeof(float));
  }
}

} // namespace HWY_NAMESPACE
} // namespace qzc::runtime::cpu
HWY_AFTER_NAMESPACE();
