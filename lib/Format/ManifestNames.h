//===- ManifestNames.h - Names of the manifest's enumerators ----*- C++ -*-===//
//
// The words that stand for enumerators in the manifest's JSON, where the public
// header has no use for them.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_LIB_FORMAT_MANIFESTNAMES_H
#define QZC_LIB_FORMAT_MANIFESTNAMES_H

#include "qzc/Format/Manifest.h"

namespace qzc::format {

std::string_view name(CudaArg::Kind kind);
std::optional<CudaArg::Kind> parseArgKind(std::string_view name);

std::string_view name(WeightsMode mode);
std::optional<WeightsMode> parseWeightsMode(std::string_view name);

} // namespace qzc::format

#endif // QZC_LIB_FORMAT_MANIFESTNAMES_H
