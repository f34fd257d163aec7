//===- ImageWriterTest.cpp - The structure of written images --------------===//

#include "qzc/Pack/ImageWriter.h"

#include "../Support/TempFolder.h"
#include "qzc/Support/Error.h"

#include <cstring>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

using namespace qzc;
using namespace qzc::pack;
using namespace qzc::format;
using namespace qzc::test;
using testing::HasSubstr;

static const std::string kStub = "\x7f"
                                 "ELF, the runtime";

namespace {
struct ReadImage {
  ImageFooter footer;
  std::vector<SectionEntry> table;
};
} // namespace

static ReadImage parse(const std::string &bytes) {
  ReadImage image = {};
  std::memcpy(&image.footer, bytes.data() + bytes.size() - sizeof(ImageFooter),
              sizeof(ImageFooter));
  image.table.resize(image.footer.sectionCount);
  std::memcpy(image.table.data(), bytes.data() + image.footer.tableOffset,
              image.table.size() * sizeof(SectionEntry));
  return image;
}

static std::string writeSample(const TempFolder &folder, int threads) {
  writeAll(folder.file("stub"), kStub);
  ThreadPool pool(threads);
  ImageWriter writer(folder.file("out"), folder.file("stub"));
  const size_t weights = writer.reserveSection(SectionKind::Weights, 3'000'000);
  const std::string data(1000, 'w');
  writer.write(weights, 2'999'000, data.data(), data.size());
  writer.addSection(SectionKind::Manifest, "{}");
  writer.addSection(SectionKind::Cubin, "cubin", {90, true});
  writer.addSection(SectionKind::Ptx, std::string_view("ptx\0", 4), {80});
  writer.addExternal(SectionKind::Weights, 77, {5, Sha256Digest{1, 2}});
  writer.commit(pool);
  return readAll(folder.file("out"));
}

TEST(ImageWriter, WritesWhatTheFooterSays) {
  TempFolder folder;
  const std::string bytes = writeSample(folder, 2);
  const auto [footer, table] = parse(bytes);
  EXPECT_EQ(std::string(footer.magic, 8), "QZCIMAGE");
  EXPECT_EQ(footer.version, kImageVersion);
  EXPECT_EQ(footer.fileBytes, bytes.size());
  const char *covered = bytes.data() + footer.tableOffset;
  const size_t tableBytes = table.size() * sizeof(SectionEntry);
  EXPECT_EQ(footer.xxh3,
            xxh3(covered, tableBytes + offsetof(ImageFooter, xxh3)));
  const Sha256Digest whole =
      sha256(covered, tableBytes + offsetof(ImageFooter, sha256));
  EXPECT_EQ(std::memcmp(footer.sha256, whole.data(), whole.size()), 0);
  ASSERT_EQ(table.size(), 6u);
  EXPECT_EQ(table[0].kind, static_cast<uint32_t>(SectionKind::Runtime));
  EXPECT_EQ(table[0].offset, 0u);
  EXPECT_EQ(table[0].bytes, kStub.size());
  EXPECT_EQ(bytes.substr(0, kStub.size()), kStub);
  for (size_t i = 0; i < 5; ++i) {
    EXPECT_EQ(table[i].offset % kSectionAlign, 0u);
    const std::string contents = bytes.substr(table[i].offset, table[i].bytes);
    EXPECT_EQ(table[i].xxh3, xxh3(contents.data(), contents.size()));
    const Sha256Digest digest = sha256(contents.data(), contents.size());
    EXPECT_EQ(std::memcmp(table[i].sha256, digest.data(), 32), 0);
  }
  EXPECT_EQ(bytes.substr(table[2].offset, table[2].bytes), "{}");
  EXPECT_EQ(bytes.substr(table[1].offset, 3'000'000),
            std::string(2'999'000, '\0') + std::string(1000, 'w'));
  EXPECT_EQ(table[3].arch, 90u);
  EXPECT_EQ(table[3].archSuffix, uint32_t('a'));
  EXPECT_EQ(table[4].arch, 80u);
  EXPECT_EQ(table[4].archSuffix, 0u);
  EXPECT_EQ(table[5].flags, kExternal);
  EXPECT_EQ(table[5].bytes, 77u);
  EXPECT_EQ(table[5].offset, 0u);
  EXPECT_EQ(table[5].xxh3, 5u);
  EXPECT_EQ(table[5].sha256[1], 2);
  struct stat info = {};
  ASSERT_EQ(::stat(folder.file("out").c_str(), &info), 0);
  EXPECT_TRUE(info.st_mode & S_IXUSR);
}

TEST(ImageWriter, TheSameCallWritesTheSameBytes) {
  TempFolder a;
  TempFolder b;
  EXPECT_EQ(writeSample(a, 1), writeSample(b, 3));
}

TEST(ImageWriter, RefusesStubsThatAreNone) {
  TempFolder folder;
  writeSample(folder, 1);
  EXPECT_THAT(
      [&] { ImageWriter writer(folder.file("two"), folder.file("out")); },
      testing::ThrowsMessage<Error>(HasSubstr("compiled model already")));
  writeAll(folder.file("text"), "#!/bin/sh");
  EXPECT_THAT(
      [&] { ImageWriter writer(folder.file("two"), folder.file("text")); },
      testing::ThrowsMessage<Error>(HasSubstr("no ELF")));
  EXPECT_THROW(ImageWriter(folder.file("two"), folder.file("missing")), Error);
  EXPECT_FALSE(std::filesystem::exists(folder.file("two")));
}

TEST(ImageWriter, WritesStayInsideTheirSection) {
  TempFolder folder;
  writeAll(folder.file("stub"), kStub);
  ImageWriter writer(folder.file("out"), folder.file("stub"));
  const size_t section = writer.reserveSection(SectionKind::Weights, 10);
  EXPECT_THROW(writer.write(section, 8, "abc", 3), Error);
  EXPECT_THROW(writer.write(section, UINT64_MAX, "abc", 3), Error);
}

TEST(ImageWriter, NothingIsLeftWithoutCommit) {
  TempFolder folder;
  writeAll(folder.file("stub"), kStub);
  {
    ImageWriter writer(folder.file("out"), folder.file("stub"));
    writer.addSection(SectionKind::Manifest, "{}");
  }
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.path()),
                          std::filesystem::directory_iterator()),
            1);
}
