//===- ContainerTest.cpp - The GGUF file format ---------------------------===//

#include "GgufReader.h"
#include "qzc/Support/Error.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace qzc::gguf {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(Container, ReadsBack) {
  const Metadata metadata = {
      {"a.text", std::string("Ġ \"x\"")},
      {"a.count", uint32_t{4'000'000'000}},
      {"a.real", 1e-5f},
      {"a.flag", true},
      {"a.numbers", std::vector<int32_t>{-1, 3}},
      {"a.texts", std::vector<std::string>{"", "ab"}},
  };
  std::vector<TensorInfo> tensors = {
      {"matrix", {3, 64}, TensorType::Q4_0}, // 108 bytes, 128 with padding
      {"vector", {5}, TensorType::F32},
  };
  const uint64_t bytes = assignOffsets(tensors);
  EXPECT_EQ(bytes, 128u + 32u);
  const std::string head = header(metadata, tensors);
  EXPECT_EQ(head.size() % kAlignment, 0u);

  const GgufReader file(head + std::string(bytes, '\0'));
  EXPECT_EQ(file.Data, head.size());
  EXPECT_EQ(file.get<std::string>("a.text"), "Ġ \"x\"");
  EXPECT_EQ(file.get<uint32_t>("a.count"), 4'000'000'000u);
  EXPECT_EQ(file.get<float>("a.real"), 1e-5f);
  EXPECT_TRUE(file.get<bool>("a.flag"));
  EXPECT_THAT(file.get<std::vector<int32_t>>("a.numbers"), ElementsAre(-1, 3));
  EXPECT_THAT(file.get<std::vector<std::string>>("a.texts"),
              ElementsAre("", "ab"));
  ASSERT_EQ(file.Tensors.size(), 2u);
  EXPECT_THAT(file.Tensors[0].shape, ElementsAre(3, 64));
  EXPECT_EQ(file.Tensors[0].type, TensorType::Q4_0);
  EXPECT_EQ(file.Tensors[1].name, "vector");
  EXPECT_EQ(file.Tensors[1].offset, 128u);
}

TEST(Container, SizesOfTypes) {
  EXPECT_EQ(bytesOf(TensorType::F32, 7), 28u);
  EXPECT_EQ(bytesOf(TensorType::F16, 7), 14u);
  EXPECT_EQ(bytesOf(TensorType::BF16, 7), 14u);
  EXPECT_EQ(bytesOf(TensorType::Q8_0, 64), 68u);
  EXPECT_EQ(bytesOf(TensorType::Q4_0, 64), 36u);
  EXPECT_EQ(bytesOf(TensorType::IQ4_NL, 64), 36u);
}

std::string refusal(std::vector<TensorInfo> tensors) {
  try {
    assignOffsets(tensors);
  } catch (const Error &error) {
    return error.what();
  }
  return "accepted";
}

TEST(Container, RefusesNamesThatGgmlCannotHold) {
  EXPECT_THAT(refusal({{"x", {1}}, {"x", {1}}}), HasSubstr("'x'"));
  EXPECT_EQ(refusal({{std::string(63, 'n'), {1}}}), "accepted");
  EXPECT_THAT(refusal({{std::string(64, 'n'), {1}}}), HasSubstr("too long"));
}

} // namespace
} // namespace qzc::gguf
