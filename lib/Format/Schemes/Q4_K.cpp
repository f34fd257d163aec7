//===- Q4_K.cpp - Codes of 4 bits, quantized scales and minima -----------===//

#include "PlanarTraits.h"

using namespace qzc::format;

/// Even codes and even 6-bit scales and minima have a deviation of 258.
const SchemeTraits qzc::format::kQ4_KTraits =
    PlanarGgml<ggml::BlockQ4_K, 4>::traits(
        {SyntheticPart::KScales, 1 / 258.0, 7.5 / 258.0});
