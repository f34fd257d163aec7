//===- Traffic.cpp - Memory that a decoded token reads --------------------===//

#include "Traffic.h"

#include "qzc/Runtime/CacheRange.h"

#include <algorithm>

namespace qzc::runtime {

using format::Launch;
using format::Opcode;

static double bytesOf(const format::Manifest &manifest, const Launch &launch,
                      double positions, CacheType cache, double batch) {
  if (launch.opcode == Opcode::Attention) {
    const auto &params = std::get<format::AttentionParams>(launch.params);
    const double seen =
        params.window > 0
            ? std::min(positions, static_cast<double>(params.window))
            : positions;
    const auto head = static_cast<double>(
        static_cast<uint64_t>(params.headDim) * elementBytes(cache) +
        scaleBytes(cache));
    return 2 * head * seen * batch * static_cast<double>(params.kvHeads);
  }
  const bool isTable =
      launch.opcode == Opcode::Embed || launch.opcode == Opcode::AddPositions;
  double bytes = 0;
  for (int32_t index : launch.weights) {
    const format::PackedShape &shape =
        manifest.tensors[static_cast<size_t>(index)].shape;
    const auto stored = static_cast<double>(format::storedBytes(shape));
    bytes +=
        isTable ? batch * stored / static_cast<double>(shape.rows) : stored;
  }
  return bytes;
}

double decodeBytes(const format::Manifest &manifest, double positions,
                   CacheType cache, int64_t batch) {
  double bytes = 0;
  for (const auto *launches : {&manifest.plan.body, &manifest.plan.head})
    for (const Launch &launch : *launches)
      bytes += bytesOf(manifest, launch, positions, cache,
                       static_cast<double>(batch));
  return bytes;
}

} // namespace qzc::runtime
