//===- Weights.cpp - Random stored weights and what they mean -------------===//
//
// Codes and scales are random bytes; decoding is written down again here, one
// element at a time.
//
//===----------------------------------------------------------------------===//

#include "Weights.h"

#include "NaivePlanar.h"

#include "qzc/Format/Schemes/DoubleQuant.h"
#include "qzc/Format/Schemes/Fp4.h"
#include "qzc/Format/Schemes/Nf4.h"

#include <algorithm>
#include <cmath>
#include <cstring>

using namespace qzc;
using namespace qzc::kernel_test;
using namespace qzc::format;

static uint16_t toHalf(float value) {
  // Test weights are within the normal range of f16 or tiny: truncation of the
  // mantissa is as good as rounding for random numbers.
  uint32_t bits;
  std::memcpy(&bits, &value, 4);
  const int exponent = int(bits >> 23 & 255) - 127 + 15;
  if (exponent <= 0)
    return uint16_t(bits >> 16 & 0x8000);
  return uint16_t((bits >> 16 & 0x8000) | exponent << 10 | (bits >> 13 & 1023));
}

static float fromHalf(uint16_t half) {
  const int exponent = half >> 10 & 31;
  const float mantissa = float(half & 1023) / 1024.0f;
  const float value = exponent == 0
                          ? std::ldexp(mantissa, -14)
                          : std::ldexp(1.0f + mantissa, exponent - 15);
  return half & 0x8000 ? -value : value;
}

template <class T> static T loadAt(const uint8_t *data, int64_t index) {
  T value;
  std::memcpy(&value, data + index * int64_t(sizeof value), sizeof value);
  return value;
}
template <class T> static void storeAt(uint8_t *data, int64_t index, T value) {
  std::memcpy(data + index * int64_t(sizeof value), &value, sizeof value);
}

PackedShape qzc::kernel_test::randomShape(Random &random) {
  PackedShape shape;
  shape.scheme =
      random.pick({Scheme::None, Scheme::Int8, Scheme::Q8_0, Scheme::Q4_0,
                   Scheme::Fp4, Scheme::Nf4, Scheme::Nf4});
  if (shape.scheme == Scheme::None)
    shape.dtype = random.pick({DType::F32, DType::F16, DType::BF16});
  if (shape.scheme == Scheme::Nf4 || shape.scheme == Scheme::Fp4) {
    shape.blockSize =
        random.pick({int64_t(64), int64_t(64), int64_t(32), int64_t(256)});
    if (random.chance(50))
      shape.scales = ScaleCodec::Double;
  }
  return shape;
}

static int32_t randomDense(Random &random, const PackedShape &shape,
                           float amplitude, float center, uint8_t *data) {
  float largest = 0;
  for (int64_t i = 0; i < shape.rows * shape.cols; ++i) {
    const float value = center + amplitude * random.uniform();
    largest = std::max(largest, std::fabs(value));
    uint32_t bits;
    std::memcpy(&bits, &value, 4);
    if (shape.dtype == DType::F32)
      storeAt(data, i, value);
    else
      storeAt(data, i,
              shape.dtype == DType::F16 ? toHalf(value) : uint16_t(bits >> 16));
  }
  int32_t exponent = 0;
  while (std::ldexp(largest, -exponent) > 60000.0f)
    ++exponent;
  return exponent;
}

int32_t qzc::kernel_test::randomWeight(Random &random, const PackedShape &shape,
                                       float amplitude, float center,
                                       uint8_t *data) {
  if (shape.scheme == Scheme::None)
    return randomDense(random, shape, amplitude, center, data);
  const std::vector<PartLayout> parts = layout(shape);
  if (test::planarBits(shape.scheme) != 0) {
    for (uint64_t i = 0; i < parts[0].bytes; ++i)
      data[parts[0].offset + i] =
          test::randomPlanarByte(shape.scheme, uint8_t(random.next()));
    test::randomPlanarScales(
        shape, 0.6f * amplitude, data + parts[1].offset,
        int64_t(parts[1].bytes), [&] { return random.next(); },
        [&] { return 1.0f + 0.5f * random.uniform(); }, toHalf);
    return 0;
  }
  const bool eightBit =
      shape.scheme == Scheme::Int8 || shape.scheme == Scheme::Q8_0;
  for (uint64_t i = 0; i < parts[0].bytes; ++i) {
    const auto code = uint8_t(random.next());
    data[parts[0].offset + i] = eightBit && code == 128 ? 0 : code;
  }
  const float unit = eightBit                       ? amplitude / 127.0f
                     : shape.scheme == Scheme::Q4_0 ? amplitude / 8.0f
                                                    : amplitude;
  auto scale = [&] { return unit * (1.0f + 0.5f * random.uniform()); };
  uint8_t *scales = data + parts[1].offset;
  const auto bytes = int64_t(parts[1].bytes);
  if (shape.scheme == Scheme::Q8_0 || shape.scheme == Scheme::Q4_0) {
    for (int64_t i = 0; i < bytes / 2; ++i)
      storeAt(scales, i, toHalf(scale()));
  } else if (shape.scales == ScaleCodec::Absmax) {
    for (int64_t i = 0; i < bytes / 4; ++i)
      storeAt(scales, i, 127.0f * scale());
  } else if (shape.scales == ScaleCodec::Plain) {
    for (int64_t i = 0; i < bytes / 4; ++i)
      storeAt(scales, i, scale());
  } else {
    // Groups of 264 bytes: absmax, offset, codes.
    for (int64_t i = 0; i < bytes; ++i)
      scales[i] = uint8_t(random.next());
    for (int64_t begin = 0; begin < bytes; begin += 264) {
      storeAt(scales + begin, 0, 0.4f * scale());
      storeAt(scales + begin, 1, unit);
    }
  }
  return 0;
}

static float decodeDense(const uint8_t *data, DType dtype, int64_t i) {
  if (dtype == DType::F32)
    return loadAt<float>(data, i);
  const auto bits = loadAt<uint16_t>(data, i);
  if (dtype == DType::F16)
    return fromHalf(bits);
  const uint32_t wide = uint32_t(bits) << 16;
  float value;
  std::memcpy(&value, &wide, 4);
  return value;
}

static float decodeCode(const uint8_t *data, const uint8_t *scales,
                        const PackedShape &shape, const float *book,
                        int64_t i) {
  const int64_t block = i / shape.blockSize;
  float scale;
  if (shape.scales == ScaleCodec::Double) {
    const uint8_t *group = scales + block / 256 * 264;
    scale = doublequant::kDynamicMap.values[group[8 + block % 256]] *
                loadAt<float>(group, 0) +
            loadAt<float>(group, 1);
  } else {
    scale = loadAt<float>(scales, block);
  }
  const int byte = data[i / 2];
  return book[i % 2 == 0 ? byte / 16 : byte % 16] * scale;
}

float qzc::kernel_test::decodeElement(const Model &model, int32_t index,
                                      int64_t row, int64_t col) {
  const Tensor &t = model.manifest.tensors[size_t(index)];
  const std::vector<PartLayout> parts = layout(t.shape);
  const uint8_t *data = model.weights.data() + t.offset;
  const uint8_t *scales = data + parts.back().offset;
  const int64_t i = row * t.shape.cols + col;
  if (test::planarBits(t.shape.scheme) != 0)
    return test::planarValue(t.shape, data, scales, i, fromHalf);
  switch (t.shape.scheme) {
  default:
    break;
  case Scheme::Int8:
    return float(int8_t(data[i])) * loadAt<float>(scales, row) *
           (t.shape.scales == ScaleCodec::Absmax ? 1.0f / 127.0f : 1.0f);
  case Scheme::Q8_0:
    return float(int8_t(data[i])) * fromHalf(loadAt<uint16_t>(scales, i / 32));
  case Scheme::Q4_0: {
    const int byte = data[i / 32 * 16 + i % 16];
    const int code = i % 32 < 16 ? byte % 16 : byte / 16;
    return float(code - 8) * fromHalf(loadAt<uint16_t>(scales, i / 32));
  }
  case Scheme::Fp4:
    return decodeCode(data, scales, t.shape, fp4::kCodeBook, i);
  case Scheme::Nf4:
    return decodeCode(data, scales, t.shape, nf4::kCodeBook, i);
  }
  return decodeDense(data, t.shape.dtype, i);
}
