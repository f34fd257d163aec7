//===- HostileTest.cpp - Images that were cut, altered or made up ---------===//

#include "ImageFixture.h"

#include <filesystem>
#include <fstream>

using namespace qzc;
using namespace qzc::test;
using format::SectionKind;
using testing::HasSubstr;

namespace {
using HostileImage = ImageFixture;

TEST_F(HostileImage, ACutFileIsNoticed) {
  std::string path = write();
  uint64_t bytes = std::filesystem::file_size(path);
  // Inside footer and table byte by byte, then in steps.
  for (uint64_t cut = 1; cut < bytes; cut += cut < 600 ? 1 : 997) {
    std::filesystem::resize_file(path, bytes - cut);
    ASSERT_NE(openError(path), "") << cut;
  }
}

TEST_F(HostileImage, AppendedDataIsNoticed) {
  std::string bytes = readAll(write());
  EXPECT_THAT(errorOfBytes(bytes + "x"), HasSubstr("was appended"));
  // Even with a footer at its end.
  EXPECT_THAT(errorOfBytes(bytes + bytes.substr(bytes.size() -
                                                sizeof(format::ImageFooter))),
              HasSubstr("should have"));
}

TEST_F(HostileImage, AnyAlteredByteIsNoticed) {
  std::string path = write();
  std::string bytes = readAll(path);
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  auto put = [&](size_t at, char value) {
    file.seekp(static_cast<std::streamoff>(at));
    file.put(value).flush();
  };
  size_t tableOffset = BentImage(bytes).Footer.tableOffset;
  for (size_t at = 0; at < bytes.size(); ++at) {
    // All of table, footer and what is not zero; a sample of the rest.
    if (at < tableOffset && bytes[at] == 0 && at % 61 != 0)
      continue;
    put(at, static_cast<char>(bytes[at] ^ 0x10));
    ASSERT_NE(openError(path), "") << "byte " << at;
    put(at, bytes[at]);
  }
  EXPECT_EQ(openError(path), "");
}

TEST_F(HostileImage, Sha256CoversEverySection) {
  const BentImage sound(readAll(write()));
  for (size_t index = 0; index != sound.Table.size(); ++index) {
    BentImage image = sound;
    format::SectionEntry &entry = image.Table[index];
    const auto kind = static_cast<SectionKind>(entry.kind);
    if (kind == SectionKind::Manifest || kind == SectionKind::Ptx)
      continue; // another byte there is noticed for what it says
    image.Bytes[entry.offset + entry.bytes - 1] ^= 1;
    entry.xxh3 = xxh3(image.Bytes.data() + entry.offset, entry.bytes);
    EXPECT_EQ(errorOfBytes(image.bytes()), "");
    EXPECT_THAT(errorOfBytes(image.bytes(), /*fullCheck=*/true),
                HasSubstr("does not have its SHA-256"));
  }
}

TEST_F(HostileImage, Sha256CoversTableAndFooter) {
  using format::ImageFooter;
  const BentImage sound(readAll(write()));
  BentImage image = sound;
  image.entry(SectionKind::Cubin).arch = 86;
  std::string bytes = image.bytes();
  EXPECT_EQ(errorOfBytes(bytes, /*fullCheck=*/true), "");
  // The table's old SHA-256, and an XXH3 that goes with it.
  char *footer = bytes.data() + bytes.size() - sizeof(ImageFooter);
  std::memcpy(footer + offsetof(ImageFooter, sha256), sound.Footer.sha256,
              sizeof(sound.Footer.sha256));
  const char *table = bytes.data() + sound.Footer.tableOffset;
  const uint64_t fast = xxh3(table, static_cast<size_t>(footer - table) +
                                        offsetof(ImageFooter, xxh3));
  std::memcpy(footer + offsetof(ImageFooter, xxh3), &fast, sizeof(fast));
  EXPECT_EQ(errorOfBytes(bytes), "");
  EXPECT_THAT(errorOfBytes(bytes, /*fullCheck=*/true),
              HasSubstr("altered section table or footer"));
}

TEST_F(HostileImage, TheAlteredSectionIsNamed) {
  BentImage image(readAll(write()));
  auto errorAt = [&](SectionKind kind) {
    std::string bytes = image.Bytes;
    bytes[image.entry(kind).offset] ^= 1;
    return errorOfBytes(bytes);
  };
  EXPECT_THAT(errorAt(SectionKind::Runtime), HasSubstr("section 'runtime'"));
  EXPECT_THAT(errorAt(SectionKind::Manifest), HasSubstr("section 'manifest'"));
  EXPECT_THAT(errorAt(SectionKind::Tokenizer),
              HasSubstr("section 'tokenizer'"));
  EXPECT_THAT(errorAt(SectionKind::Weights), HasSubstr("section 'weights'"));
  EXPECT_THAT(errorAt(SectionKind::Cubin), HasSubstr("section 'cubin sm_80'"));
  EXPECT_THAT(errorAt(SectionKind::Ptx), HasSubstr("section 'PTX compute_80'"));
}

TEST_F(HostileImage, Sha256IsComparedOnRequest) {
  BentImage image(readAll(write()));
  image.entry(SectionKind::Weights).sha256[5] ^= 1;
  std::string bytes = image.bytes();
  EXPECT_EQ(errorOfBytes(bytes), "");
  EXPECT_THAT(errorOfBytes(bytes, /*fullCheck=*/true),
              HasSubstr("'weights' does not have its SHA-256"));
}

TEST_F(HostileImage, Footers) {
  EXPECT_EQ(bend([](BentImage &) {}), "");
  EXPECT_THAT(bend([](BentImage &image) { image.Footer.version = 99; }),
              HasSubstr("version 99"));
  EXPECT_THAT(bend([](BentImage &image) { image.Footer.fileBytes += 1; }),
              HasSubstr("should have"));
  EXPECT_THAT(bend([](BentImage &image) { image.Footer.sectionCount = 0; }),
              HasSubstr("impossible"));
  EXPECT_THAT(
      bend([](BentImage &image) { image.Footer.sectionCount = 0xffffffff; }),
      HasSubstr("impossible"));
  EXPECT_THAT(bend([](BentImage &image) { image.Footer.sectionCount -= 1; }),
              HasSubstr("outside its place"));
  EXPECT_THAT(bend([](BentImage &image) {
                image.Table.erase(image.Table.begin());
                image.Footer.sectionCount -= 1;
                image.Footer.fileBytes -= sizeof(format::SectionEntry);
              }),
              HasSubstr("does not begin with its runtime"));
}

TEST_F(HostileImage, OffsetsAndSizes) {
  auto bendWeights = [&](const std::function<void(format::SectionEntry &)> &f) {
    return bend(
        [&](BentImage &image) { f(image.entry(SectionKind::Weights)); });
  };
  EXPECT_THAT(bendWeights([](auto &entry) { entry.offset += 8; }),
              HasSubstr("unaligned section 'weights'"));
  EXPECT_THAT(bendWeights([](auto &entry) { entry.offset -= 4096; }),
              HasSubstr("overlapping"));
  EXPECT_THAT(bendWeights([](auto &entry) { entry.offset += 4096; }),
              HasSubstr("away from its place"));
  EXPECT_THAT(bendWeights([](auto &entry) { entry.bytes += 1 << 20; }),
              HasSubstr("reaching past"));
  EXPECT_THAT(bendWeights([](auto &entry) { entry.bytes = ~uint64_t{0}; }),
              HasSubstr("reaching past"));
  EXPECT_THAT(bendWeights([](auto &entry) {
                entry.bytes = ~uint64_t{0} - entry.offset + 1;
              }),
              HasSubstr("reaching past"));
  EXPECT_THAT(bendWeights([](auto &entry) { entry.bytes = 0; }),
              HasSubstr("empty"));
  EXPECT_THAT(bendWeights([](auto &entry) { entry.bytes += 5000; }),
              HasSubstr("overlapping"));
}

TEST_F(HostileImage, KindsFlagsAndArchitectures) {
  auto bendOne = [&](SectionKind kind,
                     const std::function<void(format::SectionEntry &)> &f) {
    return bend([&](BentImage &image) { f(image.entry(kind)); });
  };
  EXPECT_THAT(bendOne(SectionKind::Tokenizer, [](auto &e) { e.kind = 9; }),
              HasSubstr("unknown kind 9"));
  EXPECT_THAT(bendOne(SectionKind::Tokenizer, [](auto &e) { e.kind = 1; }),
              HasSubstr("'manifest' twice"));
  EXPECT_THAT(bendOne(SectionKind::Cubin,
                      [](auto &e) {
                        e.arch = 90;
                        e.archSuffix = 'a';
                      }),
              HasSubstr("'cubin sm_90a' twice"));
  EXPECT_THAT(bendOne(SectionKind::Tokenizer, [](auto &e) { e.flags = 2; }),
              HasSubstr("unknown flags"));
  EXPECT_THAT(bendOne(SectionKind::Tokenizer, [](auto &e) { e.reserved = 1; }),
              HasSubstr("unknown flags"));
  EXPECT_THAT(bendOne(SectionKind::Tokenizer, [](auto &e) { e.flags = 1; }),
              HasSubstr("impossible external"));
  EXPECT_THAT(bendOne(SectionKind::Tokenizer, [](auto &e) { e.arch = 80; }),
              HasSubstr("impossible architecture"));
  for (uint32_t arch : {0U, 7U, 1000U, 0xffffffffU})
    EXPECT_THAT(bendOne(SectionKind::Cubin, [&](auto &e) { e.arch = arch; }),
                HasSubstr("impossible architecture"));
  EXPECT_THAT(bendOne(SectionKind::Cubin, [](auto &e) { e.archSuffix = 'b'; }),
              HasSubstr("impossible architecture"));
  EXPECT_THAT(bendOne(SectionKind::Ptx, [](auto &e) { e.archSuffix = 'a'; }),
              HasSubstr("impossible architecture"));
}

TEST_F(HostileImage, ManifestAndSectionsHaveToAgree) {
  auto withManifest = [&](const std::string &json) {
    std::string path = Folder.file("bent.bin");
    pack::ImageWriter writer(path, Folder.file("stub"));
    writer.addSection(SectionKind::Manifest, json);
    writer.addSection(SectionKind::Weights, Weights);
    ThreadPool pool(1);
    writer.commit(pool);
    return openError(path);
  };
  EXPECT_EQ(withManifest(format::toJson(Manifest)), "");
  EXPECT_THAT(withManifest("{\"version\": 1"), HasSubstr("bent.bin': "));
  Manifest.weightsBytes += 256;
  EXPECT_THAT(withManifest(format::toJson(Manifest)),
              HasSubstr("the manifest says"));
  Manifest.weightsMode = format::WeightsMode::Synthetic;
  EXPECT_THAT(withManifest(format::toJson(Manifest)), HasSubstr("disagree"));
  Manifest.weightsMode = format::WeightsMode::External;
  Manifest.weightsFile = "beside";
  EXPECT_THAT(withManifest(format::toJson(Manifest)), HasSubstr("disagree"));
}

TEST_F(HostileImage, AManifestIsNeeded) {
  std::string path = Folder.file("bent.bin");
  pack::ImageWriter writer(path, Folder.file("stub"));
  writer.addSection(SectionKind::Weights, Weights);
  ThreadPool pool(1);
  writer.commit(pool);
  EXPECT_THAT(openError(path), HasSubstr("has no manifest"));
}
} // namespace
