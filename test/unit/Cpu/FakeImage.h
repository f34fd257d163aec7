//===- FakeImage.h - An image in memory, with random weights ----*- C++ -*-===//

#ifndef QZC_TEST_UNIT_CPU_FAKEIMAGE_H
#define QZC_TEST_UNIT_CPU_FAKEIMAGE_H

#include "qzc/Format/Schemes/Nf4.h"
#include "qzc/Runtime/Image.h"

#include <cmath>
#include <cstring>
#include <deque>
#include <random>
#include <vector>

namespace qzc::runtime::test {

/// A stored weight of random bytes of about normal(mean, deviation) values, and
/// what its bytes mean by the schemes' definitions.
struct RandomWeight {
  format::PackedShape shape;
  std::vector<std::byte> parts[2];
  std::vector<float> values; ///< [rows * cols], decoded

  format::PackedView view() const {
    format::PackedView result;
    result.shape = shape;
    for (int i = 0; i < 2; ++i)
      result.parts[i] = parts[i].data();
    return result;
  }
};

inline float floatOfBf16(uint16_t bits) {
  return format::floatFromBits(static_cast<uint32_t>(bits) << 16);
}

/// Normal and zero f16 values.
inline float floatOfF16(uint16_t bits) {
  const int exponent = bits >> 10 & 31;
  const float magnitude =
      std::ldexp(static_cast<float>((bits & 1023) + (exponent ? 1024 : 0)),
                 (exponent ? exponent : 1) - 25);
  return bits >> 15 ? -magnitude : magnitude;
}

template <typename T>
std::vector<std::byte> bytesOf(const std::vector<T> &values) {
  std::vector<std::byte> bytes(values.size() * sizeof(T));
  std::memcpy(bytes.data(), values.data(), bytes.size());
  return bytes;
}

template <typename Generator>
RandomWeight randomWeight(Generator &generator, format::PackedShape shape,
                          float deviation, float mean = 0) {
  RandomWeight weight;
  weight.shape = shape;
  const int64_t n = shape.rows * shape.cols;
  weight.values.resize(n);
  std::normal_distribution<float> normal(mean, deviation);
  const auto bits = [&](auto convert, auto drop) {
    std::vector<uint16_t> stored(n);
    for (int64_t i = 0; i < n; ++i) {
      stored[i] = drop(normal(generator));
      weight.values[i] = convert(stored[i]);
    }
    weight.parts[0] = bytesOf(stored);
  };
  switch (shape.scheme) {
  case format::Scheme::None:
    if (shape.dtype == format::DType::F32) {
      for (float &value : weight.values)
        value = normal(generator);
      weight.parts[0] = bytesOf(weight.values);
    } else if (shape.dtype == format::DType::BF16) {
      bits(floatOfBf16, [](float x) {
        return static_cast<uint16_t>(format::floatBits(x) >> 16);
      });
    } else {
      bits(floatOfF16, [](float x) {
        // Truncated; values here are well inside the normal range.
        const uint32_t f = format::floatBits(x);
        const int exponent = static_cast<int>(f >> 23 & 255) - 112;
        if (exponent <= 0)
          return static_cast<uint16_t>(f >> 16 & 0x8000);
        return static_cast<uint16_t>((f >> 16 & 0x8000) |
                                     static_cast<uint32_t>(exponent) << 10 |
                                     (f >> 13 & 1023));
      });
    }
    return weight;
  case format::Scheme::Int8: {
    std::vector<int8_t> codes(n);
    std::vector<float> scales(shape.rows);
    for (float &scale : scales)
      scale = deviation *
              (0.5f + static_cast<float>(generator() % 1000) / 1000.0f) / 64.0f;
    for (int64_t i = 0; i < n; ++i) {
      codes[i] = static_cast<int8_t>(static_cast<int>(generator() % 255) - 127);
      weight.values[i] = static_cast<float>(codes[i]) * scales[i / shape.cols];
    }
    weight.parts[0] = bytesOf(codes);
    weight.parts[1] = bytesOf(scales);
    return weight;
  }
  case format::Scheme::Nf4: {
    const int64_t block = shape.blockSize;
    std::vector<uint8_t> codes(format::nf4::codeBytes(n, block));
    std::vector<float> scales(format::nf4::blockCount(n, block));
    for (uint8_t &code : codes)
      code = static_cast<uint8_t>(generator());
    for (float &scale : scales)
      scale = 2 * deviation *
              (0.5f + static_cast<float>(generator() % 1000) / 1000.0f);
    for (int64_t i = 0; i < n; ++i)
      weight.values[i] =
          format::nf4::kCodeBook[format::nf4::codeAt(codes.data(), i)] *
          scales[i / block];
    weight.parts[0] = bytesOf(codes);
    weight.parts[1] = bytesOf(scales);
    return weight;
  }
  }
  return weight;
}

class FakeImage final : public Image {
public:
  format::Manifest &edit() { return Contents; }
  const RandomWeight &weight(int64_t index) const { return Weights[index]; }

  /// Adds a random weight and returns its index.
  template <typename Generator>
  int32_t add(Generator &generator, const format::PackedShape &shape,
              float deviation, float mean = 0) {
    Weights.push_back(randomWeight(generator, shape, deviation, mean));
    format::Tensor tensor;
    tensor.shape = shape;
    Contents.tensors.push_back(tensor);
    return static_cast<int32_t>(Weights.size() - 1);
  }

  const format::Manifest &manifest() const override { return Contents; }
  std::string_view tokenizerJson() const override { return "{}"; }
  const std::vector<DeviceCode> &deviceCode() const override { return Codes; }
  uint64_t fileBytes() const override { return 0; }
  format::PackedView tensor(int64_t index) const override {
    return Weights[index].view();
  }
  const std::byte *weights() const override { return nullptr; }

private:
  format::Manifest Contents;
  std::deque<RandomWeight> Weights;
  std::vector<DeviceCode> Codes;
};

} // namespace qzc::runtime::test

#endif // QZC_TEST_UNIT_CPU_FAKEIMAGE_H
