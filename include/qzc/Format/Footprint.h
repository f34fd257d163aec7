//===- Footprint.h - A model's memory, as people count it -------*- C++ -*-===//
//
// Published sizes of quantized models follow different conventions. A Footprint
// sums a model's weights under each of them (docs/memory.md has examples):
//
//   packed                what the file holds: every part of every weight,
//                         scales included, without padding
//   hf-footprint          the parameters of transformers' implementation, as
//                         get_memory_footprint(return_buffers=False) counts
//                         them: scales of quantized weights are no parameters
//   hf-footprint+buffers  with its buffers, as get_memory_footprint() does
//
//===----------------------------------------------------------------------===//

#ifndef QZC_FORMAT_FOOTPRINT_H
#define QZC_FORMAT_FOOTPRINT_H

#include "qzc/Format/Manifest.h"

#include <string>
#include <string_view>
#include <vector>

namespace qzc::format {

/// Bytes of a weight's parameter tensor alone: its elements or codes. Scales in
/// parts of their own and the padding of the last block do not count, as they
/// are outside bitsandbytes' parameters.
uint64_t parameterBytes(const PackedShape &shape);

/// Bytes in each convention.
struct Footprint {
  uint64_t packed = 0;
  uint64_t hfFootprint = 0;
  uint64_t hfBuffers = 0; ///< what hf-footprint+buffers adds

  void add(const PackedShape &weight);
  uint64_t hfFootprintWithBuffers() const { return hfFootprint + hfBuffers; }
};

/// Bytes of what transformers 4.57 registers as buffers: f32 frequencies for
/// each rotary embedding (`ropeDims`: how many elements each turns) and, in
/// families that keep a causal mask in each layer, that mask [context, context]
/// of bool and an f32 scalar.
uint64_t bufferBytes(std::string_view family, int64_t layers, int64_t context,
                     const std::vector<int64_t> &ropeDims);

/// The model as it was imported: each part of a source tensor once, in the
/// source's type.
Footprint sourceFootprint(const Manifest &manifest);
/// The model as it is stored.
Footprint storedFootprint(const Manifest &manifest);

/// Weights that people look at together: "embeddings", "attention", "ffn",
/// "head", "projections", "norms and biases".
struct ComponentUse {
  std::string_view component;
  uint64_t imported = 0; ///< bytes in each state, as Footprint::packed
  uint64_t stored = 0;
};
/// In the order above, without those that the model does not have.
std::vector<ComponentUse> componentUses(const Manifest &manifest);

} // namespace qzc::format

#endif // QZC_FORMAT_FOOTPRINT_H
