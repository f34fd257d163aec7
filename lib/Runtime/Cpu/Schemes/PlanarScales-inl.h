//===- PlanarScales-inl.h - What lies beside codes in planes -----*- C++-*-===//
//
// A scale source decodes what belongs to chunks of the flattened tensor:
//   kAddends  a value is code · scale + second, otherwise
//             (code - kMiddle) · scale
//   kHalves   a chunk has two scales, for its halves: scale and second
//   at(element, scale, second)
//             of the elements of a vector, which are in one half of a chunk:
//             exactly, a value is code · scale + second (kAffine), otherwise
//             (code - second) · scale
//   Strip(source, chunk, count)
//             those of chunks [chunk, chunk + count), by vectors of them
//   Strip::at(i, scale, second)
//             of kLanes chunks from the i-th of the strip on, i a multiple of
//             kLanes; anything behind the last
// Where blocks are of 256, `chunk` and `count` are multiples of theirs.
//
//===----------------------------------------------------------------------===//

#if defined(QZC_RUNTIME_CPU_SCHEMES_PLANARSCALES_INL_H) ==                     \
    defined(HWY_TARGET_TOGGLE)
#ifdef QZC_RUNTIME_CPU_SCHEMES_PLANARSCALES_INL_H
#undef QZC_RUNTIME_CPU_SCHEMES_PLANARSCALES_INL_H
#else
#define QZC_RUNTIME_CPU_SCHEMES_PLANARSCALES_INL_H
#endif

#include "Groups-inl.h"

HWY_BEFORE_NAMESPACE();
namespace qzc::runtime::cpu {
namespace HWY_NAMESPACE {

/// The unsigned number at a byte.
template <typename T> HWY_INLINE T wordAt(const void *data) {
  T word;
  __builtin_memcpy(&word, data, sizeof word);
  return word;
}

using HalfTag = hn::Rebind<uint16_t, Tag>;
using PairTag = hn::RebindToUnsigned<Tag>;

/// Two f16 side by side in each lane.
HWY_INLINE void splitPairs(hn::Vec<PairTag> pairs, Vec &first, Vec &second) {
  const auto low = hn::And(pairs, hn::Set(PairTag(), 0xffff));
  const auto half = [](hn::Vec<PairTag> v) HWY_ATTR {
    const hn::RebindToSigned<PairTag> wide;
    return hn::BitCast(HalfTag(),
                       hn::DemoteTo(HalfTag(), hn::BitCast(wide, v)));
  };
  first = fromF16(kTag, half(low));
  second = fromF16(kTag, half(hn::ShiftRight<16>(pairs)));
}

/// Common to sources with a record of T for 32 · 2^Shift elements.
template <typename T> struct Records {
  const T *Data;
  int64_t Count;
  int Shift;

  Records(const format::PackedView &weight, int64_t block)
      : Data(reinterpret_cast<const T *>(weight.parts[1])),
        Count((weight.shape.rows * weight.shape.cols + block - 1) / block),
        Shift(
            __builtin_ctzll(static_cast<unsigned long long>(block / kChunk))) {}
  /// A vector of them from that of a chunk on.
  template <class D> HWY_INLINE hn::Vec<D> load(D d, int64_t chunk) const {
    const int64_t group = chunk >> Shift;
    prefetch(Data + group, kScalesAhead);
    return loadAvailable(d, Data + group, Count - group);
  }
};

/// An f16 for 32 (Middle: the code of 0).
template <int Middle> struct BlockScales {
  static constexpr int kMiddle = Middle;
  static constexpr bool kAffine = false;
  static constexpr bool kAddends = false;
  static constexpr bool kHalves = false;
  Records<uint16_t> Scales;

  explicit BlockScales(const format::PackedView &weight)
      : Scales(weight, kChunk) {}
  HWY_INLINE void at(int64_t element, Vec &scale, Vec &second) const {
    scale = broadcastF16(Scales.Data[element / 32]);
    second = hn::Set(kTag, static_cast<float>(Middle));
  }

  struct Strip {
    const BlockScales &Of;
    int64_t First;

    HWY_INLINE Strip(const BlockScales &of, int64_t chunk, int64_t)
        : Of(of), First(chunk) {}
    HWY_INLINE void at(int64_t i, Vec &scale, Vec &) const {
      scale = fromF16(kTag, Of.Scales.load(HalfTag(), First + i));
    }
  };
};

/// An f16 scale and minimum for 32.
struct BlockMinima {
  static constexpr bool kAffine = true;
  static constexpr bool kAddends = true;
  static constexpr bool kHalves = false;
  Records<uint32_t> Pairs;

  explicit BlockMinima(const format::PackedView &weight)
      : Pairs(weight, kChunk) {}
  HWY_INLINE void at(int64_t element, Vec &scale, Vec &second) const {
    scale = broadcastF16(static_cast<uint16_t>(Pairs.Data[element / 32]));
    second =
        broadcastF16(static_cast<uint16_t>(Pairs.Data[element / 32] >> 16));
  }

  struct Strip {
    const BlockMinima &Of;
    int64_t First;

    HWY_INLINE Strip(const BlockMinima &of, int64_t chunk, int64_t)
        : Of(of), First(chunk) {}
    HWY_INLINE void at(int64_t i, Vec &scale, Vec &second) const {
      splitPairs(Of.Pairs.load(PairTag(), First + i), scale, second);
    }
  };
};

/// An f16 a group, of `Block` elements or, without, what the shape says.
template <int Middle, int64_t Block = 0> struct GroupScales {
  static constexpr int kMiddle = Middle;
  static constexpr bool kAffine = false;
  static constexpr bool kAddends = false;
  static constexpr bool kHalves = false;
  Records<uint16_t> Scales;

  explicit GroupScales(const format::PackedView &weight)
      : Scales(weight, Block != 0 ? Block : weight.shape.blockSize) {}
  HWY_INLINE void at(int64_t element, Vec &scale, Vec &second) const {
    scale = broadcastF16(Scales.Data[(element / 32) >> Scales.Shift]);
    second = hn::Set(kTag, static_cast<float>(Middle));
  }

  struct Strip {
    const GroupScales &Of;
    int64_t First;

    HWY_INLINE Strip(const GroupScales &of, int64_t chunk, int64_t)
        : Of(of), First(chunk) {}
    HWY_INLINE void at(int64_t i, Vec &scale, Vec &) const {
      scale = hn::TableLookupLanes(
          fromF16(kTag, Of.Scales.load(HalfTag(), First + i)),
          groupIndices(First + i, Of.Scales.Shift));
    }
  };
};

/// An f16 scale and zero point a group.
struct GroupZeros {
  static constexpr bool kAffine = false;
  static constexpr bool kAddends = true;
  static constexpr bool kHalves = false;
  Records<uint32_t> Pairs;

  explicit GroupZeros(const format::PackedView &weight)
      : Pairs(weight, weight.shape.blockSize) {}
  HWY_INLINE void at(int64_t element, Vec &scale, Vec &second) const {
    const uint32_t pair = Pairs.Data[(element / 32) >> Pairs.Shift];
    scale = broadcastF16(static_cast<uint16_t>(pair));
    second = broadcastF16(static_cast<uint16_t>(pair >> 16));
  }

  struct Strip {
    const GroupZeros &Of;
    int64_t First;

    HWY_INLINE Strip(const GroupZeros &of, int64_t chunk, int64_t)
        : Of(of), First(chunk) {}
    HWY_INLINE void at(int64_t i, Vec &scale, Vec &second) const {
      Vec zero;
      zeros(i, scale, zero);
      second = hn::Neg(hn::Mul(zero, scale));
    }
    /// The zero points themselves.
    HWY_INLINE void zeros(int64_t i, Vec &scale, Vec &zero) const {
      splitPairs(Of.Pairs.load(PairTag(), First + i), scale, zero);
      const auto indices = groupIndices(First + i, Of.Pairs.Shift);
      zero = hn::TableLookupLanes(zero, indices);
      scale = hn::TableLookupLanes(scale, indices);
    }
  };
};

template <typename Byte> using SixteenBytes = hn::Vec<hn::FixedTag<Byte, 16>>;

/// scales[i] = byte i · scale, seconds[i] = byte 8 + i · second, for eight
/// each.
template <typename Byte>
HWY_INLINE void scaleBytes(SixteenBytes<Byte> bytes, Vec scale, Vec second,
                           float *scales, float *seconds) {
  const hn::RebindToSigned<Tag> wide;
  if constexpr (kLanes == 16) {
    const hn::Half<Tag> half;
    const Vec all = hn::Mul(hn::ConvertTo(kTag, hn::PromoteTo(wide, bytes)),
                            hn::ConcatUpperLower(kTag, second, scale));
    hn::StoreU(hn::LowerHalf(half, all), half, scales);
    hn::StoreU(hn::UpperHalf(half, all), half, seconds);
  } else {
    const hn::Rebind<Byte, Tag> narrow;
    HWY_ALIGN Byte stored[16];
    hn::Store(bytes, hn::FixedTag<Byte, 16>(), stored);
    const auto numbers = [&](int64_t i) HWY_ATTR {
      return hn::ConvertTo(kTag,
                           hn::PromoteTo(wide, hn::LoadU(narrow, stored + i)));
    };
    for (int64_t i = 0; i < 8; i += kLanes) {
      hn::StoreU(hn::Mul(numbers(i), scale), kTag, scales + i);
      hn::StoreU(hn::Mul(numbers(8 + i), second), kTag, seconds + i);
    }
  }
}

/// Six-bit scales and minima of two f16 for 256: Format/Schemes/KScales.h.
struct SixBitScales {
  static constexpr bool kAffine = true;
  static constexpr bool kAddends = true;
  static constexpr bool kHalves = false;
  const uint8_t *Data;

  explicit SixBitScales(const format::PackedView &weight)
      : Data(reinterpret_cast<const uint8_t *>(weight.parts[1])) {}
  HWY_INLINE void at(int64_t element, Vec &scale, Vec &second) const {
    const uint8_t *record = Data + element / 256 * 16;
    const uint8_t *bytes = record + 4 + element / 32 % 4;
    const bool upper = element % 256 >= 128;
    const int first =
        upper ? (bytes[8] & 15) | bytes[0] >> 6 << 4 : bytes[0] & 63;
    const int other =
        upper ? bytes[8] >> 4 | bytes[4] >> 6 << 4 : bytes[4] & 63;
    scale = hn::Mul(broadcastF16(wordAt<uint16_t>(record)),
                    hn::Set(kTag, static_cast<float>(first)));
    second = hn::Neg(hn::Mul(broadcastF16(wordAt<uint16_t>(record + 2)),
                             hn::Set(kTag, static_cast<float>(other))));
  }

  struct Strip {
    HWY_ALIGN float Scales[kStripChunks + 16];
    HWY_ALIGN float Seconds[kStripChunks + 16];

    HWY_INLINE Strip(const SixBitScales &of, int64_t chunk, int64_t count) {
      const uint8_t *record = of.Data + chunk / 8 * 16;
      for (int64_t i = 0; i < count; i += 8, record += 16) {
        prefetch(record, kScalesAhead);
        scaleBytes<uint8_t>(sixBits(record),
                            broadcastF16(wordAt<uint16_t>(record)),
                            hn::Neg(broadcastF16(wordAt<uint16_t>(record + 2))),
                            Scales + i, Seconds + i);
      }
    }
    HWY_INLINE void at(int64_t i, Vec &scale, Vec &second) const {
      scale = hn::Load(kTag, Scales + i);
      second = hn::Load(kTag, Seconds + i);
    }

  private:
    /// The scales, then the minima.
    static HWY_INLINE SixteenBytes<uint8_t> sixBits(const uint8_t *record) {
      constexpr uint64_t low4 = 0x0f0f0f0f, low6 = 0x3f3f3f3f,
                         top2 = 0x30303030;
      const uint64_t a = wordAt<uint32_t>(record + 4);
      const uint64_t b = wordAt<uint32_t>(record + 8);
      const uint64_t c = wordAt<uint32_t>(record + 12);
      const uint64_t scales = (a & low6) | ((c & low4) | (a >> 2 & top2)) << 32;
      const uint64_t minima = (b & low6) | ((c >> 4 & low4) | (b >> 2 & top2))
                                               << 32;
      const hn::FixedTag<uint64_t, 2> both;
      return hn::BitCast(hn::FixedTag<uint8_t, 16>(),
                         hn::InterleaveLower(both, hn::Set(both, scales),
                                             hn::Set(both, minima)));
    }
  };
};

/// Eight-bit scales for 16 of an f16 for 256.
struct EightBitScales {
  static constexpr int kMiddle = 32;
  static constexpr bool kAffine = false;
  static constexpr bool kAddends = false;
  static constexpr bool kHalves = true;
  const uint8_t *Data;

  explicit EightBitScales(const format::PackedView &weight)
      : Data(reinterpret_cast<const uint8_t *>(weight.parts[1])) {}
  HWY_INLINE void at(int64_t element, Vec &scale, Vec &second) const {
    const uint8_t *record = Data + element / 256 * 18;
    const auto one = static_cast<int8_t>(record[element / 16 % 16]);
    scale = hn::Mul(broadcastF16(wordAt<uint16_t>(record + 16)),
                    hn::Set(kTag, static_cast<float>(one)));
    second = hn::Set(kTag, static_cast<float>(kMiddle));
  }

  struct Strip {
    HWY_ALIGN float Scales[kStripChunks + 16];
    HWY_ALIGN float Seconds[kStripChunks + 16];

    HWY_INLINE Strip(const EightBitScales &of, int64_t chunk, int64_t count) {
      const hn::FixedTag<int8_t, 16> sixteen;
      HWY_ALIGN static constexpr int8_t kEvenThenOdd[16] = {
          0, 2, 4, 6, 8, 10, 12, 14, 1, 3, 5, 7, 9, 11, 13, 15};
      const uint8_t *record = of.Data + chunk / 8 * 18;
      for (int64_t i = 0; i < count; i += 8, record += 18) {
        prefetch(record, kScalesAhead);
        const auto sorted = hn::TableLookupBytes(
            hn::LoadU(sixteen, reinterpret_cast<const int8_t *>(record)),
            hn::Load(sixteen, kEvenThenOdd));
        const Vec scale = broadcastF16(wordAt<uint16_t>(record + 16));
        scaleBytes<int8_t>(sorted, scale, scale, Scales + i, Seconds + i);
      }
    }
    HWY_INLINE void at(int64_t i, Vec &scale, Vec &second) const {
      scale = hn::Load(kTag, Scales + i);
      second = hn::Load(kTag, Seconds + i);
    }
  };
};

} // namespace HWY_NAMESPACE
} // namespace qzc::runtime::cpu
HWY_AFTER_NAMESPACE();

#endif
