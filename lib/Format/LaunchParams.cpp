//===- LaunchParams.cpp - Opcodes and activations by name -----------------===//

#include "qzc/Format/LaunchParams.h"

#include "EnumNames.h"

namespace qzc::format {

namespace {
struct OpcodeRow {
  Opcode opcode;
  std::string_view name;
  OpcodeArity arity;
};
} // namespace

static constexpr OpcodeRow kOpcodes[] = {
#define QZC_OPCODE(Enumerator, Name, Params, Ins, Outs, MinWeights,            \
                   MaxWeights)                                                 \
  {Opcode::Enumerator, Name, {Ins, Outs, MinWeights, MaxWeights}},
#include "qzc/Format/Opcodes.def"
};

static constexpr NameOf<Activation> kActivations[] = {
    {Activation::None, "none"},          {Activation::Relu, "relu"},
    {Activation::Silu, "silu"},          {Activation::Gelu, "gelu"},
    {Activation::GeluTanh, "gelu_tanh"},
};

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

LaunchParams initialParams(Opcode opcode) {
  switch (opcode) {
#define QZC_OPCODE(Enumerator, Name, Params, Ins, Outs, MinWeights,            \
                   MaxWeights)                                                 \
  case Opcode::Enumerator:                                                     \
    return Params();
#include "qzc/Format/Opcodes.def"
  }
  return NoParams();
}

float alibiSlope(double alibi, int64_t heads, int64_t head) {
  int64_t power = 1;
  while (power * 2 <= heads)
    power *= 2;
  const double turns =
      head < power ? static_cast<double>(head + 1) / static_cast<double>(power)
                   : static_cast<double>(2 * (head - power) + 1) /
                         static_cast<double>(2 * power);
  return static_cast<float>(std::exp2(-alibi * turns));
}

float scalarOf(const LaunchParams &params) {
  if (const auto *scale = std::get_if<ScaleParams>(&params))
    return scale->factor;
  if (const auto *clamp = std::get_if<ClampParams>(&params))
    return clamp->limit;
  const auto *softCap = std::get_if<SoftCapParams>(&params);
  return softCap ? softCap->cap : 0;
}

std::string_view name(Activation activation) {
  return find(kActivations, activation);
}
std::optional<Activation> parseActivation(std::string_view text) {
  return parse(kActivations, text);
}

} // namespace qzc::format
