//===- QzPacking.cpp - #qz.tensor, #qz.packing ----------------------------===//

#include "qzc/Dialect/Qz/IR/QzDialect.h"

using namespace mlir;

namespace qzc::qz {

LogicalResult TensorAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                 StringRef name, StringRef dtype,
                                 DenseI64ArrayAttr shape,
                                 FlatSymbolRefAttr file, int64_t offset) {
  // (C1)
  if (name.empty())
    return emitError() << "a tensor needs a name";
  // (C2)
  if (offset < 0 ||
      llvm::any_of(shape.asArrayRef(), [](int64_t n) { return n < 0; }))
    return emitError() << "tensor \"" << name
                       << "\" has a negative extent or offset";
  return success();
}

LogicalResult PackingAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                  StringRef layout, DictionaryAttr tensors,
                                  FloatAttr offset) {
  // (C1)
  if (!format::parsePacking({layout.data(), layout.size()}))
    return emitError() << "unknown packing '" << layout << "'; known are "
                       << format::packingNames();
  // (C2)
  for (NamedAttribute entry : tensors)
    if (!llvm::isa<TensorAttr>(entry.getValue()))
      return emitError() << "a packing's " << entry.getName()
                         << " is no #qz.tensor";
  return success();
}

format::PackedSource
PackingAttr::toSource(const format::PackedShape &shape,
                      function_ref<size_t(StringRef)> number) const {
  format::PackedSource source;
  source.packing =
      *format::parsePacking({getLayout().data(), getLayout().size()});
  source.shape = shape;
  for (NamedAttribute entry : getTensors()) {
    auto tensor = llvm::cast<TensorAttr>(entry.getValue());
    source.tensors.push_back({entry.getName().str(), tensor.getName().str(),
                              tensor.getDtype().str(),
                              tensor.getShape().asArrayRef().vec(),
                              number(tensor.getFile().getValue()),
                              static_cast<uint64_t>(tensor.getOffset())});
  }
  if (FloatAttr offset = getOffset())
    source.offset = static_cast<float>(offset.getValueAsDouble());
  return source;
}

SmallVector<FlatSymbolRefAttr> PackingAttr::getFiles() const {
  SmallVector<FlatSymbolRefAttr> files;
  for (NamedAttribute entry : getTensors())
    files.push_back(llvm::cast<TensorAttr>(entry.getValue()).getFile());
  return files;
}

} // namespace qzc::qz
