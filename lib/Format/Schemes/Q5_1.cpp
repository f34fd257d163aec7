//===- Q5_1.cpp - Codes of 5 bits, a scale and a minimum for 32 ----------===//

#include "PlanarTraits.h"

using namespace qzc::format;

/// Evenly distributed codes have a deviation of 9.23 around 15.5.
const SchemeTraits qzc::format::kQ5_1Traits =
    PlanarGgml<ggml::BlockQ5_1, 5>::traits(
        {SyntheticPart::HalfPairs, 1 / 9.23, -15.5 / 9.23});
