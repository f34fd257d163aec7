//===- Q4_1.cpp - Codes of 4 bits, a scale and a minimum for 32 ----------===//

#include "PlanarTraits.h"

using namespace qzc::format;

/// Evenly distributed codes have a deviation of 4.61 around 7.5.
const SchemeTraits qzc::format::kQ4_1Traits =
    PlanarGgml<ggml::BlockQ4_1, 4>::traits(
        {SyntheticPart::HalfPairs, 1 / 4.61, -7.5 / 4.61});
