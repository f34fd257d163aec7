//===- Texts.td - Texts under names, in both dialects ------*- tablegen -*-===//

#ifndef QZC_DIALECT_TEXTS_TD
#define QZC_DIALECT_TEXTS_TD

include "mlir/IR/CommonAttrConstraints.td"

def Qzc_TextsAttr
    : ConfinedAttr<DictionaryAttr,
        [AttrConstraint<CPred<[{
           ::llvm::all_of(::llvm::cast<::mlir::DictionaryAttr>($_self),
                          [](::mlir::NamedAttribute named) {
                            return ::llvm::isa<::mlir::StringAttr>(
                                named.getValue());
                          })}]>, "of strings">]>;

#endif // QZC_DIALECT_TEXTS_TD
