//===- Q5_K.cpp - Codes of 5 bits, quantized scales and minima -----------===//

#include "PlanarTraits.h"

using namespace qzc::format;

/// Even codes and even 6-bit scales and minima have a deviation of 527.
const SchemeTraits qzc::format::kQ5_KTraits =
    PlanarGgml<ggml::BlockQ5_K, 5>::traits(
        {SyntheticPart::KScales, 1 / 527.0, 15.5 / 527.0});
