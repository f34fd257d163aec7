//===- GoldenSchemesTest.cpp - Quantizers against their references --------===//
//
// test/golden/schemes holds what bitsandbytes (nf4, fp4, double quantization),
// llama.cpp (ggml's blocks), compressed-tensors (int2 to int8g), transformers
// (fp8) and NumPy (int8) make of weights with ties, zero blocks, odd sizes and
// extreme values; see the scripts there. Everything must agree to the bit.
//
//===----------------------------------------------------------------------===//

#include "GoldenFile.h"

#include "qzc/Encode/Encoder.h"
#include "qzc/Format/Ggml.h"
#include "qzc/Format/Schemes/DoubleQuant.h"
#include "qzc/Format/Schemes/Planes.h"

#include <cmath>
#include <cstring>
#include <map>

using namespace qzc;
using namespace qzc::encode;
using namespace qzc::format;

namespace {
/// A golden file, and one of its cases after the other.
class GoldenSchemes : public testing::Test {
protected:
  void open(const std::string &name, size_t cases) {
    Sources.emplace(openGolden(name));
    Names = goldenCases(file());
    EXPECT_EQ(Names.size(), cases);
  }
  const SafetensorsFile &file() const { return Sources->file(0); }

  /// A tensor's bytes as a vector of T.
  template <typename T> std::vector<T> golden(const std::string &tensor) const {
    const auto &entry = file().entry(tensor);
    std::vector<T> values(entry.bytes / sizeof(T));
    std::memcpy(values.data(), file().file().data() + entry.offset,
                entry.bytes);
    return values;
  }

  /// Encodes NAME.weight; `shape` has its extents already.
  void encode(const std::string &name, const PackedShape &shape) {
    const auto &weight = file().entry(name + ".weight");
    Tensor tensor;
    tensor.shape = shape;
    tensor.source = {name + ".weight", weight.shape, *weight.type(), false, {}};
    ASSERT_FALSE(checkShape(shape));
    Bytes = encodeTensor(tensor, {0, weight.offset}, *Sources);
    View = viewOf(shape, Bytes.data());
  }
  PackedShape shapeOf(const std::string &name, Scheme scheme, int64_t block) {
    const auto &extents = file().entry(name + ".weight").shape;
    return {scheme, DType::F32, extents[0], extents[1], block};
  }

  void expectPart(size_t part, const std::string &tensor) const {
    expectBytes(file(), tensor, View.parts[part],
                layout(View.shape)[part].bytes);
  }
  void expectDecoded(const std::string &tensor) const {
    std::vector<float> decoded(
        static_cast<size_t>(View.shape.rows * View.shape.cols));
    decodeRows(View, 0, View.shape.rows, decoded.data());
    // As numbers: the sign of a zero is nobody's promise.
    EXPECT_EQ(decoded, golden<float>(tensor)) << tensor;
  }

  /// Compares a scales part with NAME.codes2, absmax2 and offset.
  void expectGroups(const std::string &name, const std::byte *part) const {
    const auto codes = golden<uint8_t>(name + ".codes2");
    const auto absmax = golden<float>(name + ".absmax2");
    const auto offset = golden<float>(name + ".offset");
    std::vector<std::byte> want(
        static_cast<size_t>(doublequant::scaleBytes(int64_t(codes.size()))));
    for (size_t group = 0; group < absmax.size(); ++group) {
      const size_t begin = group * doublequant::kGroup;
      const size_t size =
          std::min<size_t>(doublequant::kGroup, codes.size() - begin);
      std::byte *to = want.data() + group * sizeof(doublequant::ScaleGroup);
      std::memcpy(to, &absmax[group], 4);
      std::memcpy(to + 4, offset.data(), 4);
      std::memcpy(to + 8, codes.data() + begin, size);
    }
    EXPECT_EQ(want, std::vector<std::byte>(part, part + want.size())) << name;
  }

  std::optional<WeightSources> Sources;
  std::set<std::string> Names;
  std::vector<std::byte> Bytes;
  PackedView View;
};
} // namespace

TEST_F(GoldenSchemes, Int8IsTheReference) {
  open("int8.safetensors", 7);
  for (const std::string &name : Names) {
    encode(name, shapeOf(name, Scheme::Int8, 0));
    expectPart(0, name + ".codes");
    expectPart(1, name + ".scales");
    expectDecoded(name + ".decoded");
  }
}

TEST_F(GoldenSchemes, Nf4AndFp4AreWhatBitsandbytesStores) {
  for (auto [scheme, cases] : {std::pair(Scheme::Nf4, 16), {Scheme::Fp4, 10}}) {
    open(std::string(format::name(scheme)) + ".safetensors", size_t(cases));
    for (const std::string &name : Names) {
      encode(name, shapeOf(name, scheme, std::stoll(name)));
      expectPart(0, name + ".codes");
      expectPart(1, name + ".scales");
      expectDecoded(name + ".decoded");
    }
  }
}

TEST_F(GoldenSchemes, DoubleQuantizationIsWhatBitsandbytesStores) {
  open("double.safetensors", 11);
  for (const std::string &name : Names) {
    if (name.rfind("scales.", 0) == 0)
      continue;
    const size_t dot = name.find('.');
    PackedShape shape = shapeOf(name, *parseScheme(name.substr(0, dot)),
                                std::stoll(name.substr(dot + 1)));
    shape.scales = ScaleCodec::Double;
    encode(name, shape);
    expectPart(0, name + ".codes");
    expectGroups(name, View.parts[1]);
    expectDecoded(name + ".decoded");
  }
}

TEST_F(GoldenSchemes, ScalesAreQuantizedAsBitsandbytesDoes) {
  open("double.safetensors", 11);
  for (const std::string &name : Names) {
    if (name.rfind("scales.", 0) != 0)
      continue;
    const auto scales = golden<float>(name + ".scales");
    const auto count = static_cast<int64_t>(scales.size());
    std::vector<std::byte> part(
        static_cast<size_t>(doublequant::scaleBytes(count)));
    const float largest = encodeScales(scales.data(), count, part.data());
    expectGroups(name, part.data());
    const auto want = golden<float>(name + ".decoded");
    float largestWanted = 0;
    for (int64_t i = 0; i < count; ++i) {
      EXPECT_EQ(doublequant::scaleAt(part.data(), i), want[size_t(i)]) << i;
      largestWanted = std::max(largestWanted, std::fabs(want[size_t(i)]));
    }
    EXPECT_EQ(largest, largestWanted) << name;
  }
}

/// The codes and scales of ggml's blocks, one after the other.
template <typename Block>
static std::pair<std::vector<std::byte>, std::vector<std::byte>>
partsOf(const std::vector<Block> &blocks) {
  std::pair<std::vector<std::byte>, std::vector<std::byte>> parts;
  const auto append = [](std::vector<std::byte> &to, const auto &value) {
    const auto *bytes = reinterpret_cast<const std::byte *>(&value);
    to.insert(to.end(), bytes, bytes + sizeof value);
  };
  for (const Block &block : blocks) {
    append(parts.first, block.codes);
    append(parts.second, block.d);
  }
  return parts;
}

TEST_F(GoldenSchemes, Q8_0AndQ4_0AreGgmlsBlocks) {
  open("ggml.safetensors", 11);
  const auto check = [&](const std::string &name, Scheme scheme, auto block) {
    std::string tensor = name;
    tensor += "." + std::string(format::name(scheme));
    encode(name, shapeOf(name, scheme, 0));
    const auto [codes, scales] = partsOf(golden<decltype(block)>(tensor));
    const auto bytes = [&](size_t part) {
      return std::vector<std::byte>(
          View.parts[part], View.parts[part] + layout(View.shape)[part].bytes);
    };
    EXPECT_EQ(bytes(0), codes) << tensor;
    EXPECT_EQ(bytes(1), scales) << tensor;
    expectDecoded(tensor + "_decoded");
  };
  for (const std::string &name : Names) {
    check(name, Scheme::Q8_0, ggml::BlockQ8_0{});
    check(name, Scheme::Q4_0, ggml::BlockQ4_0{});
  }
}

TEST_F(GoldenSchemes, PlanesHoldWhatGgmlsBlocksDecodeTo) {
  open("ggml.safetensors", 11);
  size_t checked = 0;
  for (Scheme scheme : {Scheme::Q4_1, Scheme::Q5_0, Scheme::Q5_1, Scheme::Q4_K,
                        Scheme::Q5_K, Scheme::Q6_K, Scheme::Ternary}) {
    const std::string part = scheme == Scheme::Ternary
                                 ? ".tq2_0"
                                 : "." + std::string(format::name(scheme));
    for (const std::string &name : Names) {
      if (file().entries().count(name + part) == 0)
        continue;
      encode(name, shapeOf(name, scheme, 0));
      expectDecoded(name + part + "_decoded");
      ++checked;
    }
  }
  EXPECT_EQ(checked, 10u + 11u + 10u + 4 * 3u);
}

TEST_F(GoldenSchemes, PartsAndGgmlsBlocksAreTheSame) {
  open("ggml.safetensors", 11);
  std::vector<std::pair<Scheme, const BlockFormat *>> formats;
  for (Scheme scheme :
       {Scheme::Q4_0, Scheme::Q4_1, Scheme::Q5_0, Scheme::Q5_1, Scheme::Q8_0,
        Scheme::Q4_K, Scheme::Q5_K, Scheme::Q6_K, Scheme::Ternary})
    formats.emplace_back(scheme, blockFormat(scheme));
  formats.emplace_back(Scheme::Ternary, denserBlockFormat(Scheme::Ternary));
  EXPECT_EQ(denserBlockFormat(Scheme::Q4_0), nullptr);
  for (const auto &[scheme, format] : formats) {
    ASSERT_TRUE(format);
    const std::string name =
        "super-f32." +
        (scheme != Scheme::Ternary ? std::string(format::name(scheme))
         : format->type == ggml::kTypeNumber<ggml::BlockTq1_0> ? "tq1_0"
                                                               : "tq2_0");
    const auto blocks = golden<std::byte>(name);
    const int64_t count =
        int64_t(blocks.size()) / format->bytes * format->values;
    const PackedShape shape = {scheme, DType::F32, 1, count, 0};
    std::vector<std::byte> codes(partBytes(shape, 0, count));
    std::vector<std::byte> scales(partBytes(shape, 1, count));
    std::byte *const parts[] = {codes.data(), scales.data()};
    format->split(blocks.data(), count, parts);
    PackedView view = {shape, {codes.data(), scales.data()}};
    std::vector<float> decoded(static_cast<size_t>(count));
    decodeRows(view, 0, 1, decoded.data());
    EXPECT_EQ(decoded, golden<float>(name + "_decoded")) << name;
    std::vector<std::byte> back(blocks.size());
    format->join(view.parts, count, back.data());
    EXPECT_EQ(back, blocks) << name;
  }
}

TEST_F(GoldenSchemes, Fp8IsWhatTransformersCodes) {
  open("fp8.safetensors", 6);
  for (const std::string &name : Names) {
    const bool byBlock = name.rfind("block.", 0) == 0;
    const PackedShape shape = shapeOf(name, Scheme::Fp8, byBlock ? 128 : 0);
    encode(name, shape);
    expectPart(0, name + ".codes");
    // A block's scale is there for each of its rows.
    const auto scales = golden<float>(name + ".scales");
    const auto *stored = reinterpret_cast<const float *>(View.parts[1]);
    const size_t perRow = byBlock ? size_t(shape.cols) / 128 : 1;
    ASSERT_EQ(layout(shape)[1].bytes, size_t(shape.rows) * perRow * 4);
    for (size_t row = 0; row < size_t(shape.rows); ++row)
      for (size_t i = 0; i < perRow; ++i)
        EXPECT_EQ(stored[row * perRow + i],
                  scales[(byBlock ? row / 128 : row) * perRow + i])
            << name;
    expectDecoded(name + ".decoded");
  }
}

/// The codes of a weight with codes of `Bits` bits, one a byte.
template <int Bits>
static std::vector<uint8_t> codesOf(const PackedView &view) {
  std::vector<uint8_t> codes(
      static_cast<size_t>(view.shape.rows * view.shape.cols));
  const auto *data = reinterpret_cast<const uint8_t *>(view.parts[0]);
  for (size_t i = 0; i < codes.size(); ++i)
    codes[i] = static_cast<uint8_t>(
        Planes<Bits>::codeAt(data, static_cast<int64_t>(i)));
  return codes;
}

template <> std::vector<uint8_t> codesOf<8>(const PackedView &view) {
  const auto *data = reinterpret_cast<const uint8_t *>(view.parts[0]);
  return {data, data + view.shape.rows * view.shape.cols};
}

TEST_F(GoldenSchemes, GroupedIntegersAreWhatCompressedTensorsCodes) {
  struct Kind {
    Scheme scheme;
    std::vector<uint8_t> (*codes)(const PackedView &);
  };
  const std::map<char, Kind> kinds = {{'2', {Scheme::Int2, codesOf<2>}},
                                      {'3', {Scheme::Int3, codesOf<3>}},
                                      {'4', {Scheme::Int4, codesOf<4>}},
                                      {'8', {Scheme::Int8g, codesOf<8>}}};
  open("ints.safetensors", 48);
  for (const std::string &name : Names) {
    // BITS.GROUP.KIND.NAME
    const Kind &kind = kinds.at(name[0]);
    const bool isAsym = name.find(".asym.") != std::string::npos;
    PackedShape shape = shapeOf(name, kind.scheme, std::stoll(name.substr(2)));
    if (isAsym)
      shape.scales = ScaleCodec::Asym;
    encode(name, shape);
    EXPECT_EQ(kind.codes(View), golden<uint8_t>(name + ".codes")) << name;
    std::vector<uint16_t> scales = golden<uint16_t>(name + ".scales");
    if (isAsym) {
      const auto zeros = golden<uint16_t>(name + ".zeros");
      std::vector<uint16_t> pairs;
      for (size_t i = 0; i < zeros.size(); ++i)
        pairs.insert(pairs.end(), {scales[i], zeros[i]});
      scales = pairs;
    }
    ASSERT_EQ(layout(shape)[1].bytes, scales.size() * 2);
    EXPECT_EQ(std::memcmp(View.parts[1], scales.data(), scales.size() * 2), 0)
        << name;
    expectDecoded(name + ".decoded");
  }
}
