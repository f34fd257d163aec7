//===- Ternary.cpp - Codes -1, 0 and 1, a scale for 256 ------------------===//

#include "PlanarTraits.h"

using namespace qzc::format;

/// Even codes, of which there are four, have a root mean square of 1.22.
const SchemeTraits qzc::format::kTernaryTraits =
    PlanarGgml<ggml::BlockTq2_0, 2>::traits(
        {SyntheticPart::HalfScales, 1 / 1.22});
