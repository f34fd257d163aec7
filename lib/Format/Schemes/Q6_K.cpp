//===- Q6_K.cpp - Codes of 6 bits, quantized scales ----------------------===//

#include "PlanarTraits.h"

using namespace qzc::format;

/// Even codes and even 8-bit scales have a deviation of 1367.
const SchemeTraits qzc::format::kQ6_KTraits =
    PlanarGgml<ggml::BlockQ6_K, 6>::traits(
        {SyntheticPart::SmallScales, 1 / 1367.0});
