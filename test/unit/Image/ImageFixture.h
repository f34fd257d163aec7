//===- ImageFixture.h - Images written and bent by tests --------*- C++ -*-===//

#ifndef QZC_TEST_UNIT_IMAGE_IMAGEFIXTURE_H
#define QZC_TEST_UNIT_IMAGE_IMAGEFIXTURE_H

#include "CudaRuntime/TinyModel.h"
#include "Support/TempFolder.h"
#include "qzc/Format/Image.h"
#include "qzc/Pack/ImageWriter.h"
#include "qzc/Runtime/Image.h"
#include "qzc/Support/Error.h"
#include "qzc/Support/Hash.h"
#include "qzc/Support/ThreadPool.h"

#include <cstring>
#include <elf.h>
#include <functional>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <string>
#include <vector>

namespace qzc::test {

/// Something that is an ELF file as far as its header says.
inline std::string fakeStub() {
  Elf64_Ehdr header = {};
  std::memcpy(header.e_ident, ELFMAG, SELFMAG);
  header.e_ident[EI_CLASS] = ELFCLASS64;
  header.e_shoff = 4000;
  header.e_shentsize = 64;
  header.e_shnum = 10;
  std::string stub(4640, 's');
  std::memcpy(stub.data(), &header, sizeof(header));
  return stub;
}

/// The bytes of an image, taken apart so that a test can change the table and
/// have the hashes follow.
struct BentImage {
  explicit BentImage(std::string bytes) : Bytes(std::move(bytes)) {
    std::memcpy(&Footer, Bytes.data() + Bytes.size() - sizeof(Footer),
                sizeof(Footer));
    Table.resize(Footer.sectionCount);
    std::memcpy(Table.data(), Bytes.data() + Footer.tableOffset,
                Table.size() * sizeof(Table[0]));
  }

  /// With table and footer as they are now, and their hashes right.
  std::string bytes() {
    std::string result = Bytes.substr(0, Footer.tableOffset);
    result.append(reinterpret_cast<const char *>(Table.data()),
                  Table.size() * sizeof(Table[0]));
    const auto appendFooter = [&](size_t begin, size_t end) {
      result.append(reinterpret_cast<const char *>(&Footer) + begin,
                    end - begin);
      return std::string_view(result).substr(Footer.tableOffset);
    };
    using format::ImageFooter;
    std::string_view covered = appendFooter(0, offsetof(ImageFooter, sha256));
    const Sha256Digest digest = sha256(covered.data(), covered.size());
    std::memcpy(Footer.sha256, digest.data(), digest.size());
    covered = appendFooter(offsetof(ImageFooter, sha256),
                           offsetof(ImageFooter, xxh3));
    Footer.xxh3 = xxh3(covered.data(), covered.size());
    appendFooter(offsetof(ImageFooter, xxh3), sizeof(Footer));
    return result;
  }

  format::SectionEntry &entry(format::SectionKind kind) {
    for (format::SectionEntry &entry : Table)
      if (entry.kind == static_cast<uint32_t>(kind))
        return entry;
    throw Error("no such section");
  }
  /// Gives a section the hashes of its present bytes.
  void rehash(format::SectionKind kind) {
    format::SectionEntry &section = entry(kind);
    const char *data = Bytes.data() + section.offset;
    section.xxh3 = xxh3(data, section.bytes);
    Sha256Digest digest = sha256(data, section.bytes);
    std::memcpy(section.sha256, digest.data(), digest.size());
  }

  std::string Bytes;
  format::ImageFooter Footer;
  std::vector<format::SectionEntry> Table;
};

class ImageFixture : public ::testing::Test {
protected:
  void SetUp() override {
    Manifest = tinyManifest();
    Weights.resize(Manifest.weightsBytes);
    for (size_t index = 0; index != Weights.size(); ++index)
      Weights[index] = static_cast<char>(index * 31 + 5);
    writeAll(Folder.file("stub"), fakeStub());
  }

  /// Writes model.bin in the manifest's weights mode and returns its path.
  std::string write() {
    using format::SectionKind;
    using format::WeightsMode;
    std::string path = Folder.file("model.bin");
    pack::ImageWriter writer(path, Folder.file("stub"));
    writer.addSection(SectionKind::Manifest, format::toJson(Manifest));
    writer.addSection(SectionKind::Tokenizer, "{\"tokenizer\": true}");
    if (Manifest.weightsMode == WeightsMode::Embedded)
      writer.addSection(SectionKind::Weights, Weights);
    if (Manifest.weightsMode == WeightsMode::External) {
      writeAll(Folder.file(Manifest.weightsFile), Weights);
      writer.addExternal(SectionKind::Weights, Weights.size(),
                         {xxh3(Weights.data(), Weights.size()),
                          sha256(Weights.data(), Weights.size())});
    }
    writer.addSection(SectionKind::Cubin, "cubin 80", {80, false});
    writer.addSection(SectionKind::Cubin, "cubin 90a", {90, true});
    writer.addSection(SectionKind::Ptx, std::string("ptx\0", 4), {80, false});
    ThreadPool pool(2);
    writer.commit(pool);
    return path;
  }

  std::string openError(const std::string &path, bool fullCheck = false) {
    try {
      runtime::Image::open(path, fullCheck);
    } catch (const Error &error) {
      EXPECT_THAT(error.what(), testing::Not(testing::HasSubstr("\n")));
      return error.what();
    }
    return "";
  }
  /// The error of a file with these bytes.
  std::string errorOfBytes(const std::string &bytes, bool fullCheck = false) {
    std::string path = Folder.file("bent.bin");
    writeAll(path, bytes);
    std::string message = openError(path, fullCheck);
    if (!message.empty()) {
      EXPECT_THAT(message, testing::HasSubstr("bent.bin"));
    }
    return message;
  }
  std::string bend(const std::function<void(BentImage &)> &change) {
    BentImage image(readAll(write()));
    change(image);
    return errorOfBytes(image.bytes());
  }

  TempFolder Folder;
  format::Manifest Manifest;
  std::string Weights;
};

} // namespace qzc::test

#endif // QZC_TEST_UNIT_IMAGE_IMAGEFIXTURE_H
