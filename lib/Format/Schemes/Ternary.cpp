//===- Ternary.cpp - Codes -1, 0 and 1, a scale for 256 ------------------===//

#include "PlanarTraits.h"

using namespace qzc::format;

static constexpr SchemeTraits ternaryTraits() {
  using Traits = PlanarGgml<ggml::BlockTq2_0, 2>;
  // Even codes, of which there are four, have a root mean square of 1.22.
  SchemeTraits traits = Traits::traits({SyntheticPart::HalfScales, 1 / 1.22});
  traits.denserBlocks = Traits::blocks<ggml::BlockTq1_0>();
  return traits;
}

const SchemeTraits qzc::format::kTernaryTraits = ternaryTraits();
