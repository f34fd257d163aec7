//===- LaunchParams.cpp - Parameters of launches, both ways ---------------===//

#include "qzc/Dialect/Sched/IR/LaunchParams.h"

#include "mlir/IR/Builders.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringSet.h"

#include <cmath>

using namespace mlir;
using qzc::format::Activation;
using qzc::format::Opcode;

namespace qzc::sched {

namespace {

/// Takes typed entries out of a dictionary and notes what is wrong with them.
class Reader {
public:
  Reader(DictionaryAttr params,
         llvm::function_ref<InFlightDiagnostic()> emitError)
      : Params(params), EmitError(emitError) {}

  /// An i64 of at least `least`.
  int64_t integer(StringRef key, int64_t least,
                  std::optional<int64_t> otherwise = std::nullopt) {
    Attribute attr = take(key, otherwise.has_value());
    if (!attr)
      return otherwise.value_or(least);
    auto value = dyn_cast<IntegerAttr>(attr);
    if (!value || !value.getType().isSignlessInteger(64) ||
        value.getInt() < least) {
      fail(key) << "to be an i64 of at least " << least;
      return least;
    }
    return value.getInt();
  }

  /// A finite f32, above zero where `positive`.
  float real(StringRef key, bool positive,
             std::optional<float> otherwise = std::nullopt) {
    Attribute attr = take(key, otherwise.has_value());
    if (!attr)
      return otherwise.value_or(1.0f);
    auto value = dyn_cast<FloatAttr>(attr);
    if (!value || !value.getType().isF32() || !value.getValue().isFinite() ||
        (positive && value.getValue().convertToFloat() <= 0)) {
      fail(key) << "to be a finite" << (positive ? ", positive" : "") << " f32";
      return 1.0f;
    }
    return value.getValue().convertToFloat();
  }

  bool flag(StringRef key) {
    Attribute attr = take(key, /*optional=*/true);
    if (attr && !isa<UnitAttr>(attr))
      fail(key) << "to be a unit attribute";
    return static_cast<bool>(attr);
  }

  Activation activation(bool optional) {
    Attribute attr = take("activation", optional);
    if (!attr)
      return Activation::None;
    auto text = dyn_cast<StringAttr>(attr);
    std::optional<Activation> value;
    if (text)
      value = format::parseActivation(text.getValue());
    if (!value)
      fail("activation") << "to be the name of an activation";
    return value.value_or(Activation::None);
  }

  qz::RopeAttr rope() {
    Attribute attr = take("rope", /*optional=*/true);
    auto value = dyn_cast_if_present<qz::RopeAttr>(attr);
    if (attr && !value)
      fail("rope") << "to be a #qz.rope";
    return value;
  }

  /// Whether everything was there, right, and known.
  LogicalResult finish() {
    for (NamedAttribute entry : Params)
      if (!Known.contains(entry.getName().getValue()))
        report() << "has no parameter '" << entry.getName().getValue()
                 << "' (C2)";
    return failure(Failed);
  }

private:
  Attribute take(StringRef key, bool optional) {
    Known.insert(key);
    Attribute attr = Params.get(key);
    if (!attr && !optional)
      report() << "needs the parameter '" << key << "' (C2)";
    return attr;
  }
  InFlightDiagnostic report() {
    Failed = true;
    return EmitError();
  }
  InFlightDiagnostic fail(StringRef key) {
    InFlightDiagnostic diagnostic = report();
    diagnostic << "expects (C2) '" << key << "' ";
    return diagnostic;
  }

  DictionaryAttr Params;
  llvm::function_ref<InFlightDiagnostic()> EmitError;
  llvm::StringSet<> Known;
  bool Failed = false;
};

/// The key of the one number that Scale, Clamp and SoftCap have.
StringRef scalarKey(Opcode opcode) {
  if (opcode == Opcode::Scale)
    return "factor";
  return opcode == Opcode::Clamp ? "limit" : "cap";
}

format::LaunchParams readLinear(Reader &reader) {
  format::LinearParams linear;
  linear.parts = reader.integer("parts", 1, 1);
  linear.gated = reader.flag("gated");
  linear.hasBias = reader.flag("bias");
  linear.activation = reader.activation(/*optional=*/true);
  return linear;
}

format::LaunchParams readAttention(Reader &reader) {
  format::AttentionParams attention;
  attention.layer = reader.integer("layer", 0);
  attention.heads = reader.integer("heads", 1);
  attention.kvHeads = reader.integer("kv_heads", 1);
  attention.headDim = reader.integer("head_dim", 1);
  attention.scale = reader.real("scale", /*positive=*/true);
  attention.window = reader.integer("window", 0, 0);
  attention.softCap = reader.real("soft_cap", /*positive=*/true, 0.0f);
  return attention;
}

format::LaunchParams readNorm(Reader &reader) {
  format::NormParams norm;
  norm.epsilon = reader.real("epsilon", /*positive=*/true);
  norm.unitOffset = reader.flag("unit_offset");
  return norm;
}

} // namespace

FailureOr<LaunchParameters>
readParams(Opcode opcode, DictionaryAttr params,
           llvm::function_ref<InFlightDiagnostic()> emitError) {
  Reader reader(params, emitError);
  LaunchParameters result;
  switch (opcode) {
  case Opcode::Embed:
    result.values = format::EmbedParams{};
    break;
  case Opcode::AddPositions:
    result.values = format::AddPositionsParams{reader.integer("offset", 0, 0)};
    break;
  case Opcode::RmsNorm:
  case Opcode::LayerNorm:
    result.values = readNorm(reader);
    break;
  case Opcode::Linear:
    result.values = readLinear(reader);
    break;
  case Opcode::Attention:
    result.values = readAttention(reader);
    result.rope = reader.rope();
    break;
  case Opcode::Activate:
    result.values =
        format::ActivateParams{reader.activation(/*optional=*/false)};
    break;
  case Opcode::Add:
  case Opcode::Mul:
    result.values = format::NoParams{};
    break;
  case Opcode::Scale:
  case Opcode::Clamp:
  case Opcode::SoftCap:
    result.values = format::ScaleParams{
        reader.real(scalarKey(opcode), opcode != Opcode::Scale)};
    break;
  }
  if (failed(reader.finish()))
    return failure();
  return result;
}

namespace {

/// Collects the entries of a dictionary.
class Writer {
public:
  explicit Writer(MLIRContext *context) : Build(context) {}

  void integer(StringRef key, int64_t value) {
    add(key, Build.getI64IntegerAttr(value));
  }
  void real(StringRef key, float value) {
    add(key, Build.getF32FloatAttr(value));
  }
  void flag(StringRef key, bool value) {
    if (value)
      add(key, Build.getUnitAttr());
  }
  void activation(Activation value) {
    std::string_view text = format::name(value);
    add("activation", Build.getStringAttr(StringRef(text.data(), text.size())));
  }
  void add(StringRef key, Attribute value) {
    Entries.push_back(Build.getNamedAttr(key, value));
  }
  DictionaryAttr finish() { return Build.getDictionaryAttr(Entries); }

private:
  Builder Build;
  SmallVector<NamedAttribute> Entries;
};

struct WriteVisitor {
  Writer &writer;
  Opcode opcode;
  qz::RopeAttr rope;

  void operator()(const format::NoParams &) {}
  void operator()(const format::EmbedParams &) {}
  void operator()(const format::AddPositionsParams &params) {
    if (params.offset != 0)
      writer.integer("offset", params.offset);
  }
  void operator()(const format::NormParams &params) {
    writer.real("epsilon", params.epsilon);
    writer.flag("unit_offset", params.unitOffset);
  }
  void operator()(const format::LinearParams &params) {
    if (params.parts != 1)
      writer.integer("parts", params.parts);
    writer.flag("gated", params.gated);
    writer.flag("bias", params.hasBias);
    if (params.activation != Activation::None)
      writer.activation(params.activation);
  }
  void operator()(const format::AttentionParams &params) {
    writer.integer("layer", params.layer);
    writer.integer("heads", params.heads);
    writer.integer("kv_heads", params.kvHeads);
    writer.integer("head_dim", params.headDim);
    writer.real("scale", params.scale);
    if (params.window != 0)
      writer.integer("window", params.window);
    if (params.softCap != 0)
      writer.real("soft_cap", params.softCap);
    if (rope)
      writer.add("rope", rope);
  }
  void operator()(const format::ActivateParams &params) {
    writer.activation(params.activation);
  }
  void operator()(const format::ScaleParams &params) {
    writer.real(scalarKey(opcode), params.value);
  }
};

} // namespace

DictionaryAttr writeParams(MLIRContext *context, Opcode opcode,
                           const LaunchParameters &params) {
  Writer writer(context);
  std::visit(WriteVisitor{writer, opcode, params.rope}, params.values);
  return writer.finish();
}

} // namespace qzc::sched
