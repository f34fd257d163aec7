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

/// Total: every scheme has a type.
///
///   none            the type it is stored in
///   q8_0, q4_0      Q8_0, Q4_0
///   int8            Q8_0 of the source's values
///   nf4, fp4        IQ4_NL of the source's values
///
/// Of the last two, rows that ggml's blocks of 32 do not divide become F16 of
/// the source's values.
Target targetOf(const format::PackedShape &shape);

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
