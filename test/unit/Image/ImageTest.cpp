//===- ImageTest.cpp - Opening sound images -------------------------------===//

#include "ImageFixture.h"

#include "../Support/NoThreads.h"
#include "qzc/Format/Synthetic.h"

#include <filesystem>
#include <fstream>

using namespace qzc;
using namespace qzc::test;
using namespace qzc::runtime;
using testing::HasSubstr;

namespace {
using ImageTest = ImageFixture;

constexpr uint64_t kPage = 4096;

/// Pages of [data, data + bytes) that this process has in memory.
uint64_t residentPages(const std::byte *data, uint64_t bytes) {
  std::ifstream map("/proc/self/pagemap", std::ios::binary);
  map.seekg(static_cast<std::streamoff>(reinterpret_cast<uintptr_t>(data) /
                                        kPage * sizeof(uint64_t)));
  std::vector<uint64_t> entries((bytes + kPage - 1) / kPage);
  map.read(reinterpret_cast<char *>(entries.data()),
           static_cast<std::streamsize>(entries.size() * sizeof(uint64_t)));
  EXPECT_TRUE(map);
  uint64_t present = 0;
  for (const uint64_t entry : entries)
    present += entry >> 63;
  return present;
}

TEST_F(ImageTest, GivesItsSections) {
  std::string path = write();
  for (bool fullCheck : {false, true}) {
    std::unique_ptr<Image> image = Image::open(path, fullCheck);
    EXPECT_EQ(image->manifest().model.name, "tiny");
    EXPECT_EQ(image->tokenizerJson(), "{\"tokenizer\": true}");
    EXPECT_EQ(image->fileBytes(), std::filesystem::file_size(path));
    ASSERT_EQ(image->deviceCode().size(), 3U);
    const DeviceCode &specific = image->deviceCode()[1];
    EXPECT_EQ(specific.arch, 90U);
    EXPECT_TRUE(specific.specific);
    EXPECT_FALSE(specific.ptx);
    EXPECT_EQ(specific.section, "cubin 90a");
    const DeviceCode &ptx = image->deviceCode()[2];
    EXPECT_TRUE(ptx.ptx);
    EXPECT_FALSE(ptx.specific);
    EXPECT_EQ(ptx.section, std::string_view("ptx\0", 4));
    EXPECT_EQ(std::memcmp(image->weights(), Weights.data(), Weights.size()), 0);
    format::PackedView table = image->tensor(0);
    EXPECT_EQ(table.parts[0], image->weights());
    EXPECT_EQ(table.shape.rows, kVocab);
  }
}

TEST_F(ImageTest, ChecksWeightsBesideWhatComesNext) {
  Weights.resize(Manifest.weightsBytes = uint64_t{8} << 20);
  for (format::WeightsMode mode :
       {format::WeightsMode::Embedded, format::WeightsMode::External}) {
    Manifest.weightsMode = mode;
    Manifest.weightsFile =
        mode == format::WeightsMode::External ? "tiny.weights" : "";
    const std::string path = write();
    Image::openAtOnce(path, false)->checkWeights();
    const std::string file = mode == format::WeightsMode::External
                                 ? Folder.file("tiny.weights")
                                 : path;
    std::string bytes = readAll(file);
    bytes[bytes.find(Weights.substr(0, 64)) + (uint64_t{7} << 20)] ^= 1;
    writeAll(file, bytes);
    std::unique_ptr<Image> image = Image::openAtOnce(path, false);
    EXPECT_THROW(image->checkWeights(), Error);
    EXPECT_THROW(image->checkWeights(), Error) << "asked again";
    // Nobody has to ask.
    Image::openAtOnce(path, false);
    NoThreads none;
    EXPECT_THROW(Image::openAtOnce(path, false)->checkWeights(), Error);
  }
}

TEST_F(ImageTest, LetsGoOfAWeightThatCanBeReadAgain) {
  constexpr int64_t kRows = 20000;
  Manifest.tensors.push_back(
      tinyTensor("large", kRows, 100, Manifest.weightsBytes));
  const uint64_t bytes = format::paddedBytes(Manifest.tensors[1].shape);
  Weights.resize(Manifest.weightsBytes += bytes, 'w');
  for (format::WeightsMode mode :
       {format::WeightsMode::Embedded, format::WeightsMode::External,
        format::WeightsMode::Synthetic}) {
    Manifest.weightsMode = mode;
    Manifest.weightsFile =
        mode == format::WeightsMode::External ? "tiny.weights" : "";
    const std::unique_ptr<Image> image = Image::open(write(), false);
    const std::byte *data = image->tensor(1).parts[0];
    const std::vector<std::byte> before(data, data + bytes);
    const uint64_t all = residentPages(data, bytes);
    EXPECT_GE(all, bytes / kPage);
    image->release(1);
    // All but those that it may share with its neighbours.
    EXPECT_EQ(residentPages(data, bytes) <= 2,
              mode != format::WeightsMode::Synthetic);
    EXPECT_EQ(std::memcmp(data, before.data(), bytes), 0);
  }
}

TEST_F(ImageTest, OpensWithoutHelpingThreads) {
  Weights.resize(Manifest.weightsBytes = uint64_t{8} << 20);
  std::string path = write();
  NoThreads none;
  EXPECT_NE(Image::open(path, true)->weights(), nullptr);
}

TEST_F(ImageTest, NamesTheBareStub) {
  writeAll(Folder.file("runtime"), fakeStub());
  EXPECT_THAT(openError(Folder.file("runtime")),
              HasSubstr("runtime' is the bare runtime stub"));
}

TEST_F(ImageTest, ReadsWeightsBesideTheFile) {
  Manifest.weightsMode = format::WeightsMode::External;
  Manifest.weightsFile = "tiny.weights";
  std::string path = write();
  // Through a link in another folder, as /proc/self/exe is one.
  std::filesystem::create_directory(Folder.path() / "elsewhere");
  std::filesystem::create_symlink(path, Folder.path() / "elsewhere" / "link");
  std::unique_ptr<Image> image =
      Image::open(Folder.file("elsewhere/link"), true);
  EXPECT_EQ(std::memcmp(image->weights(), Weights.data(), Weights.size()), 0);

  ASSERT_EQ(image->files().size(), 2U);
  EXPECT_TRUE(isSameFile(image->files()[0].path, path));
  EXPECT_TRUE(isSameFile(image->files()[1].path, Folder.file("tiny.weights")));

  std::string changed = Weights;
  changed[100] ^= 1;
  writeAll(Folder.file("tiny.weights"), changed);
  EXPECT_THAT(openError(path), HasSubstr("tiny.weights' was altered"));
  writeAll(Folder.file("tiny.weights"), Weights + "x");
  EXPECT_THAT(openError(path), HasSubstr("do not belong together"));
  std::filesystem::remove(Folder.file("tiny.weights"));
  EXPECT_THAT(openError(path), HasSubstr("both files belong in one folder"));
}

TEST_F(ImageTest, MakesSyntheticWeights) {
  Manifest.weightsMode = format::WeightsMode::Synthetic;
  Manifest.syntheticSeed = 7;
  // More than one piece of the parallel loop.
  constexpr int64_t kRows = 20000;
  Manifest.tensors.push_back(
      tinyTensor("large", kRows, 33, Manifest.weightsBytes));
  Manifest.weightsBytes += format::paddedBytes(Manifest.tensors[1].shape);
  std::unique_ptr<Image> image = Image::open(write(), false);
  for (int64_t index : {0, 1}) {
    const format::Tensor &tensor = Manifest.tensors[index];
    uint64_t bytes = format::layout(tensor.shape)[0].bytes;
    std::vector<std::byte> expected(bytes);
    format::synthesize(format::syntheticPart(tensor, 0, 7), 0, bytes,
                       expected.data());
    EXPECT_EQ(std::memcmp(image->tensor(index).parts[0], expected.data(),
                          expected.size()),
              0);
  }
}

TEST_F(ImageTest, MakesSyntheticWeightsWithTheThreadsAskedFor) {
  Manifest.weightsMode = format::WeightsMode::Synthetic;
  std::string path = write();
  NoThreads none;
  EXPECT_NE(Image::open(path, false, 1)->weights(), nullptr);
  EXPECT_THROW(Image::open(path, false, 2), Error);
}

TEST_F(ImageTest, AnImageMayLackATokenizer) {
  std::string path = Folder.file("model.bin");
  pack::ImageWriter writer(path, Folder.file("stub"));
  writer.addSection(format::SectionKind::Manifest, format::toJson(Manifest));
  writer.addSection(format::SectionKind::Weights, Weights);
  ThreadPool pool(1);
  writer.commit(pool);
  EXPECT_TRUE(Image::open(path, true)->tokenizerJson().empty());
}

TEST_F(ImageTest, NamesWhatIsNoImage) {
  EXPECT_THAT(openError(Folder.file("absent")), HasSubstr("absent"));
  for (const char *contents : {"", "x",
                               "\x7f"
                               "ELF"})
    EXPECT_THAT(errorOfBytes(contents), HasSubstr("was cut"));
}
} // namespace
