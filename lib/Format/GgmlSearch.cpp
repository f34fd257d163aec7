//===- GgmlSearch.cpp - Scales of ggml's blocks ---------------------------===//

#include "GgmlSearch.h"

#include "GgmlParts.h"

#include <algorithm>

namespace qzc::format::ggml {

namespace {
/// The lanes. They are handed on by reference: how a vector is passed depends
/// on the instruction set.
using Floats = Eight;
using Ints =
    int32_t __attribute__((vector_size(sizeof(Floats)), aligned(4), may_alias));
static_assert(sizeof(Floats) == kLanes * sizeof(float));
} // namespace

static QZC_IN_CLONES const Floats &lanesOf(const float (&lanes)[kLanes]) {
  return *reinterpret_cast<const Floats *>(lanes);
}
static QZC_IN_CLONES Floats &lanesOf(float (&lanes)[kLanes]) {
  return *reinterpret_cast<Floats *>(lanes);
}
static QZC_IN_CLONES Ints &lanesOf(int32_t (&lanes)[kLanes]) {
  return *reinterpret_cast<Ints *>(lanes);
}

/// clamped(nearest(x), low, high), lane by lane.
static QZC_IN_CLONES void nearestCodes(const Floats &x, int32_t low,
                                       int32_t high, Ints &codes) {
  const Floats shifted = x + kShift;
  const Ints whole =
      (reinterpret_cast<const Ints &>(shifted) & kMantissa) - kMiddle;
  const Ints lows = Ints{} + low;
  const Ints highs = Ints{} + high;
  const Ints most = whole < highs ? whole : highs;
  codes = most > lows ? most : lows;
}

void sumSquares(const float *values, int64_t length, int64_t count,
                float *sums) {
  for (int64_t first = 0; first < count; first += kLanes) {
    const float *runs[kLanes];
    for (int64_t r = 0; r < kLanes; ++r)
      runs[r] = values + std::min(first + r, count - 1) * length;
    float together[kLanes] = {};
    for (int64_t i = 0; i < length; ++i)
      for (int64_t r = 0; r < kLanes; ++r)
        together[r] += runs[r][i] * runs[r][i];
    std::copy_n(together, std::min<int64_t>(kLanes, count - first),
                sums + first);
  }
}

//===----------------------------------------------------------------------===//
// A scale and a minimum
//===----------------------------------------------------------------------===//

namespace {
constexpr int kSize = 32;

/// A try of searchAbove: codes are those nearest to inverse · (x - low).
struct AboveTry {
  Floats inverse;
  Floats low;
  Floats codes[kSize];
};
} // namespace

static QZC_IN_CLONES void codesOf(const Groups<kSize> &groups, int32_t most,
                                  AboveTry &tried) {
  for (int i = 0; i < kSize; ++i) {
    Ints codes;
    nearestCodes(tried.inverse * (lanesOf(groups.x[i]) - tried.low), 0, most,
                 codes);
    tried.codes[i] = __builtin_convertvector(codes, Floats);
  }
}

/// Σ w·(scale·code + low - x)².
static QZC_IN_CLONES void errorsOf(const Groups<kSize> &groups,
                                   const AboveTry &tried, const Floats &scale,
                                   const Floats &low, Floats &errors) {
  Floats sum = {};
  for (int i = 0; i < kSize; ++i) {
    const Floats off = scale * tried.codes[i] + low - lanesOf(groups.x[i]);
    sum += lanesOf(groups.weights[i]) * (off * off);
  }
  errors = sum;
}

QZC_VECTOR_CLONES
void searchAbove(const Groups<kSize> &groups, const AboveSearch &by,
                 FoundAbove &found) {
  Floats low = lanesOf(groups.x[0]);
  Floats high = low;
  Floats sumW = lanesOf(groups.weights[0]);
  Floats sumX = sumW * low;
  for (int i = 1; i < kSize; ++i) {
    const Floats &x = lanesOf(groups.x[i]);
    const Floats &weight = lanesOf(groups.weights[i]);
    low = x < low ? x : low;
    high = x > high ? x : high;
    sumW += weight;
    sumX += weight * x;
  }
  const Floats zero = {};
  low = low > zero ? zero : low;
  const Ints isFlat = high == low;
  const Floats lowest = low;

  const auto most = static_cast<float>(by.most);
  AboveTry tried;
  tried.low = low;
  tried.inverse = most / (high - low);
  codesOf(groups, by.most, tried);
  AboveTry kept = {tried.inverse, low, {}}; // without its codes
  Floats scale = 1.0f / tried.inverse;
  Floats best;
  errorsOf(groups, tried, scale, low, best);
  for (int t = 0; t < by.tries; ++t) {
    tried.low = low;
    tried.inverse =
        (by.first + by.step * static_cast<float>(t) + most) / (high - low);
    codesOf(groups, by.most, tried);
    Floats sumL = {};
    Floats sumL2 = {};
    Floats sumXL = {};
    for (int i = 0; i < kSize; ++i) {
      const Floats &code = tried.codes[i];
      const Floats weighted = lanesOf(groups.weights[i]) * code;
      sumL += weighted;
      sumL2 += weighted * code;
      sumXL += weighted * lanesOf(groups.x[i]);
    }
    const Floats determinant = sumW * sumL2 - sumL * sumL;
    Floats fit = (sumW * sumXL - sumX * sumL) / determinant;
    Floats fitLow = (sumL2 * sumX - sumL * sumXL) / determinant;
    const Ints isAbove = fitLow > zero;
    fit = isAbove ? sumXL / sumL2 : fit;
    fitLow = isAbove ? zero : fitLow;
    Floats error;
    errorsOf(groups, tried, fit, fitLow, error);
    const Ints isBetter = (determinant > zero) & (error < best);
    best = isBetter ? error : best;
    scale = isBetter ? fit : scale;
    low = isBetter ? fitLow : low;
    kept.inverse = isBetter ? tried.inverse : kept.inverse;
    kept.low = isBetter ? tried.low : kept.low;
  }
  lanesOf(found.sum) = sumW;
  lanesOf(found.scale) = isFlat ? zero : scale;
  lanesOf(found.minimum) = -(isFlat ? lowest : low);
  for (int i = 0; i < kSize; ++i) {
    Ints codes;
    nearestCodes(kept.inverse * (lanesOf(groups.x[i]) - kept.low), 0, by.most,
                 codes);
    lanesOf(found.codes[i]) = isFlat ? Ints{} : codes;
  }
}

//===----------------------------------------------------------------------===//
// A scale
//===----------------------------------------------------------------------===//

template <int Size>
static QZC_IN_CLONES void around(const Groups<Size> &groups, int32_t half,
                                 Found<Size> &found) {
  const Floats zero = {};
  Floats absmax = {};
  Floats extreme = {}; // the first of largest magnitude
  Floats products[Size];
  for (int i = 0; i < Size; ++i) {
    const Floats &x = lanesOf(groups.x[i]);
    const Floats magnitude = x < zero ? -x : x;
    const Ints isLarger = magnitude > absmax;
    extreme = isLarger ? x : extreme;
    absmax = isLarger ? magnitude : absmax;
    products[i] = lanesOf(groups.weights[i]) * x;
  }
  const auto range = static_cast<float>(half);
  Floats scale = {};
  Floats best = {};
  Floats kept = {}; // the inverse scale that codes are made by
  for (int t = -10; t <= 9; ++t) {
    // The first try is the middle one.
    const bool isFirst = t == -10;
    if (t == 0)
      continue;
    const Floats inverse =
        -(range + (isFirst ? 0.0f : 0.1f * static_cast<float>(t))) / extreme;
    Floats dot = {};
    Floats square = {};
    for (int i = 0; i < Size; ++i) {
      Ints codes;
      nearestCodes(inverse * lanesOf(groups.x[i]), -half, half - 1, codes);
      const Floats code = __builtin_convertvector(codes, Floats);
      dot += products[i] * code;
      square += lanesOf(groups.weights[i]) * code * code;
    }
    const Floats fit = dot / square;
    const Ints isBetter = isFirst
                              ? square != zero
                              : (square > zero) & (dot * dot > best * square);
    scale = isBetter ? fit : scale;
    best = isBetter ? fit * dot : best;
    kept = isFirst || isBetter ? inverse : kept;
  }
  const Ints isZero = absmax < zero + kLeast;
  lanesOf(found.scale) = isZero ? zero : scale;
  for (int i = 0; i < Size; ++i) {
    Ints codes;
    nearestCodes(kept * lanesOf(groups.x[i]), -half, half - 1, codes);
    lanesOf(found.codes[i]) = isZero ? Ints{} : codes + half;
  }
}

QZC_VECTOR_CLONES
void searchAround(const Groups<32> &groups, int32_t half, Found<32> &found) {
  around(groups, half, found);
}
QZC_VECTOR_CLONES
void searchAround(const Groups<16> &groups, int32_t half, Found<16> &found) {
  around(groups, half, found);
}

} // namespace qzc::format::ggml
