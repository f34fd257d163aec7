//===- WriteTest.cpp - Streams a planned GGUF to its file -----------------===//

#include "../Encode/SafetensorsImage.h"
#include "../Support/TempFolder.h"
#include "GgufReader.h"
#include "TensorData.h"
#include "qzc/Support/Error.h"
#include "qzc/Support/MappedFile.h"
#include "qzc/Target/Gguf/Gguf.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace qzc::gguf {
namespace {

using namespace qzc::test;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class WriteTest : public testing::Test {
protected:
  static std::vector<float> ramp(int64_t count) {
    std::vector<float> values;
    for (int64_t i = 0; i != count; ++i)
      values.push_back(static_cast<float>(i % 101) - 50.25f);
    return values;
  }

  /// A source tensor, and a part of the plan that is all of it.
  Part source(const std::string &name, std::vector<int64_t> shape,
              const std::vector<float> &values, TensorType as) {
    Image.add(name, "F32", shape, test::bytesOf(values));
    Part part;
    part.source = {name, shape, format::DType::F32, false, {}};
    part.elements = static_cast<int64_t>(values.size());
    part.as = as;
    return part;
  }

  void add(const std::string &name, std::vector<int64_t> shape, TensorType type,
           std::vector<Part> parts) {
    Tensor tensor;
    tensor.info = {name, std::move(shape), type, 0};
    tensor.parts = std::move(parts);
    Made.tensors.push_back(std::move(tensor));
  }

  std::string write(int threads, bool commit = true) {
    const std::string bytes = Image.file();
    writeAll(Folder.file("w"), bytes);
    const encode::WeightSources sources(
        {{Folder.file("w"), bytes.size(), Hash.value_or(sha256Hex(bytes))}});
    for (Tensor &tensor : Made.tensors)
      for (Part &part : tensor.parts)
        part.ref = {0, sources.file(0).entry(part.source.name).offset};
    ThreadPool pool(threads);
    encode::CodeStore codes;
    File file(Folder.file("x.gguf"), Made, sources, pool,
              /*statistics=*/nullptr, codes);
    if (!commit)
      return "";
    file.finish();
    file.publish();
    const MappedFile mapped(Folder.file("x.gguf"));
    return {reinterpret_cast<const char *>(mapped.data()), mapped.size()};
  }

  std::string refusal() {
    try {
      write(2);
    } catch (const Error &error) {
      return error.what();
    }
    return "accepted";
  }

  /// Names of what is in the folder.
  std::vector<std::string> files() const {
    std::vector<std::string> names;
    for (const auto &entry : std::filesystem::directory_iterator(Folder.path()))
      names.push_back(entry.path().filename().string());
    return names;
  }

  static std::vector<float> valuesOf(const GgufReader &file,
                                     const std::string &name) {
    const TensorInfo &info = file.tensor(name);
    const std::string bytes = file.dataOf(info);
    std::vector<float> values(static_cast<size_t>(info.elements()));
    load(info.type, reinterpret_cast<const std::byte *>(bytes.data()),
         info.elements(), values.data());
    return values;
  }

  TempFolder Folder;
  SafetensorsImage Image;
  Plan Made;
  std::optional<std::string> Hash;
};

TEST_F(WriteTest, TensorsAndMetadataReadBack) {
  Made.metadata = {{"a", uint32_t{7}}};
  Part rows = source("w", {4, 2}, {0, 1, 2, 3, 4, 5, 6, 7}, TensorType::F32);
  rows.source.rows = {{2, 3}, {0, 1}, {3, 4}, {1, 2}};
  add("m", {4, 2}, TensorType::F32, {rows});
  Tensor computed;
  computed.info = {"c", {2}, TensorType::F32, 0};
  computed.values = {1.5f, -2.5f};
  Made.tensors.push_back(computed);
  const GgufReader file(write(1));
  EXPECT_EQ(file.get<uint32_t>("a"), 7u);
  EXPECT_THAT(valuesOf(file, "m"), ElementsAre(4, 5, 0, 1, 6, 7, 2, 3));
  EXPECT_THAT(valuesOf(file, "c"), ElementsAre(1.5f, -2.5f));
}

TEST_F(WriteTest, PartsFollowEachOther) {
  const std::vector<float> values = ramp(64);
  Part first = source("a", {1, 32}, {values.begin(), values.begin() + 32},
                      TensorType::Q8_0);
  Part second = source("b", {1, 32}, {values.begin() + 32, values.end()},
                       TensorType::Q8_0);
  add("joined", {2, 32}, TensorType::Q8_0, {first, second});
  second.as = TensorType::F16;
  add("mixed", {2, 32}, TensorType::F32, {first, second});
  const GgufReader file(write(1));
  const std::vector<float> joined = valuesOf(file, "joined");
  const std::vector<float> mixed = valuesOf(file, "mixed");
  EXPECT_TRUE(std::equal(joined.begin(), joined.begin() + 32, mixed.begin()));
  EXPECT_NE(joined[33], values[33]);
  // What f16 holds exactly.
  EXPECT_TRUE(
      std::equal(values.begin() + 32, values.end(), mixed.begin() + 32));
}

TEST_F(WriteTest, ThreadsDoNotMatter) {
  // Several pieces, with a short one at the end.
  const std::vector<float> values = ramp(1'300'000 / 32 * 32);
  const auto count = static_cast<int64_t>(values.size());
  const std::vector<int64_t> shape = {count / 32, 32};
  add("q", shape, TensorType::Q4_0,
      {source("a", shape, values, TensorType::Q4_0)});
  add("f", shape, TensorType::F32,
      {source("b", shape, values, TensorType::F32)});
  const std::string once = write(1);
  EXPECT_EQ(write(3), once);
  EXPECT_EQ(valuesOf(GgufReader(once), "f"), values);
}

TEST_F(WriteTest, NothingIsLeftWithoutCommit) {
  add("v", {1}, TensorType::F32, {source("a", {1}, {1}, TensorType::F32)});
  write(1, /*commit=*/false);
  EXPECT_THAT(files(), ElementsAre("w"));
}

TEST_F(WriteTest, RefusesValuesThatAreNoNumbersOrTooLarge) {
  std::vector<float> values = ramp(64);
  values[40] = NAN;
  add("m", {2, 32}, TensorType::Q8_0,
      {source("a", {2, 32}, values, TensorType::Q8_0)});
  EXPECT_THAT(refusal(), AllOf(HasSubstr("'a' at [1, 8]"), HasSubstr("NaN")));
  Made.tensors.clear();
  values[40] = 70000;
  add("m", {2, 32}, TensorType::F16,
      {source("b", {2, 32}, values, TensorType::F16)});
  EXPECT_THAT(refusal(), AllOf(HasSubstr("'b' at [1, 8]"), HasSubstr("F16")));
  EXPECT_THAT(files(), ElementsAre("w"));
}

TEST_F(WriteTest, RefusesAChangedSource) {
  Hash = std::string(64, '0');
  add("v", {1}, TensorType::F32, {source("a", {1}, {NAN}, TensorType::F32)});
  EXPECT_THAT(refusal(), HasSubstr("has changed"));
}

} // namespace
} // namespace qzc::gguf
