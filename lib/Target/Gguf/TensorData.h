//===- TensorData.h - Values to ggml's types and back -----------*- C++ -*-===//

#ifndef QZC_LIB_TARGET_GGUF_TENSORDATA_H
#define QZC_LIB_TARGET_GGUF_TENSORDATA_H

#include "qzc/Format/Scheme.h"
#include "qzc/Target/Gguf/Container.h"

#include <cstddef>

namespace qzc::gguf {

/// The dense type of the same name.
TensorType tensorType(format::DType dtype);

/// Stores `count` finite values, a multiple of the type's block, to
/// bytesOf(type, count) bytes. False where a value or a block's scale does not
/// fit the type.
[[nodiscard]] bool store(TensorType type, const float *values, int64_t count,
                         std::byte *out);

/// The values that ggml takes stored bytes for.
void load(TensorType type, const std::byte *stored, int64_t count, float *out);

} // namespace qzc::gguf

#endif // QZC_LIB_TARGET_GGUF_TENSORDATA_H
