//===- ManifestVerify.h - Parts of verifying a manifest ---------*- C++ -*-===//

#ifndef QZC_LIB_FORMAT_MANIFESTVERIFY_H
#define QZC_LIB_FORMAT_MANIFESTVERIFY_H

#include "qzc/Format/Manifest.h"

#include <cstdint>
#include <set>
#include <string>

namespace qzc::format {

inline constexpr int64_t kInt32Max = INT32_MAX;
inline constexpr uint64_t kMostBytesPerToken = uint64_t{1} << 31;

/// "launch 3".
std::string item(const char *what, size_t index);

/// Throws qzc::Error, saying what is wrong where, unless `holds`.
void require(bool holds, const std::string &where, const char *what);

/// Columns of the buffer that a view of the body or the head refers to; throws
/// qzc::Error where there is none.
int64_t bufferColumns(const Activations &memory, int64_t buffer, bool inHead,
                      const std::string &where);

/// Checks that the buffers lie in their arenas, and the results in buffers.
void verifyActivations(const Activations &memory, int64_t vocabulary,
                       const std::string &where);

/// Checks a view of a buffer of the body or the head.
void verifyView(const Activations &memory, const View &view, bool inHead,
                const std::string &where);

/// Checks one of the manifest's programs, all else having been checked.
/// `layers` have a cache.
void verifyProgram(const Manifest &manifest, const CudaProgram &program,
                   const std::set<int64_t> &layers);

} // namespace qzc::format

#endif // QZC_LIB_FORMAT_MANIFESTVERIFY_H
