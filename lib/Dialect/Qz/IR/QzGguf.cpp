//===- QzGguf.cpp - #qz.gguf ----------------------------------------------===//

#include "qzc/Dialect/Qz/IR/QzDialect.h"

#include <algorithm>

using namespace mlir;

namespace qzc::qz {

/// Whether a value is one that a GGUF's metadata may have here.
static bool isMetadata(Attribute value) {
  if (isa<BoolAttr, StringAttr, DenseI32ArrayAttr>(value))
    return true;
  if (auto integer = dyn_cast<IntegerAttr>(value))
    return integer.getType().isUnsignedInteger(32);
  auto real = dyn_cast<FloatAttr>(value);
  return real && real.getType().isF32();
}

static bool isPositive(Attribute value) {
  auto integer = dyn_cast<IntegerAttr>(value);
  return integer && integer.getType().isSignlessInteger(64) &&
         integer.getInt() > 0;
}

static bool isComputed(Attribute value) {
  auto values = dyn_cast<DenseF32ArrayAttr>(value);
  return values && !values.empty();
}

static bool areTexts(ArrayAttr values) {
  return !values || llvm::all_of(values, llvm::IsaPred<StringAttr>);
}

/// The name of the first entry whose value is not as it should be.
static StringAttr firstOther(DictionaryAttr entries,
                             function_ref<bool(Attribute)> isRight) {
  for (NamedAttribute entry :
       entries ? entries.getValue() : ArrayRef<NamedAttribute>())
    if (!isRight(entry.getValue()))
      return entry.getName();
  return {};
}

LogicalResult GgufAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                               StringRef architecture, DictionaryAttr tensors,
                               DictionaryAttr metadata,
                               DictionaryAttr interleaved,
                               ArrayAttr incremented, DictionaryAttr computed,
                               ArrayAttr warnings) {
  // (C1)
  if (architecture.empty())
    return emitError() << "gguf needs an architecture";
  // (C2)
  for (NamedAttribute entry : tensors) {
    auto name = llvm::dyn_cast<StringAttr>(entry.getValue());
    const size_t marks = entry.getName().getValue().count('#');
    if (!name || name.empty() || marks > 1 ||
        name.getValue().count('#') != marks)
      return emitError() << "gguf tensor " << entry.getName()
                         << " needs a name with as many '#', one at most";
  }
  // (C3)
  if (StringAttr key = firstOther(metadata, isMetadata))
    return emitError() << "gguf metadata " << key
                       << " is no ui32, f32, boolean, string or array of i32";
  // (C4)
  if (StringAttr key = firstOther(interleaved, isPositive))
    return emitError() << "gguf needs a positive i64 for the heads of " << key;
  if (!areTexts(incremented) || !areTexts(warnings))
    return emitError() << "gguf needs strings in incremented and warnings";
  // (C5)
  if (StringAttr key = firstOther(computed, isComputed))
    return emitError() << "gguf needs an array of f32 for " << key;
  return success();
}

} // namespace qzc::qz
