//===- Int3.cpp - Linear codes of 3 bits, in groups ----------------------===//

#include "GroupedIntTraits.h"

using namespace qzc::format;

QZC_VECTOR_CLONES
static void codesOf(const float *values, int64_t count, float scale, float zero,
                    uint8_t *codes) {
  linearCodes<3>(values, count, scale, zero, codes);
}

QZC_VECTOR_CLONES
static void searchOne(const float *values, const ErrorWeights &weights,
                      int64_t count, bool asym, groupedint::ScaleZero &stored) {
  searchGroup<3>(values, weights, count, asym, stored);
}

namespace {
struct Coder {
  static constexpr auto codes = codesOf;
  static constexpr auto search = searchOne;
};
} // namespace

const SchemeTraits qzc::format::kInt3Traits =
    GroupedIntTraits<3, Coder>::kTraits;
