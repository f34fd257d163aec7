//===- Extract.h - Stored weights back to safetensors -----------*- C++ -*-===//

#ifndef QZC_FORMAT_EXTRACT_H
#define QZC_FORMAT_EXTRACT_H

#include "qzc/Format/Manifest.h"

#include <functional>
#include <string>

namespace qzc::format {

/// Writes every tensor, decoded to f32, under its Hugging Face name and in its
/// Hugging Face shape: transposed weights are turned back and the parts of a
/// fused one put together. A second copy that only the head uses (a tied model
/// with a quantized head) is written as "lm_head.weight"; where the table
/// itself is stored under that name, the embedding's copy as
/// "embed_tokens.weight". Tensors are sorted by name. `view` gives the stored
/// weight with an index. Throws qzc::Error where the file cannot be written or
/// the image does not hold all of a tensor.
void extractDecoded(const Manifest &manifest,
                    const std::function<PackedView(int64_t)> &view,
                    const std::string &path);

} // namespace qzc::format

#endif // QZC_FORMAT_EXTRACT_H
