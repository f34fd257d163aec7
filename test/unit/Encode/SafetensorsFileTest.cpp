//===- SafetensorsFileTest.cpp - Sound and lying headers ------------------===//

#include "qzc/Encode/SafetensorsFile.h"

#include "../Support/TempFolder.h"
#include "SafetensorsImage.h"
#include "qzc/Support/Error.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <random>

using namespace qzc;
using namespace qzc::encode;
using namespace qzc::test;
using testing::AllOf;
using testing::HasSubstr;

static std::string sound() {
  SafetensorsImage image;
  image.add("a", "F32", {2, 3}, std::string(24, 'a'));
  image.add("b", "BF16", {5}, std::string(10, 'b'));
  image.add("c", "I64", {}, std::string(8, 'c'));
  image.add("empty", "F16", {0, 4}, "");
  return image.file();
}

TEST(SafetensorsFile, ReadsItsTensors) {
  TempFolder folder;
  const std::string bytes = sound();
  writeAll(folder.file("w"), bytes);
  const SafetensorsFile file(folder.file("w"));
  ASSERT_EQ(file.entries().size(), 4u);
  const auto &b = file.entry("b");
  EXPECT_EQ(b.type(), format::DType::BF16);
  EXPECT_EQ(b.shape, (std::vector<int64_t>{5}));
  EXPECT_EQ(bytes.substr(b.offset, b.bytes), "bbbbbbbbbb");
  EXPECT_FALSE(file.entry("c").type());
  EXPECT_THAT([&] { file.entry("d"); },
              testing::ThrowsMessage<Error>(
                  AllOf(HasSubstr("'d'"), HasSubstr(folder.file("w")))));
}

TEST(SafetensorsFile, MetadataIsNoTensor) {
  TempFolder folder;
  writeAll(folder.file("w"),
           safetensors(R"({"__metadata__":{"format":"pt"}})", ""));
  EXPECT_TRUE(SafetensorsFile(folder.file("w")).entries().empty());
}

static std::string entry(const std::string &shape, const std::string &offsets,
                         const std::string &name = "a") {
  return "\"" + name + R"(":{"dtype":"F32","shape":)" + shape +
         R"(,"data_offsets":)" + offsets + "}";
}

TEST(SafetensorsFile, LiesAreNamed) {
  const std::string data(24, 'x');
  constexpr size_t kDepth = 1'000'000;
  const std::string deep = std::string(kDepth, '[') + std::string(kDepth, ']');
  const std::vector<std::pair<std::string, const char *>> cases = {
      {"abc", "only 3 bytes"},
      {std::string("\xff\xff\xff\xff\xff\xff\xff\xff", 8) + "{}", "cut short"},
      {safetensors("{}", "").substr(0, 9), "cut short"},
      {safetensors("[]", ""), "not a JSON object"},
      {safetensors("{\"a\":", ""), "not a JSON object"},
      {safetensors(R"({"a":1})", ""), "does not have the entries"},
      {safetensors("{" + entry("[6]", "[0,24]") + "}", data.substr(1)),
       "1 bytes after the end"},
      {safetensors("{" + entry("[7]", "[0,24]") + "}", data), "24 bytes"},
      {safetensors("{" + entry("[6]", "[24,0]") + "}", data), "offsets"},
      {safetensors("{" + entry("[6]", "[-8,16]") + "}", data), "offsets"},
      {safetensors("{" + entry("[6]", "[0,1e3]") + "}", data), "offsets"},
      {safetensors("{" + entry(deep, "[0,24]") + "}", data), "shape"},
      {safetensors(deep.substr(0, kDepth), data), "not a JSON object"},
      {safetensors("{" + entry("[-6]", "[0,24]") + "}", data), "shape"},
      {safetensors("{" + entry("[4294967296,4294967296,4294967296]", "[0,24]") +
                       "}",
                   data),
       "shape"},
      {safetensors("{" + entry("[9223372036854775807]", "[0,24]") + "}", data),
       "24 bytes"},
      {safetensors("{" + entry("[2]", "[0,8]") + "," + entry("[2]", "[8,16]") +
                       "}",
                   data),
       "appears twice"},
      {safetensors("{" + entry("[2]", "[0,8]") + "," +
                       entry("[2]", "[4,12]", "b") + "}",
                   data),
       "overlap"},
  };
  TempFolder folder;
  for (const auto &[bytes, message] : cases) {
    writeAll(folder.file("w"), bytes);
    EXPECT_THAT([&] { SafetensorsFile file(folder.file("w")); },
                testing::ThrowsMessage<Error>(
                    AllOf(HasSubstr(message), HasSubstr(folder.file("w")))));
  }
}

TEST(SafetensorsFile, DamageNeverCrashes) {
  TempFolder folder;
  const std::string bytes = sound();
  std::mt19937 random(5);
  for (int round = 0; round < 3000; ++round) {
    std::string changed = bytes;
    if (round % 3 == 0)
      changed.resize(random() % bytes.size());
    for (int i = 0; i < 2 && !changed.empty(); ++i)
      changed[random() % changed.size()] = "0129[]{},:\"-a\xff"[random() % 14];
    writeAll(folder.file("w"), changed);
    try {
      const SafetensorsFile file(folder.file("w"));
      for (const auto &[name, entry] : file.entries())
        EXPECT_LE(entry.offset + entry.bytes, changed.size());
    } catch (const Error &) {
    }
  }
}
