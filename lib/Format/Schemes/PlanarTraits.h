//===- PlanarTraits.h - Schemes whose codes are planes ----------*- C++ -*-===//
//
// Codes of 2 to 6 bits by Schemes/Planes.h, and a part of scales. Blocks of
// ggml are taken apart: their codes into planes, what else they hold into
// records.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_LIB_FORMAT_SCHEMES_PLANARTRAITS_H
#define QZC_LIB_FORMAT_SCHEMES_PLANARTRAITS_H

#include "../GgmlWeighted.h"
#include "Traits.h"

#include "qzc/Format/Ggml.h"
#include "qzc/Format/Schemes/Dense.h"
#include "qzc/Format/Schemes/KScales.h"
#include "qzc/Format/Schemes/Planes.h"

#include <algorithm>
#include <numeric>
#include <vector>

namespace qzc::format {

/// Codes as planes, one a byte outside.
template <int Bits> struct PlanarCodes {
  using P = Planes<Bits>;
  static constexpr int64_t kUnit = P::kUnit;

  static int64_t bytes(int64_t elements) {
    return (elements + P::kUnit - 1) / P::kUnit * P::kUnitBytes;
  }
  /// Adds `count` codes from element `begin` on to bytes that are zeros.
  static void store(const uint8_t *codes, int64_t begin, int64_t count,
                    std::byte *part) {
    auto *data = reinterpret_cast<uint8_t *>(part);
    constexpr int chunk = P::kChunk;
    for (int64_t at = begin; at < begin + count; at += chunk, codes += chunk) {
      put<P::kLow>(codes, 0, data + P::lowOf(at));
      if constexpr (P::kHigh != 0)
        put<P::kHigh>(codes, P::kLow, data + P::highOf(at));
    }
  }
  static void load(const std::byte *part, int64_t begin, int64_t count,
                   uint8_t *codes) {
    const auto *data = reinterpret_cast<const uint8_t *>(part);
    for (int64_t i = 0; i < count; ++i)
      codes[i] = static_cast<uint8_t>(P::codeAt(data, begin + i));
  }

  /// SchemeTraits::replaceCodes.
  static void replace(const PackedShape &, const uint8_t *codes, int64_t count,
                      std::byte *const *parts) {
    std::fill_n(parts[0], bytes(count), std::byte{0});
    store(codes, 0, count, parts[0]);
  }

private:
  template <int N>
  static void put(const uint8_t *codes, int shift, uint8_t *bytes) {
    for (int e = 0; e < P::kChunk; ++e)
      bytes[P::template byteOf<N>(e)] |= static_cast<uint8_t>(
          (codes[e] >> shift & ((1 << N) - 1)) << P::template shiftOf<N>(e));
  }
};

/// Calls visit(field) for all that a block of ggml has beside its codes.
template <typename Visit> void scalesOf(ggml::BlockQ4_1 &block, Visit visit) {
  visit(block.d);
  visit(block.m);
}
template <typename Visit> void scalesOf(ggml::BlockTq1_0 &block, Visit visit) {
  visit(block.d);
}
template <typename Visit> void scalesOf(ggml::BlockTq2_0 &block, Visit visit) {
  visit(block.d);
}
template <typename Visit> void scalesOf(ggml::BlockQ5_0 &block, Visit visit) {
  visit(block.d);
}
template <typename Visit> void scalesOf(ggml::BlockQ5_1 &block, Visit visit) {
  visit(block.d);
  visit(block.m);
}
template <typename Visit> void scalesOf(ggml::BlockQ4_K &block, Visit visit) {
  visit(block.d);
  visit(block.dmin);
  visit(block.scales);
}
template <typename Visit> void scalesOf(ggml::BlockQ5_K &block, Visit visit) {
  visit(block.d);
  visit(block.dmin);
  visit(block.scales);
}
template <typename Visit> void scalesOf(ggml::BlockQ6_K &block, Visit visit) {
  visit(block.scales);
  visit(block.d);
}

/// The scales and offsets of a block's groups.
inline void groupsOf(const ggml::BlockQ4_1 &block, float *scales,
                     float *offsets) {
  *scales = dense::fromF16(block.d);
  *offsets = dense::fromF16(block.m);
}
inline void groupsOf(const ggml::BlockQ5_0 &block, float *scales,
                     float *offsets) {
  *scales = dense::fromF16(block.d);
  *offsets = -16 * *scales;
}
inline void groupsOf(const ggml::BlockQ5_1 &block, float *scales,
                     float *offsets) {
  *scales = dense::fromF16(block.d);
  *offsets = dense::fromF16(block.m);
}
template <typename Block>
void groupsOfK(const Block &block, float *scales, float *offsets) {
  for (int g = 0; g < kscales::kGroups; ++g) {
    const kscales::ScaleMin packed = kscales::at(block.scales, g);
    scales[g] =
        mulRounded(dense::fromF16(block.d), static_cast<float>(packed.scale));
    offsets[g] = -mulRounded(dense::fromF16(block.dmin),
                             static_cast<float>(packed.minimum));
  }
}
inline void groupsOf(const ggml::BlockQ4_K &block, float *scales,
                     float *offsets) {
  groupsOfK(block, scales, offsets);
}
inline void groupsOf(const ggml::BlockQ5_K &block, float *scales,
                     float *offsets) {
  groupsOfK(block, scales, offsets);
}
inline void groupsOf(const ggml::BlockTq2_0 &block, float *scales,
                     float *offsets) {
  for (int g = 0; g < 8; ++g) {
    scales[g] = dense::fromF16(block.d);
    offsets[g] = -scales[g];
  }
}
inline void groupsOf(const ggml::BlockQ6_K &block, float *scales,
                     float *offsets) {
  for (int g = 0; g < 16; ++g) {
    scales[g] = mulRounded(dense::fromF16(block.d),
                           static_cast<float>(block.scales[g]));
    offsets[g] = -32 * scales[g];
  }
}

/// The functions of SchemeTraits for blocks of ggml with codes of `Bits` bits.
template <typename Block, int Bits> struct PlanarGgml {
  using Codes = PlanarCodes<Bits>;
  static constexpr int64_t kBlock = Block::kValues;

  static int64_t recordBytes() {
    Block block;
    size_t bytes = 0;
    scalesOf(block, [&](auto &field) { bytes += sizeof field; });
    return static_cast<int64_t>(bytes);
  }

  static std::optional<std::string_view> checkShape(const PackedShape &shape) {
    if (shape.cols % kBlock != 0)
      return kBlock == 32 ? kNot32 : kNot256;
    return requireNoBlockSize(shape);
  }

  static int64_t unit(const PackedShape &) {
    return std::max(kBlock, Planes<Bits>::kUnit);
  }

  static uint64_t partBytes(const PackedShape &, size_t part,
                            int64_t elements) {
    return static_cast<uint64_t>(part == 0 ? Codes::bytes(elements)
                                           : elements / kBlock * recordBytes());
  }

  static float encode(const PackedShape &, const float *values, int64_t count,
                      std::byte *const *parts) {
    std::fill_n(parts[0], Codes::bytes(count), std::byte{0});
    std::byte *scales = parts[1];
    float largest = 0;
    for (int64_t begin = 0; begin < count; begin += kBlock) {
      Block block;
      largest =
          std::max(largest, ggml::quantize(values + begin, kBlock, &block));
      scales = store(block, begin, parts[0], scales);
    }
    return largest;
  }

  /// As encode does; of rows, by importance.
  static float search(const PackedShape &shape, const float *values,
                      const ErrorWeights &weights, int64_t count,
                      std::byte *const *parts) {
    std::fill_n(parts[0], Codes::bytes(count), std::byte{0});
    std::byte *scales = parts[1];
    std::vector<Block> blocks(static_cast<size_t>(count / kBlock));
    const float largest = ggml::quantizeRows(
        {values, weights.importance, shape.cols, count / shape.cols},
        blocks.data());
    int64_t begin = 0;
    for (Block &block : blocks) {
      scales = store(block, begin, parts[0], scales);
      begin += kBlock;
    }
    return largest;
  }

  /// The blocks are of any type that has the same scales.
  template <typename Stored>
  static void split(const std::byte *blocks, int64_t count,
                    std::byte *const *parts) {
    std::fill_n(parts[0], Codes::bytes(count), std::byte{0});
    std::byte *scales = parts[1];
    for (int64_t begin = 0; begin < count; begin += kBlock) {
      Stored block;
      std::memcpy(&block, blocks, sizeof block);
      scales = store(block, begin, parts[0], scales);
      blocks += sizeof block;
    }
  }

  template <typename Stored>
  static void join(const std::byte *const *parts, int64_t count,
                   std::byte *blocks) {
    const std::byte *scales = parts[1];
    for (int64_t begin = 0; begin < count; begin += kBlock) {
      const auto block = load<Stored>(parts[0], begin, scales);
      std::memcpy(blocks, &block, sizeof block);
      blocks += sizeof block;
      scales += recordBytes();
    }
  }
  template <typename Stored> static constexpr BlockFormat blocks() {
    static_assert(Stored::kValues == kBlock);
    return {ggml::kTypeNumber<Stored>, kBlock, sizeof(Stored), split<Stored>,
            join<Stored>};
  }

  static void decode(const PackedView &weight, int64_t rowBegin, int64_t rowEnd,
                     float *out) {
    const int64_t perRow = weight.shape.cols / kBlock;
    const std::byte *scales =
        weight.parts[1] + rowBegin * perRow * recordBytes();
    for (int64_t i = rowBegin * perRow; i < rowEnd * perRow; ++i) {
      ggml::dequantize(load<Block>(weight.parts[0], i * kBlock, scales), out);
      scales += recordBytes();
      out += kBlock;
    }
  }

  /// Elements of a group, of which each block has one, eight or sixteen.
  static constexpr int64_t kGroup = Bits == 6 ? 16 : 32;

  static Levels levels(const PackedShape &) {
    // The fourth code of two bits is none of TQ2_0's.
    return evenLevels(kGroup, Bits == 2 ? 3 : 1 << Bits);
  }

  static void readGroups(const PackedShape &, const std::byte *const *parts,
                         int64_t count, float *scales, float *offsets) {
    const std::byte *records = parts[1];
    for (int64_t begin = 0; begin < count; begin += kBlock) {
      Block block;
      scalesOf(block, [&](auto &field) {
        std::memcpy(&field, records, sizeof field);
        records += sizeof field;
      });
      groupsOf(block, scales, offsets);
      scales += kBlock / kGroup;
      offsets += kBlock / kGroup;
    }
  }

  static constexpr SchemeTraits traits(const SyntheticRecipe &scales) {
    return {2,
            {"codes", "scales"},
            0,
            ScaleCodec::Plain,
            {{SyntheticPart::Uniform, 0}, scales},
            checkShape,
            unit,
            partBytes,
            encode,
            decode,
            searchOf(),
            levels,
            readGroups,
            Codes::replace,
            blocks<Block>()};
  }

private:
  /// ggml has none for TQ2_0.
  static constexpr auto searchOf() -> decltype(SchemeTraits::searchElements) {
    if constexpr (Bits == 2)
      return nullptr;
    else
      return search;
  }

  /// Stores the block of the elements from `begin` on; returns where the next
  /// one's scales go.
  template <typename Stored>
  static std::byte *store(Stored &block, int64_t begin, std::byte *part,
                          std::byte *scales) {
    uint8_t codes[kBlock];
    ggml::unpackCodes(block, codes);
    Codes::store(codes, begin, kBlock, part);
    scalesOf(block, [&](auto &field) {
      std::memcpy(scales, &field, sizeof field);
      scales += sizeof field;
    });
    return scales;
  }
  template <typename Stored>
  static Stored load(const std::byte *part, int64_t begin,
                     const std::byte *scales) {
    Stored block;
    uint8_t codes[kBlock];
    Codes::load(part, begin, kBlock, codes);
    ggml::packCodes(codes, block);
    scalesOf(block, [&](auto &field) {
      std::memcpy(&field, scales, sizeof field);
      scales += sizeof field;
    });
    return block;
  }
};

} // namespace qzc::format

#endif // QZC_LIB_FORMAT_SCHEMES_PLANARTRAITS_H
