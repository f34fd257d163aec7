//===- Checks.h - Comparing sections with their hashes ----------*- C++ -*-===//

#ifndef QZC_LIB_RUNTIME_IMAGE_CHECKS_H
#define QZC_LIB_RUNTIME_IMAGE_CHECKS_H

#include "qzc/Format/Image.h"

#include <cstddef>
#include <string>
#include <vector>

namespace qzc::runtime {

/// Bytes that should have the hashes of a table entry.
struct CheckedRange {
  std::string file; ///< where the bytes are, for messages
  const format::SectionEntry *entry;
  const std::byte *data; ///< entry->bytes of them, mapped
};

/// Compares every range with its XXH3 and, with `fullCheck`, its SHA-256
/// (showing progress). Also brings the pages into memory, so that nobody waits
/// for them later. Throws qzc::Error naming the first section that differs.
void checkHashes(const std::vector<CheckedRange> &ranges, bool fullCheck);

} // namespace qzc::runtime

#endif // QZC_LIB_RUNTIME_IMAGE_CHECKS_H
