//===- NaivePlanar.h - Codes in planes or bytes, written again --*- C++ -*-===//
//
// The layouts of the schemes whose codes are planes, and of int8g and fp8,
// whose codes are bytes, one element at a time, for the tests of both targets.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_TEST_KERNELS_NAIVEPLANAR_H
#define QZC_TEST_KERNELS_NAIVEPLANAR_H

#include "qzc/Format/Scheme.h"

#include <cmath>
#include <cstring>
#include <vector>

namespace qzc::test {

/// Bits of a code; 0 for schemes that this header does not know.
inline int planarBits(format::Scheme scheme) {
  using format::Scheme;
  switch (scheme) {
  case Scheme::Int2:
  case Scheme::Ternary:
    return 2;
  case Scheme::Int3:
    return 3;
  case Scheme::Q4_1:
  case Scheme::Q4_K:
  case Scheme::Int4:
    return 4;
  case Scheme::Q5_0:
  case Scheme::Q5_1:
  case Scheme::Q5_K:
    return 5;
  case Scheme::Q6_K:
    return 6;
  case Scheme::Int8g:
  case Scheme::Fp8:
    return 8;
  default:
    return 0;
  }
}

/// All storages of such schemes, without extents, whose rows may be of `cols`.
inline std::vector<format::PackedShape> planarShapes(int64_t cols) {
  using format::DType;
  using format::ScaleCodec;
  using format::Scheme;
  std::vector<format::PackedShape> shapes;
  const auto add = [&](Scheme scheme, int64_t block,
                       ScaleCodec scales = ScaleCodec::Plain) {
    format::PackedShape shape = {scheme, DType::F32, 1, cols, block, scales};
    if (!checkShape(shape))
      shapes.push_back(shape);
  };
  for (Scheme scheme :
       {Scheme::Q4_1, Scheme::Q5_0, Scheme::Q5_1, Scheme::Q4_K, Scheme::Q5_K,
        Scheme::Q6_K, Scheme::Ternary, Scheme::Fp8})
    add(scheme, 0);
  for (int64_t block : {32, 128})
    add(Scheme::Fp8, block);
  for (Scheme scheme :
       {Scheme::Int4, Scheme::Int3, Scheme::Int2, Scheme::Int8g})
    for (int64_t block : {32, 64, 128}) {
      add(scheme, block);
      add(scheme, block, ScaleCodec::Asym);
    }
  return shapes;
}

inline int planarCode(const uint8_t *data, int bits, int64_t i) {
  const auto e = static_cast<int>(i % 32);
  const auto crumb = [&](const uint8_t *at) {
    return at[e / 16 * 4 + e % 4] >> e / 4 % 4 * 2 & 3;
  };
  const auto nibble = [&](const uint8_t *at) {
    return e < 16 ? at[e] % 16 : at[e - 16] / 16;
  };
  const auto bit = [&](const uint8_t *at) { return at[e % 4] >> e / 4 & 1; };
  if (bits == 8)
    return data[i];
  if (bits == 2)
    return crumb(data + i / 32 * 8);
  if (bits == 4)
    return nibble(data + i / 32 * 16);
  if (bits == 6) {
    const uint8_t *unit = data + i / 64 * 48;
    const int64_t chunk = i % 64 / 32;
    return nibble(unit + chunk * 16) + 16 * crumb(unit + 32 + chunk * 8);
  }
  const int64_t chunk = i % 128 / 32;
  if (bits == 5) {
    const uint8_t *unit = data + i / 128 * 80;
    return nibble(unit + chunk * 16) + 16 * bit(unit + 64 + chunk * 4);
  }
  const uint8_t *unit = data + i / 128 * 48;
  return crumb(unit + chunk * 8) + 4 * bit(unit + 32 + chunk * 4);
}

/// A code of random bits: of fp8 no NaN, and nothing large.
inline uint8_t randomPlanarByte(format::Scheme scheme, uint8_t bits) {
  return scheme == format::Scheme::Fp8 ? bits & 0xbf : bits;
}

/// A sign, four bits of exponent, three of mantissa.
inline float e4m3Value(int code) {
  const int exponent = code >> 3 & 15;
  const int mantissa = (code & 7) + (exponent != 0 ? 8 : 0);
  const float magnitude = std::ldexp(static_cast<float>(mantissa),
                                     (exponent != 0 ? exponent : 1) - 10);
  return code & 128 ? -magnitude : magnitude;
}

/// The value of element i; half(bits) decodes f16.
template <typename Half>
float planarValue(const format::PackedShape &shape, const uint8_t *codes,
                  const uint8_t *scales, int64_t i, const Half &half) {
  using format::Scheme;
  const auto code =
      static_cast<float>(planarCode(codes, planarBits(shape.scheme), i));
  const auto halfAt = [&](int64_t byte) {
    uint16_t bits;
    std::memcpy(&bits, scales + byte, 2);
    return half(bits);
  };
  switch (shape.scheme) {
  case Scheme::Fp8: {
    float scale;
    const int64_t share = shape.blockSize == 0 ? shape.cols : shape.blockSize;
    std::memcpy(&scale, scales + i / share * 4, 4);
    return e4m3Value(codes[i]) * scale;
  }
  case Scheme::Ternary:
    return (code - 1) * halfAt(i / 256 * 2);
  case Scheme::Q5_0:
    return (code - 16) * halfAt(i / 32 * 2);
  case Scheme::Q4_1:
  case Scheme::Q5_1: {
    const float product = code * halfAt(i / 32 * 4);
    return product + halfAt(i / 32 * 4 + 2);
  }
  case Scheme::Q6_K: {
    const int64_t record = i / 256 * 18;
    const auto sub = static_cast<int8_t>(scales[record + i % 256 / 16]);
    return (halfAt(record + 16) * static_cast<float>(sub)) * (code - 32);
  }
  case Scheme::Q4_K:
  case Scheme::Q5_K: {
    const int64_t record = i / 256 * 16;
    const uint8_t *bytes = scales + record + 4;
    const auto group = i % 256 / 32;
    int scale = bytes[group % 4] % 64;
    int minimum = bytes[4 + group % 4] % 64;
    if (group >= 4) {
      scale = bytes[8 + group % 4] % 16 + bytes[group % 4] / 64 * 16;
      minimum = bytes[8 + group % 4] / 16 + bytes[4 + group % 4] / 64 * 16;
    }
    const float product = (halfAt(record) * static_cast<float>(scale)) * code;
    return product - halfAt(record + 2) * static_cast<float>(minimum);
  }
  default: {
    const int64_t group = i / shape.blockSize;
    if (shape.scales == format::ScaleCodec::Asym)
      return (code - halfAt(group * 4 + 2)) * halfAt(group * 4);
    return (code - static_cast<float>(1 << (planarBits(shape.scheme) - 1))) *
           halfAt(group * 2);
  }
  }
}

/// Fills the part of scales with ones that give values of about ±deviation.
/// next() gives random bits, factor() about 1, half(x) an f16.
template <typename Next, typename Factor, typename Half>
void randomPlanarScales(const format::PackedShape &shape, float deviation,
                        uint8_t *scales, int64_t bytes, const Next &next,
                        const Factor &factor, const Half &half) {
  using format::Scheme;
  const auto put = [&](int64_t at, float value) {
    const uint16_t bits = half(value);
    std::memcpy(scales + at, &bits, 2);
  };
  // Minima leave a block's mean near zero, as those of real weights do.
  const auto near = [&] { return 1.0f + 0.2f * (factor() - 1.0f); };
  const int bits = planarBits(shape.scheme);
  const float middle = std::ldexp(1.0f, bits - 1) - 0.5f;
  const float unit = deviation / (middle * 0.58f);
  for (int64_t i = 0; i < bytes; ++i)
    scales[i] = static_cast<uint8_t>(next());
  switch (shape.scheme) {
  case Scheme::Q4_1:
  case Scheme::Q5_1:
    for (int64_t at = 0; at < bytes; at += 4) {
      const float scale = unit * factor();
      put(at, scale);
      put(at + 2, -middle * scale * near());
    }
    break;
  case Scheme::Q4_K:
  case Scheme::Q5_K:
    for (int64_t at = 0; at < bytes; at += 16) {
      const float scale = unit / 40 * factor();
      put(at, scale);
      put(at + 2, middle * scale * near());
      // Minima of a group like its scale: values around zero.
      for (int i = 0; i < 4; ++i) {
        scales[at + 8 + i] = scales[at + 4 + i];
        scales[at + 12 + i] =
            static_cast<uint8_t>(scales[at + 12 + i] % 16 * 17);
      }
    }
    break;
  case Scheme::Fp8:
    for (int64_t at = 0; at < bytes; at += 4) {
      const float scale = deviation / 0.6f * factor();
      std::memcpy(scales + at, &scale, 4);
    }
    break;
  case Scheme::Q6_K:
    // Small scales, so that the f16 is a normal number.
    for (int64_t at = 0; at < bytes; at += 18) {
      for (int64_t i = 0; i < 16; ++i)
        scales[at + i] =
            static_cast<uint8_t>(static_cast<int>(scales[at + i] % 64) - 32);
      put(at + 16, unit / 18 * factor());
    }
    break;
  default: {
    const bool asym = shape.scales == format::ScaleCodec::Asym;
    for (int64_t at = 0; at < bytes; at += asym ? 4 : 2) {
      put(at, unit * factor());
      if (asym)
        put(at + 2, static_cast<float>((1u << (bits - 1)) - next() % 2));
    }
  }
  }
}

} // namespace qzc::test

#endif // QZC_TEST_KERNELS_NAIVEPLANAR_H
