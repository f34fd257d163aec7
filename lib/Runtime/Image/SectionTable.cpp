//===- SectionTable.cpp - Footer and section table of an image ------------===//

#include "SectionTable.h"

#include "qzc/Support/Error.h"
#include "qzc/Support/Hash.h"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <elf.h>

namespace qzc::runtime {

using format::ImageFooter;
using format::kSectionAlign;
using format::SectionEntry;
using format::SectionKind;

static constexpr uint32_t kMaxSections = 256;
/// Compute capability × 10 that a cubin or PTX may name.
static constexpr uint32_t kMinArch = 50;
static constexpr uint32_t kMaxArch = 999;

/// The number of a kind. An entry's own number may be no kind at all.
static constexpr uint32_t number(SectionKind kind) {
  return static_cast<uint32_t>(kind);
}

static bool is(const SectionEntry &entry, SectionKind kind) {
  return entry.kind == number(kind);
}

static bool isExternal(const SectionEntry &entry) {
  return (entry.flags & format::kExternal) != 0;
}

std::string sectionName(const SectionEntry &entry) {
  switch (entry.kind) {
  case number(SectionKind::Runtime):
    return "runtime";
  case number(SectionKind::Manifest):
    return "manifest";
  case number(SectionKind::Tokenizer):
    return "tokenizer";
  case number(SectionKind::Weights):
    return "weights";
  case number(SectionKind::Cubin):
    return "cubin sm_" + std::to_string(entry.arch) +
           (entry.archSuffix != 0
                ? std::string(1, static_cast<char>(entry.archSuffix))
                : "");
  case number(SectionKind::Ptx):
    return "PTX compute_" + std::to_string(entry.arch);
  }
  return "of unknown kind " + std::to_string(entry.kind);
}

static uint64_t alignUp(uint64_t value) {
  return (value + kSectionAlign - 1) / kSectionAlign * kSectionAlign;
}

static bool allZero(const std::byte *data, uint64_t bytes) {
  return std::all_of(data, data + bytes,
                     [](std::byte value) { return value == std::byte{0}; });
}

/// Where the ELF file at the start of `file` ends, 0 if there is none.
static uint64_t elfEnd(const MappedFile &file) {
  Elf64_Ehdr header;
  if (file.size() < sizeof(header))
    return 0;
  std::memcpy(&header, file.data(), sizeof(header));
  if (std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 ||
      header.e_ident[EI_CLASS] != ELFCLASS64)
    return 0;
  uint64_t end = header.e_shoff +
                 static_cast<uint64_t>(header.e_shentsize) * header.e_shnum;
  return end < header.e_shoff ? 0 : end;
}

[[noreturn]] static void fail(const MappedFile &file, const std::string &what) {
  throw Error("'" + file.path() + "' " + what +
              ": copy or compile the file again");
}

/// Whether table and footer have the footer's hashes.
static bool hasHashes(const MappedFile &file, const ImageFooter &footer,
                      bool fullCheck) {
  const std::byte *table = file.data() + footer.tableOffset;
  const uint64_t tableBytes = file.size() - footer.tableOffset - sizeof(footer);
  if (xxh3(table, tableBytes + offsetof(ImageFooter, xxh3)) != footer.xxh3)
    return false;
  return !fullCheck ||
         std::memcmp(
             sha256(table, tableBytes + offsetof(ImageFooter, sha256)).data(),
             footer.sha256, sizeof(footer.sha256)) == 0;
}

static ImageFooter readFooter(const MappedFile &file, bool fullCheck) {
  ImageFooter footer = {};
  if (file.size() >= sizeof(footer))
    std::memcpy(&footer, file.data() + file.size() - sizeof(footer),
                sizeof(footer));
  if (std::memcmp(footer.magic, format::kImageMagic, sizeof(footer.magic)) !=
      0) {
    if (uint64_t end = elfEnd(file); end != 0 && file.size() <= alignUp(end))
      throw Error("'" + file.path() +
                  "' is the bare runtime stub: it holds no model; 'qzc "
                  "model.mlir -o model.bin' puts one behind it");
    fail(file, "does not end with an image's footer, so it was cut or "
               "something was appended to it");
  }
  if (footer.fileBytes != file.size())
    fail(file, "should have " + std::to_string(footer.fileBytes) +
                   " bytes and has " + std::to_string(file.size()));
  if (footer.sectionCount == 0 || footer.sectionCount > kMaxSections)
    fail(file, "has a footer with impossible values");
  uint64_t behindTable =
      sizeof(footer) + uint64_t{footer.sectionCount} * sizeof(SectionEntry);
  if (footer.tableOffset % kSectionAlign != 0 ||
      footer.tableOffset > file.size() ||
      file.size() - footer.tableOffset != behindTable)
    fail(file, "has a section table outside its place");
  if (!hasHashes(file, footer, fullCheck))
    fail(file, "has an altered section table or footer");
  if (footer.version != format::kImageVersion)
    throw Error("'" + file.path() + "' is an image of version " +
                std::to_string(footer.version) + "; this runtime reads " +
                std::to_string(format::kImageVersion));
  return footer;
}

/// The checks that concern one entry alone.
static void checkEntry(const MappedFile &file, const SectionEntry &entry) {
  std::string name = "section '" + sectionName(entry) + "'";
  if (entry.kind < number(SectionKind::Manifest) ||
      entry.kind > number(SectionKind::Runtime))
    fail(file, "has a section " + sectionName(entry));
  if ((entry.flags & ~uint32_t{format::kExternal}) != 0 || entry.reserved != 0)
    fail(file, "has unknown flags in " + name);
  if (isExternal(entry) &&
      (!is(entry, SectionKind::Weights) || entry.offset != 0))
    fail(file, "has an impossible external " + name);
  bool isCubin = is(entry, SectionKind::Cubin);
  bool archFits = isCubin || is(entry, SectionKind::Ptx)
                      ? entry.arch >= kMinArch && entry.arch <= kMaxArch
                      : entry.arch == 0;
  bool suffixFits =
      entry.archSuffix == 0 || (isCubin && entry.archSuffix == 'a');
  if (!archFits || !suffixFits)
    fail(file, "has an impossible architecture in " + name);
  if (entry.bytes == 0)
    fail(file, "has an empty " + name);
}

std::vector<SectionEntry> readSectionTable(const MappedFile &file,
                                           bool fullCheck) {
  ImageFooter footer = readFooter(file, fullCheck);
  std::vector<SectionEntry> entries(footer.sectionCount);
  uint64_t tableBytes = entries.size() * sizeof(SectionEntry);
  std::memcpy(entries.data(), file.data() + footer.tableOffset, tableBytes);
  if (!is(entries[0], SectionKind::Runtime))
    fail(file, "does not begin with its runtime");

  uint64_t end = 0;
  for (size_t index = 0; index != entries.size(); ++index) {
    const SectionEntry &entry = entries[index];
    checkEntry(file, entry);
    for (size_t other = 0; other != index; ++other)
      if (entries[other].kind == entry.kind &&
          entries[other].arch == entry.arch &&
          entries[other].archSuffix == entry.archSuffix)
        fail(file, "has section '" + sectionName(entry) + "' twice");
    if (isExternal(entry))
      continue;
    std::string name = "section '" + sectionName(entry) + "'";
    if (entry.offset % kSectionAlign != 0)
      fail(file, "has an unaligned " + name);
    if (entry.offset != alignUp(end))
      fail(file, "has " + name +
                     (entry.offset < end ? " overlapping what is before it"
                                         : " away from its place"));
    if (entry.bytes > footer.tableOffset ||
        entry.offset > footer.tableOffset - entry.bytes)
      fail(file, "has " + name + " reaching past its end");
    if (!allZero(file.data() + end, entry.offset - end))
      fail(file, "was altered in the padding before " + name);
    end = entry.offset + entry.bytes;
  }
  if (footer.tableOffset != alignUp(end) ||
      !allZero(file.data() + end, footer.tableOffset - end))
    fail(file, "has something between its last section and its table");
  if (std::none_of(entries.begin(), entries.end(), [](const auto &entry) {
        return is(entry, SectionKind::Manifest);
      }))
    fail(file, "has no manifest");
  return entries;
}

} // namespace qzc::runtime
