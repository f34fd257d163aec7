//===- ManifestNames.cpp - Names of the manifest's enumerators ------------===//

#include "ManifestNames.h"

#include "EnumNames.h"

namespace qzc::format {

static constexpr NameOf<CudaArg::Kind> kArgKinds[] = {
    {CudaArg::Kind::View, "view"},
    {CudaArg::Kind::HeadView, "head_view"},
    {CudaArg::Kind::Tensor, "tensor"},
    {CudaArg::Kind::Cache, "cache"},
    {CudaArg::Kind::RopeTable, "rope_table"},
    {CudaArg::Kind::State, "state"},
    {CudaArg::Kind::Tokens, "tokens"},
    {CudaArg::Kind::Tiles, "tiles"},
    {CudaArg::Kind::Targets, "targets"},
    {CudaArg::Kind::Draws, "draws"},
    {CudaArg::Kind::Losses, "losses"},
    {CudaArg::Kind::Scratch, "scratch"},
    {CudaArg::Kind::Int, "int"},
    {CudaArg::Kind::Float, "float"},
};

static constexpr NameOf<WeightsMode> kWeightsModes[] = {
    {WeightsMode::Embedded, "embedded"},
    {WeightsMode::External, "external"},
    {WeightsMode::Synthetic, "synthetic"},
};

std::string_view name(CudaArg::Kind kind) { return find(kArgKinds, kind); }
std::optional<CudaArg::Kind> parseArgKind(std::string_view text) {
  return parse(kArgKinds, text);
}

std::string_view name(WeightsMode mode) { return find(kWeightsModes, mode); }
std::optional<WeightsMode> parseWeightsMode(std::string_view text) {
  return parse(kWeightsModes, text);
}

std::string archName(uint32_t capability, bool specific, bool ptx) {
  return (ptx ? "compute_" : "sm_") + std::to_string(capability) +
         (specific ? "a" : "");
}

} // namespace qzc::format
