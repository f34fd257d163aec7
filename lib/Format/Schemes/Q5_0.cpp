//===- Q5_0.cpp - Codes of 5 bits, a scale for 32 ------------------------===//

#include "PlanarTraits.h"

using namespace qzc::format;

/// Evenly distributed codes have a deviation of 9.23.
const SchemeTraits qzc::format::kQ5_0Traits =
    PlanarGgml<ggml::BlockQ5_0, 5>::traits(
        {SyntheticPart::HalfScales, 1 / 9.23});
