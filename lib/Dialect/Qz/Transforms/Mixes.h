//===- Mixes.h - What llama-quantize makes of a model -----------*- C++ -*-===//

#ifndef QZC_LIB_DIALECT_QZ_TRANSFORMS_MIXES_H
#define QZC_LIB_DIALECT_QZ_TRANSFORMS_MIXES_H

#include "qzc/Dialect/Qz/IR/QzDialect.h"
#include "qzc/Format/Scheme.h"

#include "llvm/ADT/StringRef.h"

#include <optional>

namespace qzc::qz {

/// A file type of llama-quantize that mixes k-quants.
enum class Mix { Q4_K_S, Q4_K_M, Q5_K_S, Q5_K_M };

/// "q4_k_m"; nothing for other names.
std::optional<Mix> parseMix(llvm::StringRef name);
/// All names with commas between.
std::string mixNames();

/// What the choice for a weight depends on.
struct MixedWeight {
  std::optional<LinearRole> role; ///< none: the embeddings
  bool fused = false;             ///< a part of a tensor with q, k and v
  bool tied = false;              ///< the embeddings are the head, too
  std::optional<int64_t> block;   ///< the decoder block it is in
  int64_t blocks = 0;             ///< of the model
  int64_t cols = 0;
  llvm::StringRef family;
};

/// What llama-quantize stores the weight as, without an importance matrix:
/// llama_tensor_get_type of llama.cpp's llama-quant.cpp, with the fallbacks for
/// rows that blocks of 256 (of 32) do not divide.
format::StorageSpec specOf(Mix mix, const MixedWeight &weight);

} // namespace qzc::qz

#endif // QZC_LIB_DIALECT_QZ_TRANSFORMS_MIXES_H
