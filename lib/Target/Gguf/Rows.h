//===- Rows.h - Which rows of its source a tensor holds ---------*- C++ -*-===//

#ifndef QZC_LIB_TARGET_GGUF_ROWS_H
#define QZC_LIB_TARGET_GGUF_ROWS_H

#include "qzc/Target/Gguf/Gguf.h"

namespace qzc::gguf {

/// Half-open ranges of a source's rows (elements, of a vector).
using Ranges = std::vector<std::pair<int64_t, int64_t>>;

/// Ranges of the rows that a tensor holds, as ranges of its source's rows.
Ranges inSource(const format::TensorSource &source, const Ranges &ranges);

/// Rows i and i + half of each head side by side: what turned by halves in the
/// source turns by neighbours.
Ranges interleaved(const Ranges &ranges, int64_t heads);

/// Puts the parts of a tensor in the order of their source's rows; throws
/// qzc::Error where they are not each row of one source tensor once.
void orderParts(Tensor &tensor);

} // namespace qzc::gguf

#endif // QZC_LIB_TARGET_GGUF_ROWS_H
