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
#include "qzc/Format/VectorClones.h"

namespace qzc::format {

/// How synthetic bytes of a part are made; means are of weights with a standard
/// deviation of 1.
struct SyntheticRecipe {
  SyntheticPart::Kind kind;
  double mean;       ///< of scales
  double second = 0; ///< of minima; of zero points
};

/// What the errors of a search weigh.
struct ErrorWeights {
  const float *importance = nullptr; ///< of each element by itself
  /// Or in its place of a group's elements together (GroupSearch.h).
  const float *products = nullptr;

  /// None: nothing is searched for.
  bool any() const { return importance || products; }
  /// Those of the group that begins at element `begin`.
  ErrorWeights at(int64_t begin, int64_t group, int64_t cols) const {
    if (!products)
      return {importance + begin, nullptr};
    return {nullptr,
            products + begin % cols / group * (group * (group + 1) / 2)};
  }
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
  /// searchElements, and what the functions of these names do; null where the
  /// scheme has no such choice.
  float (*searchElements)(const PackedShape &shape, const float *values,
                          const ErrorWeights &weights, int64_t count,
                          std::byte *const *parts) = nullptr;
  Levels (*levels)(const PackedShape &shape) = nullptr;
  void (*readGroups)(const PackedShape &shape, const std::byte *const *parts,
                     int64_t count, float *scales, float *offsets) = nullptr;
  void (*replaceCodes)(const PackedShape &shape, const uint8_t *codes,
                       int64_t count, std::byte *const *parts) = nullptr;
  BlockFormat blocks = {};
  void (*storeCodes)(const uint8_t *codes, int64_t count,
                     std::byte *part) = nullptr;
  BlockFormat denserBlocks = {};
};

/// The levels of codes that are linear: 0, 1, …, count - 1.
inline Levels evenLevels(int64_t group, int count) {
  Levels levels;
  levels.group = group;
  levels.count = count;
  levels.even = true;
  for (int i = 0; i < count; ++i) {
    levels.values[i] = static_cast<float>(i);
    levels.codes[i] = static_cast<uint8_t>(i);
  }
  return levels;
}

#define QZC_SCHEME(Enumerator, ...)                                            \
  extern const SchemeTraits k##Enumerator##Traits;
#include "qzc/Format/Schemes.def"

const SchemeTraits &traits(Scheme scheme);

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
