//===- GoldenSchemesTest.cpp - Quantizers against their references --------===//
//
// test/golden/schemes holds what bitsandbytes (nf4) and NumPy (int8) make of
// weights with ties, zero blocks, odd sizes and extreme values; see
// make_schemes.py there. Everything must agree to the bit.
//
//===----------------------------------------------------------------------===//

#include "GoldenFile.h"

#include "qzc/Encode/Encoder.h"

#include <cstring>

using namespace qzc;
using namespace qzc::encode;
using namespace qzc::format;

static void checkCase(const WeightSources &sources, const std::string &name,
                      Scheme scheme, int64_t block) {
  SCOPED_TRACE(name);
  const SafetensorsFile &file = sources.file(0);
  const auto &weight = file.entry(name + ".weight");
  Tensor tensor;
  tensor.shape = {scheme, DType::F32, weight.shape[0], weight.shape[1], block};
  tensor.source = {name + ".weight", weight.shape, *weight.type(), false, {}};
  ASSERT_FALSE(checkShape(tensor.shape));

  const std::vector<std::byte> bytes =
      encodeTensor(tensor, {0, weight.offset}, sources);
  const PackedView view = viewOf(tensor.shape, bytes.data());
  const auto parts = layout(tensor.shape);
  expectBytes(file, name + ".codes", view.parts[0], parts[0].bytes);
  expectBytes(file, name + ".scales", view.parts[1], parts[1].bytes);

  std::vector<float> decoded(
      static_cast<size_t>(tensor.shape.rows * tensor.shape.cols));
  decodeRows(view, 0, tensor.shape.rows, decoded.data());
  const auto &reference = file.entry(name + ".decoded");
  ASSERT_EQ(reference.bytes, decoded.size() * sizeof(float));
  const std::byte *expected = file.file().data() + reference.offset;
  for (size_t i = 0; i < decoded.size(); ++i) {
    float value = 0;
    std::memcpy(&value, expected + i * sizeof value, sizeof value);
    // As numbers: the sign of a zero is nobody's promise.
    ASSERT_EQ(decoded[i], value) << i;
  }
}

TEST(GoldenSchemes, Nf4IsWhatBitsandbytesStores) {
  const WeightSources sources = openGolden("nf4.safetensors");
  const std::set<std::string> names = goldenCases(sources.file(0));
  EXPECT_EQ(names.size(), 16u);
  for (const std::string &name : names)
    checkCase(sources, name, Scheme::Nf4,
              std::stoll(name.substr(0, name.find('.'))));
}

TEST(GoldenSchemes, Int8IsTheReference) {
  const WeightSources sources = openGolden("int8.safetensors");
  const std::set<std::string> names = goldenCases(sources.file(0));
  EXPECT_EQ(names.size(), 7u);
  for (const std::string &name : names)
    checkCase(sources, name, Scheme::Int8, 0);
}
