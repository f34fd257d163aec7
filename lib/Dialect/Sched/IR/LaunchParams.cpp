//===- LaunchParams.cpp - Parameters of launches, both ways ---------------===//

#include "qzc/Dialect/Sched/IR/LaunchParams.h"

#include "mlir/IR/Builders.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringSet.h"

#include <cmath>

using namespace mlir;
using qzc::format::Activation;
using qzc::format::Numbers;
using qzc::format::Opcode;

namespace qzc::sched {

namespace {

/// Takes typed entries out of a dictionary and notes what is wrong with them.
class Reader {
public:
  Reader(DictionaryAttr params,
         llvm::function_ref<InFlightDiagnostic()> emitError)
      : Params(params), EmitError(emitError) {}

  /// Each field of a struct; what is wrong keeps the value that it has.
  template <typename P> void fields(P &params, qz::RopeAttr &rope) {
    format::forEachField<P>([&](const auto &field) {
      Attribute attr = take(field.name, field.optional);
      if (!attr)
        return;
      using Value = std::decay_t<decltype(params.*field.member)>;
      if constexpr (std::is_same_v<Value, std::optional<int64_t>>)
        rope = ropeOf(field.name, attr);
      else
        read(field.name, attr, field.numbers, params.*field.member);
    });
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
  void read(StringRef key, Attribute attr, const Numbers &numbers,
            int64_t &result) {
    auto value = dyn_cast<IntegerAttr>(attr);
    if (!value || !value.getType().isSignlessInteger(64) ||
        !numbers.hold(value.getInt())) {
      InFlightDiagnostic diagnostic = fail(key);
      diagnostic << "to be an i64";
      if (std::isfinite(numbers.least))
        diagnostic << " of at least " << static_cast<int64_t>(numbers.least);
      return;
    }
    result = value.getInt();
  }
  /// Views of weights: lists of first, rows, run, stride.
  void read(StringRef key, Attribute attr, const Numbers &,
            std::vector<format::RowView> &result) {
    auto list = dyn_cast<ArrayAttr>(attr);
    bool right = list && !list.empty();
    for (Attribute element : right ? list.getValue() : ArrayRef<Attribute>()) {
      auto view = dyn_cast<DenseI64ArrayAttr>(element);
      right &= view && view.size() == 4;
      if (right)
        result.push_back({view[0], view[1], view[2], view[3]});
    }
    if (!right)
      fail(key) << "to be a list of array<i64: first, rows, run, stride>";
  }
  void read(StringRef key, Attribute attr, const Numbers &numbers,
            float &result) {
    auto value = dyn_cast<FloatAttr>(attr);
    if (!value || !value.getType().isF32() ||
        !numbers.hold(value.getValue().convertToFloat())) {
      fail(key) << "to be a finite" << (numbers.above ? ", positive" : "")
                << " f32";
      return;
    }
    result = value.getValue().convertToFloat();
  }
  void read(StringRef key, Attribute attr, const Numbers &, bool &result) {
    result = isa<UnitAttr>(attr);
    if (!result)
      fail(key) << "to be a unit attribute";
  }
  void read(StringRef key, Attribute attr, const Numbers &,
            Activation &result) {
    auto text = dyn_cast<StringAttr>(attr);
    std::optional<Activation> value;
    if (text)
      value = format::parseActivation(text.getValue());
    if (!value)
      fail(key) << "to be the name of an activation";
    result = value.value_or(Activation::None);
  }
  qz::RopeAttr ropeOf(StringRef key, Attribute attr) {
    auto value = dyn_cast<qz::RopeAttr>(attr);
    if (!value)
      fail(key) << "to be a #qz.rope";
    return value;
  }

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

} // namespace

FailureOr<LaunchParameters>
readParams(Opcode opcode, DictionaryAttr params,
           llvm::function_ref<InFlightDiagnostic()> emitError) {
  Reader reader(params, emitError);
  LaunchParameters result = {format::initialParams(opcode), {}};
  std::visit([&](auto &values) { reader.fields(values, result.rope); },
             result.values);
  if (failed(reader.finish()))
    return failure();
  return result;
}

namespace {
/// Values as attributes.
struct Writer {
  Builder build;
  qz::RopeAttr rope;

  Attribute operator()(int64_t value) { return build.getI64IntegerAttr(value); }
  Attribute operator()(float value) { return build.getF32FloatAttr(value); }
  /// Only true ones are written.
  Attribute operator()(bool) { return build.getUnitAttr(); }
  Attribute operator()(Activation value) {
    std::string_view text = format::name(value);
    return build.getStringAttr(StringRef(text.data(), text.size()));
  }
  Attribute operator()(const std::optional<int64_t> &) { return rope; }
  Attribute operator()(const std::vector<format::RowView> &views) {
    SmallVector<Attribute> attrs;
    for (const format::RowView &view : views)
      attrs.push_back(build.getDenseI64ArrayAttr(
          {view.first, view.rows, view.run, view.stride}));
    return build.getArrayAttr(attrs);
  }
};
} // namespace

DictionaryAttr writeParams(MLIRContext *context,
                           const LaunchParameters &params) {
  Writer write{Builder(context), params.rope};
  SmallVector<NamedAttribute> entries;
  auto add = [&](const auto &values) {
    using P = std::decay_t<decltype(values)>;
    format::forEachField<P>([&](const auto &field) {
      using Value = std::decay_t<decltype(values.*field.member)>;
      const bool isRope = std::is_same_v<Value, std::optional<int64_t>>;
      if (isRope ? bool(params.rope)
                 : !field.optional || !format::isDefault(field, values))
        entries.push_back(
            write.build.getNamedAttr(field.name, write(values.*field.member)));
    });
  };
  std::visit(add, params.values);
  return write.build.getDictionaryAttr(entries);
}

} // namespace qzc::sched
