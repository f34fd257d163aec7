//===- DotBytes-inl.h - Dot products of bytes with scales -------*- C++ -*-===//
//
// Codes of 8 bits, linear or floating, whose scales differ within a row.
//
//===----------------------------------------------------------------------===//

#if defined(QZC_RUNTIME_CPU_DOTBYTES_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef QZC_RUNTIME_CPU_DOTBYTES_INL_H
#undef QZC_RUNTIME_CPU_DOTBYTES_INL_H
#else
#define QZC_RUNTIME_CPU_DOTBYTES_INL_H
#endif

#include "DotF32-inl.h"

#include <type_traits>

HWY_BEFORE_NAMESPACE();
namespace qzc::runtime::cpu {
namespace HWY_NAMESPACE {

/// A weight of such codes (DotChunks-inl.h says what that is): a chunk is
/// several vectors, which have one scale.
template <typename Row> class BytesWeight {
  static constexpr bool kZeros =
      std::is_same_v<typename Row::Source, GroupZeros>;

public:
  /// Activations as they are.
  struct Strip {
    float values[kStripChunks][kChunk];
  };
  static constexpr int64_t kPerVector = 1;
  static constexpr int kStreams = 4;
  static constexpr int64_t kAlign = 1;
  static constexpr int64_t kSlack = 0;
  static constexpr bool kAddends = false;

  explicit BytesWeight(const format::PackedView &weight)
      : Codes(reinterpret_cast<const uint8_t *>(weight.parts[0])),
        Beside(weight) {}

  static HWY_INLINE const Strip *stripsOf(const Activations &x) {
    return reinterpret_cast<const Strip *>(x.values);
  }

  class Scales {
  public:
    HWY_INLINE void read(const BytesWeight &of, int64_t first, int64_t count,
                         const Strip &) {
      const typename Row::Source::Strip strip(of.Beside, first, count);
      for (int64_t i = 0; i < count; i += kLanes) {
        Vec scale;
        Vec zero;
        if constexpr (kZeros) {
          strip.zeros(i, scale, zero);
          hn::Store(zero, kTag, Zeros + i);
        } else {
          strip.at(i, scale, zero);
        }
        hn::Store(scale, kTag, Values + i);
      }
    }
    HWY_INLINE Vec at(int64_t chunk) const {
      return hn::Set(kTag, Values[chunk]);
    }
    /// What numbers have in place of 0.
    HWY_INLINE Vec zero(int64_t chunk) const {
      if constexpr (kZeros)
        return hn::Set(kTag, Zeros[chunk]);
      else
        return hn::Set(kTag, static_cast<float>(Row::Source::kMiddle));
    }

  private:
    HWY_ALIGN float Values[kStripChunks + 16];
    HWY_ALIGN float Zeros[kZeros ? kStripChunks + 16 : 16];
  };

  template <bool Whole, int Streams>
  HWY_INLINE void add(int64_t chunk, int64_t stride, int64_t, const Strip &x,
                      int64_t at, const Scales (&scales)[Streams],
                      Vec (&sums)[Streams]) const {
#pragma GCC unroll 4
    for (int stream = 0; stream < Streams; ++stream) {
      const uint8_t *codes = Codes + (chunk + stream * stride) * kChunk;
      prefetchCodes<Streams>(codes, stride * kChunk);
      Vec part[2] = {hn::Zero(kTag), hn::Zero(kTag)};
#pragma GCC unroll 8
      for (int64_t i = 0; i < kChunk; i += kLanes) {
        Vec numbers = Row::numbers(codes + i);
        if constexpr (!Row::kSigned)
          numbers = hn::Sub(numbers, scales[stream].zero(at));
        Vec &of = part[i / kLanes % 2];
        of = hn::MulAdd(numbers, hn::LoadU(kTag, x.values[at] + i), of);
      }
      sums[stream] = hn::MulAdd(hn::Add(part[0], part[1]),
                                scales[stream].at(at), sums[stream]);
    }
  }

private:
  const uint8_t *Codes;
  typename Row::Source Beside;
};

/// Rows of whole chunks by chunks; others, which fp8 may have, as floats.
template <typename Row> struct MatVecBytes {
  static void run(const format::PackedView &weight, int64_t rowBegin,
                  int64_t rowEnd, const Activations *x, int64_t columns,
                  float *y, int64_t yStride) {
    if (weight.shape.cols % kChunk == 0)
      return runChunkRows<BytesWeight<Row>>(weight, rowBegin, rowEnd, x,
                                            columns, y, yStride);
    if constexpr (std::is_same_v<Row, Fp8Row>)
      MatVecDense<Row>::run(weight, rowBegin, rowEnd, x, columns, y, yStride);
  }
};

} // namespace HWY_NAMESPACE
} // namespace qzc::runtime::cpu
HWY_AFTER_NAMESPACE();

#endif
