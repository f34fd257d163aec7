//===- QzDialect.td - The qz dialect ----------------------*- tablegen -*-===//

#ifndef QZC_DIALECT_QZ_IR_QZDIALECT_TD
#define QZC_DIALECT_QZ_IR_QZDIALECT_TD

include "mlir/IR/OpBase.td"

def QzDialect : Dialect {
  let name = "qz";
  let cppNamespace = "::qzc::qz";
  let summary = "Language models with weights by reference";
  let description = [{
    A `qz.model` holds the files a model was imported from and one graph of
    tensor operations that turns tokens into logits. Activations are
    `tensor<?xNxf32>`: a row a token. Weights are `qz.param`s, byte ranges of a
    safetensors file; their values are never in the IR. A quantized weight has
    the type `!qz.packed`, which says how it will be stored; its bytes are made
    when the executable is written.
  }];
  let useDefaultTypePrinterParser = 1;
  let useDefaultAttributePrinterParser = 1;
  let extraClassDeclaration = [{
    void registerTypes();
    void registerAttributes();
  }];
}

#endif // QZC_DIALECT_QZ_IR_QZDIALECT_TD
