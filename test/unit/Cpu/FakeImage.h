//===- FakeImage.h - An image in memory, with random weights ----*- C++ -*-===//

#ifndef QZC_TEST_UNIT_CPU_FAKEIMAGE_H
#define QZC_TEST_UNIT_CPU_FAKEIMAGE_H

#include "../../kernels/NaivePlanar.h"
#include "qzc/Format/Schemes/DoubleQuant.h"
#include "qzc/Format/Schemes/Fp4.h"
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

/// A normal f16 near `value`, or zero.
inline uint16_t f16Near(float value) {
  const uint32_t bits = format::floatBits(value);
  const int exponent = static_cast<int>(bits >> 23 & 255) - 112;
  const uint32_t sign = bits >> 16 & 0x8000;
  if (exponent <= 0)
    return static_cast<uint16_t>(sign);
  return static_cast<uint16_t>(sign | static_cast<uint32_t>(exponent) << 10 |
                               (bits >> 13 & 1023));
}

/// Makes one weight.
template <typename Generator> class RandomWeightMaker {
public:
  RandomWeightMaker(Generator &generator, const format::PackedShape &shape,
                    float deviation, float mean)
      : Random(generator), Deviation(deviation), Mean(mean),
        N(shape.rows * shape.cols) {
    Result.shape = shape;
    Result.values.resize(static_cast<size_t>(N));
  }

  RandomWeight make() {
    if (qzc::test::planarBits(Result.shape.scheme) != 0) {
      planar();
      return std::move(Result);
    }
    switch (Result.shape.scheme) {
    case format::Scheme::None:
      dense();
      break;
    case format::Scheme::Int8:
      eightBit(Result.shape.cols, false);
      break;
    case format::Scheme::Q8_0:
      eightBit(32, true);
      break;
    case format::Scheme::Q4_0:
      ggmlFourBit();
      break;
    case format::Scheme::Fp4:
      codeBook(format::fp4::kCodeBook);
      break;
    case format::Scheme::Nf4:
      codeBook(format::nf4::kCodeBook);
      break;
    default:
      break;
    }
    return std::move(Result);
  }

private:
  void dense() {
    std::normal_distribution<float> normal(Mean, Deviation);
    if (Result.shape.dtype == format::DType::F32) {
      for (float &value : Result.values)
        value = normal(Random);
      Result.parts[0] = bytesOf(Result.values);
      return;
    }
    const bool bf16 = Result.shape.dtype == format::DType::BF16;
    std::vector<uint16_t> stored(Result.values.size());
    for (size_t i = 0; i < stored.size(); ++i) {
      const float value = normal(Random);
      stored[i] = bf16 ? static_cast<uint16_t>(format::floatBits(value) >> 16)
                       : f16Near(value);
      Result.values[i] = bf16 ? floatOfBf16(stored[i]) : floatOfF16(stored[i]);
    }
    Result.parts[0] = bytesOf(stored);
  }

  /// One of `count` scales: 0.5 to 1.5 times `mean`.
  std::vector<float> scales(int64_t count, float mean) {
    std::vector<float> result(static_cast<size_t>(count));
    for (float &scale : result)
      scale = mean * (0.5f + static_cast<float>(Random() % 1000) / 1000.0f);
    return result;
  }
  /// The same, stored as part 1 in f16.
  std::vector<float> halfScales(int64_t count, float mean) {
    std::vector<float> result = scales(count, mean);
    std::vector<uint16_t> stored;
    for (float &scale : result) {
      stored.push_back(f16Near(scale));
      scale = floatOfF16(stored.back());
    }
    Result.parts[1] = bytesOf(stored);
    return result;
  }
  /// The same, stored as part 1 in groups of 256 with codes of their own.
  std::vector<float> groupedScales(int64_t count, float mean) {
    std::vector<float> result;
    std::vector<std::byte> &part = Result.parts[1];
    const float offset = mean * 1.1f;
    while (static_cast<int64_t>(result.size()) < count) {
      const float absmax = scales(1, mean / 2)[0];
      const std::vector<std::byte> head =
          bytesOf(std::vector<float>{absmax, offset});
      part.insert(part.end(), head.begin(), head.end());
      for (int i = 0; i < 256 && static_cast<int64_t>(result.size()) < count;
           ++i) {
        const auto code = static_cast<uint8_t>(Random());
        part.push_back(static_cast<std::byte>(code));
        result.push_back(
            format::doublequant::kDynamicMap.values[code] * absmax + offset);
      }
    }
    return result;
  }

  void eightBit(int64_t perScale, bool half) {
    std::vector<int8_t> codes(static_cast<size_t>(N));
    const float mean = Deviation / 64;
    const int64_t count = N / perScale;
    const bool absmax = Result.shape.scales == format::ScaleCodec::Absmax;
    const std::vector<float> scale =
        half ? halfScales(count, mean)
             : scales(count, absmax ? 127 * mean : mean);
    if (!half)
      Result.parts[1] = bytesOf(scale);
    for (int64_t i = 0; i < N; ++i) {
      codes[i] = static_cast<int8_t>(static_cast<int>(Random() % 255) - 127);
      Result.values[i] = static_cast<float>(codes[i]) * scale[i / perScale] *
                         (absmax ? 1.0f / 127.0f : 1.0f);
    }
    Result.parts[0] = bytesOf(codes);
  }

  std::vector<uint8_t> randomBytes(int64_t count) {
    std::vector<uint8_t> bytes(static_cast<size_t>(count));
    for (uint8_t &byte : bytes)
      byte = qzc::test::randomPlanarByte(Result.shape.scheme,
                                         static_cast<uint8_t>(Random()));
    Result.parts[0] = bytesOf(bytes);
    return bytes;
  }

  void ggmlFourBit() {
    const std::vector<uint8_t> bytes = randomBytes(N / 2);
    const std::vector<float> scale = halfScales(N / 32, Deviation / 4);
    for (int64_t i = 0; i < N; ++i) {
      const int byte = bytes[i / 32 * 16 + i % 16];
      const int code = i % 32 < 16 ? byte % 16 : byte / 16;
      Result.values[i] = static_cast<float>(code - 8) * scale[i / 32];
    }
  }

  void planar() {
    const std::vector<format::PartLayout> parts = layout(Result.shape);
    const std::vector<uint8_t> codes =
        randomBytes(static_cast<int64_t>(parts[0].bytes));
    std::vector<uint8_t> stored(parts[1].bytes);
    qzc::test::randomPlanarScales(
        Result.shape, Deviation, stored.data(),
        static_cast<int64_t>(stored.size()),
        [&] { return static_cast<uint32_t>(Random()); },
        [&] { return scales(1, 1)[0]; }, f16Near);
    Result.parts[1] = bytesOf(stored);
    for (int64_t i = 0; i < N; ++i)
      Result.values[i] = qzc::test::planarValue(Result.shape, codes.data(),
                                                stored.data(), i, floatOfF16);
  }

  void codeBook(const float *book) {
    const int64_t block = Result.shape.blockSize;
    const std::vector<uint8_t> bytes =
        randomBytes(format::codebook::codeBytes(N, block));
    const int64_t count = format::codebook::blockCount(N, block);
    const bool grouped = Result.shape.scales == format::ScaleCodec::Double;
    const std::vector<float> scale = grouped
                                         ? groupedScales(count, 2 * Deviation)
                                         : scales(count, 2 * Deviation);
    if (!grouped)
      Result.parts[1] = bytesOf(scale);
    for (int64_t i = 0; i < N; ++i)
      Result.values[i] =
          book[format::codebook::codeAt(bytes.data(), i)] * scale[i / block];
  }

  Generator &Random;
  float Deviation, Mean;
  int64_t N;
  RandomWeight Result;
};

template <typename Generator>
RandomWeight randomWeight(Generator &generator,
                          const format::PackedShape &shape, float deviation,
                          float mean = 0) {
  return RandomWeightMaker<Generator>(generator, shape, deviation, mean).make();
}

class FakeImage final : public Image {
public:
  format::Manifest &edit() { return Contents; }
  const RandomWeight &weight(int64_t index) const { return Weights[index]; }

  /// Adds a random weight and returns its index.
  template <typename Generator>
  int32_t add(Generator &generator, const format::PackedShape &shape,
              float deviation, float mean = 0) {
    return add(randomWeight(generator, shape, deviation, mean));
  }
  /// The same for f32 values [rows, cols].
  int32_t add(int64_t rows, int64_t cols, std::vector<float> values) {
    RandomWeight weight;
    weight.shape.rows = rows;
    weight.shape.cols = cols;
    weight.parts[0] = bytesOf(values);
    weight.values = std::move(values);
    return add(std::move(weight));
  }

  const format::Manifest &manifest() const override { return Contents; }
  std::string_view tokenizerJson() const override { return "{}"; }
  const std::vector<DeviceCode> &deviceCode() const override { return Codes; }
  uint64_t fileBytes() const override { return 0; }
  std::vector<InputFile> files() const override { return {}; }
  format::PackedView tensor(int64_t index) const override {
    return Weights[index].view();
  }
  void checkWeights() const override { Checked = true; }
  bool canRelease() const override { return CanRelease; }
  void release(int64_t index) const override {
    Released.push_back(Checked ? index : -1);
  }
  const std::byte *weights() const override { return nullptr; }

  bool CanRelease = false;
  /// What was let go of, in this order; -1 before the check.
  const std::vector<int64_t> &released() const { return Released; }

private:
  int32_t add(RandomWeight weight) {
    format::Tensor tensor;
    tensor.shape = weight.shape;
    Contents.tensors.push_back(tensor);
    Weights.push_back(std::move(weight));
    return static_cast<int32_t>(Weights.size() - 1);
  }

  format::Manifest Contents;
  std::deque<RandomWeight> Weights;
  std::vector<DeviceCode> Codes;
  mutable bool Checked = false;
  mutable std::vector<int64_t> Released;
};

} // namespace qzc::runtime::test

#endif // QZC_TEST_UNIT_CPU_FAKEIMAGE_H
