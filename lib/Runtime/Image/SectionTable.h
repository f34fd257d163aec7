//===- SectionTable.h - Footer and section table of an image ----*- C++ -*-===//
//
// Finds and checks the structure behind the stub, before any section is read.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_LIB_RUNTIME_IMAGE_SECTIONTABLE_H
#define QZC_LIB_RUNTIME_IMAGE_SECTIONTABLE_H

#include "qzc/Format/Image.h"
#include "qzc/Support/MappedFile.h"

#include <string>
#include <vector>

namespace qzc::runtime {

/// "manifest", "cubin sm_90a", "PTX compute_80": the section's name in
/// messages.
std::string sectionName(const format::SectionEntry &entry);

/// The section table of a mapped image. Holds afterwards: table and footer have
/// their XXH3 and, with `fullCheck`, their SHA-256; kinds, flags and
/// architectures are known ones; sections stored in the file, the runtime
/// first, follow each other in table order without overlap, each page-aligned,
/// with nothing but zeros between them, and fill the file up to the table
/// exactly; no kind (and architecture) appears twice; there is one manifest.
/// Throws qzc::Error naming the file and what is wrong.
std::vector<format::SectionEntry> readSectionTable(const MappedFile &file,
                                                   bool fullCheck);

} // namespace qzc::runtime

#endif // QZC_LIB_RUNTIME_IMAGE_SECTIONTABLE_H
