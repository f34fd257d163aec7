//===- Image.h - The file structure of a compiled executable ----*- C++ -*-===//
//
// A compiled executable is the prebuilt runtime stub (an ELF file, as it is)
// followed by a payload of page-aligned sections, a section table and a footer
// in the file's last bytes:
//
//   [stub ELF][pad][section 1][pad][section 2]…[pad][section table][footer]
//
// The footer is found from the end of the file, so the stub needs no patching
// and the sections can be mapped. The stub is itself section 0. Offsets are
// from the start of the file and multiples of kSectionAlign. All integers are
// little endian. With the weights beside the file (--weights=FILE) the Weights
// entry has kExternal set, its offset is 0, and the manifest names the file.
//
// Every byte of the file is checked: sections against the hashes in their
// entries; table and footer against the footer's, each of what precedes it;
// what is between sections is zero. At every load the hashes are XXH3-64 (seed
// 0), with --verify SHA-256 too. That finds accidents: who alters a file on
// purpose can alter its hashes.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_FORMAT_IMAGE_H
#define QZC_FORMAT_IMAGE_H

#include <cstdint>

namespace qzc::format {

inline constexpr uint64_t kSectionAlign = 4096;
inline constexpr uint32_t kImageVersion = 3;
inline constexpr char kImageMagic[8] = {'Q', 'Z', 'C', 'I', 'M', 'A', 'G', 'E'};

enum class SectionKind : uint32_t {
  Manifest = 1,  ///< JSON, see Manifest.h
  Tokenizer = 2, ///< tokenizer.json as imported
  Weights = 3,   ///< the packed tensors, see Scheme.h
  Cubin = 4,     ///< one per architecture, see CodeModules.h
  Ptx = 5,       ///< likewise
  Runtime = 6,   ///< the stub: section 0, at the start of the file
};

enum SectionFlags : uint32_t {
  kExternal = 1u << 0,
};

struct SectionEntry {
  uint32_t kind;  ///< SectionKind
  uint32_t flags; ///< SectionFlags
  uint32_t arch; ///< Cubin, Ptx: compute capability × 10 (80, 90, 120), else 0
  /// Cubin: 'a' for an architecture-specific image (sm_90a), else 0.
  uint32_t archSuffix;
  uint64_t offset;
  uint64_t bytes;
  uint64_t xxh3;
  uint64_t reserved;
  uint8_t sha256[32];
};
static_assert(sizeof(SectionEntry) == 80);

struct ImageFooter {
  uint32_t version;
  uint32_t sectionCount;
  uint64_t tableOffset;
  uint64_t fileBytes; ///< of the whole file: a cut or lengthened file shows
  uint8_t sha256[32]; ///< of the section table and the footer before this field
  uint64_t xxh3;      ///< of the section table and the footer before this field
  char magic[8];
};
static_assert(sizeof(ImageFooter) == 72);

} // namespace qzc::format

#endif // QZC_FORMAT_IMAGE_H
