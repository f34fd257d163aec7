//===- ManifestNames.cpp - Names of the manifest's enumerators ------------===//

#include "ManifestNames.h"

namespace qzc::format {

namespace {
template <typename Enum> struct NameOf {
  Enum value;
  std::string_view name;
};
struct OpcodeRow {
  Opcode opcode;
  std::string_view name;
  OpcodeArity arity;
};
} // namespace

static constexpr OpcodeRow kOpcodes[] = {
#define QZC_OPCODE(Enumerator, Name, Ins, Outs, MinWeights, MaxWeights)        \
  {Opcode::Enumerator, Name, {Ins, Outs, MinWeights, MaxWeights}},
#include "qzc/Format/Opcodes.def"
};

static constexpr NameOf<Activation> kActivations[] = {
    {Activation::None, "none"},          {Activation::Relu, "relu"},
    {Activation::Silu, "silu"},          {Activation::Gelu, "gelu"},
    {Activation::GeluTanh, "gelu_tanh"},
};

static constexpr NameOf<CudaArg::Kind> kArgKinds[] = {
    {CudaArg::Kind::View, "view"},
    {CudaArg::Kind::HeadView, "head_view"},
    {CudaArg::Kind::Tensor, "tensor"},
    {CudaArg::Kind::KeyCache, "key_cache"},
    {CudaArg::Kind::ValueCache, "value_cache"},
    {CudaArg::Kind::CacheRange, "cache_range"},
    {CudaArg::Kind::RopeTable, "rope_table"},
    {CudaArg::Kind::State, "state"},
    {CudaArg::Kind::Tokens, "tokens"},
    {CudaArg::Kind::Targets, "targets"},
    {CudaArg::Kind::Losses, "losses"},
    {CudaArg::Kind::Scratch, "scratch"},
    {CudaArg::Kind::Int, "int"},
    {CudaArg::Kind::Float, "float"},
    {CudaArg::Kind::Capacity, "capacity"},
    {CudaArg::Kind::Chunk, "chunk"},
};

static constexpr NameOf<WeightsMode> kWeightsModes[] = {
    {WeightsMode::Embedded, "embedded"},
    {WeightsMode::External, "external"},
    {WeightsMode::Synthetic, "synthetic"},
};

template <typename Enum, size_t N>
static std::string_view find(const NameOf<Enum> (&table)[N], Enum value) {
  for (const NameOf<Enum> &row : table)
    if (row.value == value)
      return row.name;
  return "";
}

template <typename Enum, size_t N>
static std::optional<Enum> parse(const NameOf<Enum> (&table)[N],
                                 std::string_view text) {
  for (const NameOf<Enum> &row : table)
    if (row.name == text)
      return row.value;
  return std::nullopt;
}

std::string_view name(Opcode opcode) {
  for (const OpcodeRow &row : kOpcodes)
    if (row.opcode == opcode)
      return row.name;
  return "";
}

std::optional<Opcode> parseOpcode(std::string_view text) {
  for (const OpcodeRow &row : kOpcodes)
    if (row.name == text)
      return row.opcode;
  return std::nullopt;
}

OpcodeArity arity(Opcode opcode) {
  for (const OpcodeRow &row : kOpcodes)
    if (row.opcode == opcode)
      return row.arity;
  return {};
}

std::string_view name(Activation activation) {
  return find(kActivations, activation);
}
std::optional<Activation> parseActivation(std::string_view text) {
  return parse(kActivations, text);
}

std::string_view name(CudaArg::Kind kind) { return find(kArgKinds, kind); }
std::optional<CudaArg::Kind> parseArgKind(std::string_view text) {
  return parse(kArgKinds, text);
}

std::string_view name(WeightsMode mode) { return find(kWeightsModes, mode); }
std::optional<WeightsMode> parseWeightsMode(std::string_view text) {
  return parse(kWeightsModes, text);
}

} // namespace qzc::format
