//===- ImageWriter.cpp - Writes a compiled executable ---------------------===//

#include "qzc/Pack/ImageWriter.h"

#include "qzc/Support/Error.h"
#include "qzc/Support/MappedFile.h"

#include <algorithm>
#include <cstring>

using namespace qzc;
using namespace qzc::pack;
using namespace qzc::format;

ContentHashes pack::hashRegion(const AtomicFile &file, uint64_t offset,
                               uint64_t bytes) {
  constexpr uint64_t kPiece = uint64_t{1} << 20;
  std::vector<std::byte> piece(std::min(kPiece, bytes));
  Sha256 sha;
  Xxh3 xxh;
  for (uint64_t done = 0; done < bytes;) {
    const uint64_t count = std::min(kPiece, bytes - done);
    file.readAt(offset + done, piece.data(), count);
    sha.update(piece.data(), count);
    xxh.update(piece.data(), count);
    done += count;
  }
  return {xxh.finish(), sha.finish()};
}

static void checkStub(const MappedFile &stub) {
  static constexpr char kElf[4] = {0x7f, 'E', 'L', 'F'};
  if (stub.size() < sizeof kElf ||
      std::memcmp(stub.data(), kElf, sizeof kElf) != 0)
    throw Error("the runtime '" + stub.path() + "' is no ELF executable");
  if (stub.size() >= sizeof kImageMagic &&
      std::memcmp(stub.data() + stub.size() - sizeof kImageMagic, kImageMagic,
                  sizeof kImageMagic) == 0)
    throw Error("the runtime '" + stub.path() +
                "' is a compiled model already: give the bare qzc-runtime");
}

ImageWriter::ImageWriter(std::string path, const std::string &stubPath)
    : File(std::move(path), /*executable=*/true) {
  const MappedFile stub(stubPath);
  checkStub(stub);
  addEntry(SectionKind::Runtime, stub.size(), {});
  File.append(stub.data(), stub.size());
}

size_t ImageWriter::addEntry(SectionKind kind, uint64_t bytes,
                             CodeTarget target) {
  SectionEntry entry = {};
  entry.kind = static_cast<uint32_t>(kind);
  entry.arch = target.arch;
  entry.archSuffix = target.specific ? 'a' : 0;
  entry.bytes = bytes;
  Table.push_back(entry);
  return Table.size() - 1;
}

void ImageWriter::addSection(SectionKind kind, std::string_view contents,
                             CodeTarget target) {
  const size_t section = addEntry(kind, contents.size(), target);
  File.alignTo(kSectionAlign);
  Table[section].offset = File.size();
  File.append(contents);
}

size_t ImageWriter::reserveSection(SectionKind kind, uint64_t bytes) {
  const size_t section = addEntry(kind, bytes, {});
  File.alignTo(kSectionAlign);
  Table[section].offset = File.reserve(bytes);
  return section;
}

void ImageWriter::addExternal(SectionKind kind, uint64_t bytes,
                              const ContentHashes &hashes) {
  SectionEntry &entry = Table[addEntry(kind, bytes, {})];
  entry.flags = kExternal;
  entry.xxh3 = hashes.xxh3;
  std::copy(hashes.sha256.begin(), hashes.sha256.end(), entry.sha256);
}

void ImageWriter::write(size_t section, uint64_t offset, const void *data,
                        size_t bytes) const {
  const SectionEntry &entry = Table[section];
  if (offset > entry.bytes || bytes > entry.bytes - offset)
    throw Error("a section of the image is written beyond its end");
  File.writeAt(entry.offset + offset, data, bytes);
}

void ImageWriter::read(size_t section, uint64_t offset, void *data,
                       size_t bytes) const {
  File.readAt(Table[section].offset + offset, data, bytes);
}

void ImageWriter::finish(ThreadPool &pool) {
  pool.parallelFor(static_cast<int64_t>(Table.size()), 1,
                   [&](int64_t begin, int64_t end, int) {
                     for (int64_t i = begin; i < end; ++i) {
                       SectionEntry &entry = Table[static_cast<size_t>(i)];
                       if (entry.flags & kExternal)
                         continue;
                       const ContentHashes hashes =
                           hashRegion(File, entry.offset, entry.bytes);
                       entry.xxh3 = hashes.xxh3;
                       std::copy(hashes.sha256.begin(), hashes.sha256.end(),
                                 entry.sha256);
                     }
                   });
  File.alignTo(kSectionAlign);
  ImageFooter footer = {};
  footer.version = kImageVersion;
  footer.sectionCount = static_cast<uint32_t>(Table.size());
  footer.tableOffset = File.size();
  File.append(Table.data(), Table.size() * sizeof(SectionEntry));
  footer.fileBytes = File.size() + sizeof footer;
  const auto hashSoFar = [&] {
    return hashRegion(File, footer.tableOffset,
                      File.size() - footer.tableOffset);
  };
  File.append(&footer, offsetof(ImageFooter, sha256));
  const Sha256Digest digest = hashSoFar().sha256;
  File.append(digest.data(), digest.size());
  footer.xxh3 = hashSoFar().xxh3;
  std::copy(std::begin(kImageMagic), std::end(kImageMagic), footer.magic);
  File.append(&footer.xxh3, sizeof footer - offsetof(ImageFooter, xxh3));
  File.finish();
}
