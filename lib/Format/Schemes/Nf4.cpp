//===- Nf4.cpp - Quantiles of the normal distribution ---------------------===//

#include "qzc/Format/Schemes/Nf4.h"

#include "CodeBookTraits.h"

using namespace qzc::format;

QZC_VECTOR_CLONES
static void encodeAll(const float *values, int64_t count, float inverse,
                      uint8_t *codes) {
  for (int64_t i = 0; i < count; ++i)
    codes[i] = codebook::encode(nf4::kCoder, values[i], inverse);
}

QZC_VECTOR_CLONES
static float searchOne(const float *values, const ErrorWeights &weights,
                       int64_t count, float absmax) {
  return searchScale(nf4::kCodeBook, nf4::kCoder, values, weights, count,
                     absmax);
}

namespace {
struct Book {
  static constexpr const float (&kCodeBook)[16] = nf4::kCodeBook;
  static constexpr const codebook::Coder &kCoder = nf4::kCoder;
  static constexpr auto encodeBlock = encodeAll;
  static constexpr auto search = searchOne;
};
} // namespace

const SchemeTraits qzc::format::kNf4Traits = CodeBookTraits<Book>::kTraits;
