//===- LaunchParams.h - What launches and ropes are told --------*- C++ -*-===//
//
// Each parameter is declared once: as a member of its struct and as a row of
// the struct's fields(), with its name and the values it may have. The sched
// dialect's dictionary, the manifest's JSON in both directions, the checks of
// both, and the lowering of the qz operations' attributes go over fields(); the
// targets use the members. docs/adding-an-attribute.md tells how to add one.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_FORMAT_LAUNCHPARAMS_H
#define QZC_FORMAT_LAUNCHPARAMS_H

#include "qzc/Format/RowView.h"

#include <cmath>
#include <cstdint>
#include <optional>
#include <string_view>
#include <tuple>
#include <variant>
#include <vector>

namespace qzc::format {

enum class Activation : uint32_t { None, Relu, Silu, Gelu, GeluTanh };
std::string_view name(Activation activation);
std::optional<Activation> parseActivation(std::string_view name);

//===----------------------------------------------------------------------===//
// Fields
//===----------------------------------------------------------------------===//

/// The numbers that a field may be: finite ones from `least` on, or above it.
struct Numbers {
  double least = -HUGE_VAL;
  bool above = false;

  template <typename T> bool hold(T value) const {
    const auto number = static_cast<double>(value);
    return std::isfinite(number) && (above ? number > least : number >= least);
  }
};
inline constexpr Numbers kAny = {};
inline constexpr Numbers kPositive = {0, true};
constexpr Numbers atLeast(double least) { return {least, false}; }

/// A member of a struct of parameters. An optional one may be missing from what
/// is stored: it then has the value that the struct begins with, which is fine
/// whether or not `numbers` hold it.
template <typename Params, typename Value> struct Field {
  using Type = Value;
  const char *name;
  Value Params::*member;
  Numbers numbers;
  bool optional;
};
template <typename Params, typename Value>
constexpr Field<Params, Value> required(const char *name, Value Params::*member,
                                        Numbers numbers = kAny) {
  return {name, member, numbers, false};
}
template <typename Params, typename Value>
constexpr Field<Params, Value> optional(const char *name, Value Params::*member,
                                        Numbers numbers = kAny) {
  return {name, member, numbers, true};
}

/// Calls `visit` with each field of a struct, in order.
template <typename Params, typename Visit> void forEachField(Visit visit) {
  std::apply([&](auto... fields) { (visit(fields), ...); }, Params::fields());
}

/// Whether a field has the value that it begins with.
template <typename Params, typename Value>
bool isDefault(const Field<Params, Value> &field, const Params &params) {
  return params.*field.member == Params().*field.member;
}

//===----------------------------------------------------------------------===//
// Parameters of launches
//===----------------------------------------------------------------------===//

struct NoParams {
  static constexpr auto fields() { return std::tuple(); }
};

struct EmbedParams {
  static constexpr auto fields() { return std::tuple(); }
};

struct AddPositionsParams {
  int64_t offset = 0;

  static constexpr auto fields() {
    using P = AddPositionsParams;
    return std::tuple(optional("offset", &P::offset, atLeast(0)));
  }
};

struct NormParams {
  float epsilon = 0;
  bool unitOffset = false; ///< multiply by (1 + weight), as Gemma does
  /// Equal parts of a row that are normed each by itself, with one weight.
  int64_t heads = 1;

  static constexpr auto fields() {
    using P = NormParams;
    return std::tuple(required("epsilon", &P::epsilon, kPositive),
                      optional("unit_offset", &P::unitOffset),
                      optional("heads", &P::heads, atLeast(1)));
  }
};

/// y_i = in · W_iᵀ + b_i for each of `parts` weights.
///   gated:  out = activation(y_0) * y_1          (parts == 2)
///   else:   out = activation([y_0 | y_1 | …])    (columns side by side)
/// then, with a second input, out += residual. weights = the parts' matrices,
/// followed by their biases when hasBias (then every part has one).
struct LinearParams {
  int64_t parts = 1;
  bool gated = false;
  bool hasBias = false;
  Activation activation = Activation::None;
  /// Rows of each part's matrix that are W_i; empty: all of each. A fused
  /// weight that is stored whole is the matrix of several parts.
  std::vector<RowView> rows = {};

  /// W_i's rows of a matrix of `stored` rows.
  RowView rowsOf(size_t part, int64_t stored) const {
    return rows.empty() ? RowView::all(stored) : rows[part];
  }

  static constexpr auto fields() {
    using P = LinearParams;
    return std::tuple(
        optional("parts", &P::parts, atLeast(1)), optional("gated", &P::gated),
        optional("bias", &P::hasBias), optional("activation", &P::activation),
        optional("rows", &P::rows));
  }
};

/// Causal attention over the layer's cache. q has heads × headDim columns, k
/// and v kvHeads × headDim. Applies rope to q and k first, appends k and v.
struct AttentionParams {
  int64_t layer = 0; ///< index of the KV cache
  int64_t heads = 0;
  int64_t kvHeads = 0;
  int64_t headDim = 0;
  float scale = 0;
  int64_t window = 0; ///< 0: all positions; else the last `window`
  float softCap = 0;  ///< 0: none; else cap * tanh(score / cap)
  float alibi = 0; ///< 0: none; else alibiSlope(…) × distance is taken off
  /// Index into Plan::ropes; in the sched dialect, the rope itself.
  std::optional<int64_t> rope;

  static constexpr auto fields() {
    using P = AttentionParams;
    return std::tuple(required("layer", &P::layer, atLeast(0)),
                      required("heads", &P::heads, atLeast(1)),
                      required("kv_heads", &P::kvHeads, atLeast(1)),
                      required("head_dim", &P::headDim, atLeast(1)),
                      required("scale", &P::scale, kPositive),
                      optional("window", &P::window, atLeast(1)),
                      optional("soft_cap", &P::softCap, kPositive),
                      optional("alibi", &P::alibi, kPositive),
                      optional("rope", &P::rope));
  }
};

/// The slope of a head as qz.attention says of `alibi`.
float alibiSlope(double alibi, int64_t heads, int64_t head);

struct ActivateParams {
  Activation activation = Activation::None;

  static constexpr auto fields() {
    return std::tuple(required("activation", &ActivateParams::activation));
  }
};

struct ScaleParams {
  float factor = 1;

  static constexpr auto fields() {
    return std::tuple(required("factor", &ScaleParams::factor));
  }
};

struct ClampParams {
  float limit = 0;

  static constexpr auto fields() {
    return std::tuple(required("limit", &ClampParams::limit, kPositive));
  }
};

struct SoftCapParams {
  float cap = 0;

  static constexpr auto fields() {
    return std::tuple(required("cap", &SoftCapParams::cap, kPositive));
  }
};

using LaunchParams =
    std::variant<NoParams, EmbedParams, AddPositionsParams, NormParams,
                 LinearParams, AttentionParams, ActivateParams, ScaleParams,
                 ClampParams, SoftCapParams>;

/// The one number that scale, clamp and soft_cap have; 0 for the others.
float scalarOf(const LaunchParams &params);

//===----------------------------------------------------------------------===//
// Opcodes
//===----------------------------------------------------------------------===//

enum class Opcode : uint32_t {
#define QZC_OPCODE(Enumerator, Name, Params, Ins, Outs, MinWeights,            \
                   MaxWeights)                                                 \
  Enumerator,
#include "qzc/Format/Opcodes.def"
};

std::string_view name(Opcode opcode);
std::optional<Opcode> parseOpcode(std::string_view name);

/// Number of inputs, outputs and weights an opcode takes.
struct OpcodeArity {
  size_t inputs; ///< the most
  size_t outputs;
  size_t minWeights;
  size_t maxWeights;
};
OpcodeArity arity(Opcode opcode);

/// The struct that an opcode's parameters are, as it begins.
LaunchParams initialParams(Opcode opcode);

} // namespace qzc::format

#endif // QZC_FORMAT_LAUNCHPARAMS_H
