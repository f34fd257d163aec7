//===- Int4.cpp - Linear codes of 4 bits, in groups ----------------------===//

#include "GroupedIntTraits.h"

using namespace qzc::format;

QZC_VECTOR_CLONES
static void codesOf(const float *values, int64_t count, float scale, float zero,
                    uint8_t *codes) {
  linearCodes<4>(values, count, scale, zero, codes);
}

QZC_VECTOR_CLONES
static void searchOne(const float *values, const ErrorWeights &weights,
                      int64_t count, bool asym, groupedint::ScaleZero &stored) {
  searchGroup<4>(values, weights, count, asym, stored);
}

namespace {
struct Coder {
  static constexpr auto codes = codesOf;
  static constexpr auto search = searchOne;
};
} // namespace

const SchemeTraits qzc::format::kInt4Traits =
    GroupedIntTraits<4, Coder>::kTraits;
