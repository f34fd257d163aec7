//===- Traits.h - What every scheme implements ------------------*- C++ -*-===//
//
// A scheme is a row of Schemes.def and one source file here that defines its
// SchemeTraits; docs/adding-a-scheme.md has the rest. Arithmetic that device
// code shares is in headers in include/qzc/Format/Schemes.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_LIB_FORMAT_SCHEMES_TRAITS_H
#define QZC_LIB_FORMAT_SCHEMES_TRAITS_H

#include "qzc/Format/Scheme.h"
#include "qzc/Format/Synthetic.h"

// Loops over elements are compiled for several vector widths; the results are
// the same, since nothing is contracted or reassociated.
#if defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__) &&                   \
    !defined(__SANITIZE_THREAD__)
#define QZC_VECTOR_CLONES __attribute__((target_clones("avx2", "default")))
#else
#define QZC_VECTOR_CLONES
#endif
/// A function that clones call: left to itself, the compiler may keep one copy
/// for the narrowest vectors.
#define QZC_IN_CLONES __attribute__((always_inline)) inline

namespace qzc::format {

/// How synthetic bytes of a part are made; means are of weights with a standard
/// deviation of 1.
struct SyntheticRecipe {
  SyntheticPart::Kind kind;
  double mean;       ///< of scales
  double second = 0; ///< of minima; of zero points
};

struct SchemeTraits {
  size_t partCount;
  std::string_view partNames[4];
  int64_t defaultBlockSize;
  /// What the scales may be beside Plain; Double where the last part is f32
  /// scales.
  ScaleCodec otherCodec;
  /// Of each part; unquantized weights depend on more than the scheme.
  SyntheticRecipe synthetic[4];
  /// Checks block size and columns; extents are known to be positive.
  std::optional<std::string_view> (*checkShape)(const PackedShape &shape);
  /// See the functions of the same names in Scheme.h.
  int64_t (*encodingUnit)(const PackedShape &shape);
  uint64_t (*partBytes)(const PackedShape &shape, size_t part,
                        int64_t elements);
  float (*encodeElements)(const PackedShape &shape, const float *values,
                          int64_t count, std::byte *const *parts);
  void (*decodeRows)(const PackedView &weight, int64_t rowBegin, int64_t rowEnd,
                     float *out);
};

#define QZC_SCHEME(Enumerator, ...)                                            \
  extern const SchemeTraits k##Enumerator##Traits;
#include "qzc/Format/Schemes.def"

const SchemeTraits &traits(Scheme scheme);

/// The largest magnitude of `values`; 0 if there are none.
float largestMagnitude(const float *values, int64_t count);

/// Where blocks of 32 or 256 do not divide a row.
inline constexpr std::string_view kNot32 =
    "its blocks of 32 do not divide the rows (int8, fp4 and nf4 take rows of "
    "any length)";
inline constexpr std::string_view kNot256 =
    "its blocks of 256 do not divide the rows (q4_0 to q8_0 take rows that 32 "
    "divides, int8, fp4 and nf4 rows of any length)";

/// For schemes that leave no choice of block size.
std::optional<std::string_view> requireNoBlockSize(const PackedShape &shape);

} // namespace qzc::format

#endif // QZC_LIB_FORMAT_SCHEMES_TRAITS_H
