//===- Rope.cpp - Rotary frequencies of a run -----------------------------===//

#include "qzc/Format/Manifest.h"

#include <cmath>

namespace qzc::format {

// A theta that is s^(dim / (dim - 2)) times as large divides frequency i, which
// is theta^(-2i / dim), by s^(2i / (dim - 2)).
std::vector<float> frequenciesIn(const Rope &rope, int64_t context) {
  if (rope.context == 0 || context <= rope.context)
    return rope.inverseFrequencies;
  if (!rope.longFrequencies.empty())
    return rope.longFrequencies;
  const double growth = rope.growth;
  const double stretch = growth * static_cast<double>(context) /
                             static_cast<double>(rope.context) -
                         (growth - 1);
  std::vector<float> frequencies;
  for (float frequency : rope.inverseFrequencies) {
    const double exponent = 2.0 * static_cast<double>(frequencies.size()) /
                            static_cast<double>(rope.dim - 2);
    frequencies.push_back(
        static_cast<float>(frequency / std::pow(stretch, exponent)));
  }
  return frequencies;
}

} // namespace qzc::format
