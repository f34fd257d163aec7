//===- RowGroups.h - Weights with rows side by side -------------*- C++ -*-===//
//
// A copy of a weight in which 16 rows share each vector: a lane is a row, so
// that activations are broadcast, scales are vectors as they are, and nothing
// is summed over lanes. Of a group of rows first the codes, for each chunk its
// 32-bit words (Format/Schemes/Planes.h), those of high bits last, and of each
// word those of the 16 rows; then the scales, f16 or of code books f32, of each
// block those of the 16 rows, and behind them their minima or zero points.
//
// Code books that are multiplied by tables of products are by bytes in place of
// words: of each byte those of rows 0, 8, 1, 9 … 7, 15.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_RUNTIME_CPU_ROWGROUPS_H
#define QZC_RUNTIME_CPU_ROWGROUPS_H

#include "qzc/Runtime/Cpu/Kernels.h"

namespace qzc::runtime::cpu {

/// Whether there is such a copy of a weight for these kernels: of codes of 2 to
/// 6 bits, or 8, with a scale for so many chunks of a row.
bool canGroupRows(const format::PackedShape &shape, const KernelTable &kernels);

uint64_t groupedBytes(const format::PackedShape &shape);

/// Copies groups [begin, end) of the weight's rows to their places in `memory`,
/// which has groupedBytes, as these kernels read them; rows that the last group
/// lacks are left alone.
void groupRows(const format::PackedView &weight, const KernelTable &kernels,
               int64_t begin, int64_t end, std::byte *memory);

} // namespace qzc::runtime::cpu

#endif // QZC_RUNTIME_CPU_ROWGROUPS_H
