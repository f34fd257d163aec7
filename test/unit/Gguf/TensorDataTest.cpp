//===- TensorDataTest.cpp - Values to ggml's types and back ---------------===//

#include "TensorData.h"

#include "qzc/Encode/SafetensorsFile.h"

#include <algorithm>
#include <cctype>
#include <cstring>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace qzc::gguf {
namespace {

using testing::Each;
using testing::ElementsAre;

std::vector<float> roundTrip(TensorType type,
                             const std::vector<float> &values) {
  const auto count = static_cast<int64_t>(values.size());
  std::vector<std::byte> stored(bytesOf(type, count));
  EXPECT_TRUE(store(type, values.data(), count, stored.data()));
  std::vector<float> loaded(values.size());
  load(type, stored.data(), count, loaded.data());
  return loaded;
}

TEST(TensorData, DenseTypesRound) {
  const std::vector<float> values = {1.0f, -0.3333333f, 70000.5f};
  EXPECT_THAT(roundTrip(TensorType::F32, values),
              ElementsAre(1.0f, -0.3333333f, 70000.5f));
  EXPECT_THAT(roundTrip(TensorType::BF16, values),
              ElementsAre(1.0f, -0.333984375f, 70144.0f));
  EXPECT_THAT(roundTrip(TensorType::F16, {1.0f, -0.3333333f}),
              ElementsAre(1.0f, -0.333251953125f));
}

TEST(TensorData, ReportsWhatDoesNotFit) {
  std::vector<std::byte> stored(64);
  const float large = 70000.0f;
  EXPECT_FALSE(store(TensorType::F16, &large, 1, stored.data()));
  EXPECT_TRUE(store(TensorType::BF16, &large, 1, stored.data()));
}

/// Blocks of llama.cpp and the values that the gguf package decodes them to.
int checkDecoding(TensorType type) {
  std::string part = "." + std::string(name(type));
  std::transform(part.begin(), part.end(), part.begin(),
                 [](unsigned char c) { return std::tolower(c); });
  const encode::SafetensorsFile file(
      std::string(QZC_TEST_DATA "/golden/schemes/ggml.safetensors"));
  int cases = 0;
  for (const auto &[name, entry] : file.entries()) {
    const size_t dot = name.rfind('.');
    if (name.substr(dot) != part)
      continue;
    ++cases;
    const auto &decoded = file.entry(name + "_decoded");
    const auto count = static_cast<int64_t>(decoded.bytes / sizeof(float));
    std::vector<float> got(static_cast<size_t>(count));
    load(type, file.file().data() + entry.offset, count, got.data());
    EXPECT_EQ(std::memcmp(got.data(), file.file().data() + decoded.offset,
                          decoded.bytes),
              0)
        << name;
  }
  return cases;
}

TEST(TensorData, DecodesBlocksAsGgmlDoes) {
  EXPECT_EQ(checkDecoding(TensorType::Q8_0), 11);
  // Of a minimum in f16, or rows of whole blocks of 256.
#define QZC_GGML_TYPE(Name, Number, Block, FileType)                           \
  EXPECT_GE(checkDecoding(TensorType::Name), 3) << #Name;
#include "qzc/Format/GgmlTypes.def"
}

TEST(TensorData, DecodesIq4NlToItsValues) {
  // A scale of 1 at the largest value: every entry of the table is hit.
  std::vector<float> values(32, 0.0f);
  const std::vector<float> table = {-127, -104, -83, -65, -49, -35, -22, -10,
                                    1,    13,   25,  38,  53,  69,  89,  113};
  std::copy(table.begin(), table.end(), values.begin());
  std::copy(table.begin(), table.end(), values.begin() + 16);
  EXPECT_EQ(roundTrip(TensorType::IQ4_NL, values), values);
  EXPECT_THAT(roundTrip(TensorType::IQ4_NL, std::vector<float>(32, 0.0f)),
              Each(0.0f));
}

} // namespace
} // namespace qzc::gguf
