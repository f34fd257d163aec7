//===- Mapping.h - The executable's schemes as ggml's types -----*- C++ -*-===//

#ifndef QZC_LIB_TARGET_GGUF_MAPPING_H
#define QZC_LIB_TARGET_GGUF_MAPPING_H

#include "qzc/Format/Scheme.h"
#include "qzc/Target/Gguf/Gguf.h"

namespace qzc::gguf {

/// What a weight becomes.
struct Target {
  TensorType type = TensorType::F32;
  /// Whether its values are those that the executable has.
  bool same = true;
};

/// Total: Schemes.def names a type for each scheme. Where that has other
/// values, they are made of the source's; rows that its blocks do not divide
/// then become F16. With `denser` the smaller one of two types that have the
/// same values.
Target targetOf(const format::PackedShape &shape, bool denser);

/// Counts a tensor that the executable stores as `stored`.
void count(std::vector<Mapping> &mapping, const std::string &stored,
           const TensorInfo &info, bool same);

/// general.file_type: llama.cpp's number for a file that is mostly of the type
/// of most weights.
uint32_t fileType(const Plan &plan);

/// "nf4/64 -> IQ4_NL: 210 tensors, 59.719 MB, quantized from the source".
std::string describe(const Mapping &mapping);

/// Adds a warning where the mapping changes the model.
void warnOfOtherModel(Plan &plan);

} // namespace qzc::gguf

#endif // QZC_LIB_TARGET_GGUF_MAPPING_H
