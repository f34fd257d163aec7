//===- Mixes.cpp - What llama-quantize makes of a model -------------------===//

#include "Mixes.h"

#include <utility>

namespace qzc::qz {

using format::Scheme;

static constexpr std::pair<llvm::StringLiteral, Mix> kMixes[] = {
    {"q4_k_s", Mix::Q4_K_S},
    {"q4_k_m", Mix::Q4_K_M},
    {"q5_k_s", Mix::Q5_K_S},
    {"q5_k_m", Mix::Q5_K_M}};

std::optional<Mix> parseMix(llvm::StringRef name) {
  for (const auto &[text, mix] : kMixes)
    if (name == text)
      return mix;
  return std::nullopt;
}

std::string mixNames() {
  std::string names;
  for (const auto &[text, mix] : kMixes)
    names += (names.empty() ? "" : ", ") + text.str();
  return names;
}

/// The blocks that get more bits: the first and last eighths, and every third
/// between them.
static bool usesMoreBits(int64_t block, int64_t blocks) {
  return block < blocks / 8 || block >= 7 * blocks / 8 ||
         (block - blocks / 8) % 3 == 2;
}

static Scheme valueScheme(Mix mix, Scheme base, const MixedWeight &weight) {
  const int64_t block = weight.block.value_or(0);
  const bool more = usesMoreBits(block, weight.blocks);
  if ((mix == Mix::Q4_K_M || mix == Mix::Q5_K_M) && more)
    return Scheme::Q6_K;
  // What llama.cpp calls a 70B model: eight heads share the small v.
  const bool is70B = weight.blocks == 80 &&
                     (weight.family == "llama" || weight.family == "qwen2");
  if ((mix == Mix::Q4_K_S && block < 4) || (is70B && base == Scheme::Q4_K))
    return Scheme::Q5_K;
  return base;
}

static Scheme downScheme(Mix mix, Scheme base, const MixedWeight &weight) {
  const int64_t block = weight.block.value_or(0);
  const bool more = usesMoreBits(block, weight.blocks);
  const bool isFalcon = weight.family == "falcon";
  switch (mix) {
  case Mix::Q4_K_M:
    if (isFalcon)
      return block < weight.blocks / 16 ? Scheme::Q6_K
             : more                     ? Scheme::Q5_K
                                        : base;
    return more ? Scheme::Q6_K : base;
  case Mix::Q5_K_M:
    return more ? Scheme::Q6_K : base;
  case Mix::Q4_K_S:
    return !isFalcon && block < weight.blocks / 8 ? Scheme::Q5_K : base;
  case Mix::Q5_K_S:
    return base;
  }
  return base;
}

static Scheme idealScheme(Mix mix, const MixedWeight &weight) {
  const Scheme base =
      mix == Mix::Q4_K_S || mix == Mix::Q4_K_M ? Scheme::Q4_K : Scheme::Q5_K;
  if (!weight.role || *weight.role == LinearRole::Head) {
    if (!weight.role && !weight.tied)
      return base;
    return weight.family == "falcon" || weight.cols % 256 != 0 ? Scheme::Q8_0
                                                               : Scheme::Q6_K;
  }
  const bool isQkv = *weight.role == LinearRole::Q ||
                     *weight.role == LinearRole::K ||
                     *weight.role == LinearRole::V;
  // A fused tensor counts as v.
  if (*weight.role == LinearRole::V || (isQkv && weight.fused))
    return valueScheme(mix, base, weight);
  if (*weight.role == LinearRole::Down)
    return downScheme(mix, base, weight);
  return base;
}

format::StorageSpec specOf(Mix mix, const MixedWeight &weight) {
  format::StorageSpec spec;
  spec.scheme = idealScheme(mix, weight);
  if (weight.cols % 256 != 0)
    spec.scheme = spec.scheme == Scheme::Q4_K   ? Scheme::Q5_0
                  : spec.scheme == Scheme::Q5_K ? Scheme::Q5_1
                                                : Scheme::Q8_0;
  if (weight.cols % 32 != 0) {
    spec.scheme = Scheme::None;
    spec.dtype = format::DType::F16;
  }
  return spec;
}

} // namespace qzc::qz
