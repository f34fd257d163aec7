//===- VectorClones.h - Loops for several vector widths ---------*- C++ -*-===//
//
// Loops over elements are compiled for several vector widths; the results are
// the same, since nothing is contracted or reassociated.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_FORMAT_VECTORCLONES_H
#define QZC_FORMAT_VECTORCLONES_H

#if defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__) &&                   \
    !defined(__SANITIZE_THREAD__)
#define QZC_VECTOR_CLONES __attribute__((target_clones("avx2", "default")))
#else
#define QZC_VECTOR_CLONES
#endif
/// A function that clones call: left to itself, the compiler may keep one copy
/// for the narrowest vectors.
#define QZC_IN_CLONES __attribute__((always_inline)) inline
#define QZC_INLINE_LAMBDA __attribute__((always_inline))

namespace qzc::format {
/// Eight neighbours in memory, as one vector or as several: for sums that the
/// compiler does not keep in registers by itself.
using Eight = float __attribute__((vector_size(32), aligned(4), may_alias));
} // namespace qzc::format

#endif // QZC_FORMAT_VECTORCLONES_H
