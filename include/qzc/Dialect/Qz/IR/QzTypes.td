//===- QzTypes.td - Types of the qz dialect ---------------*- tablegen -*-===//

#ifndef QZC_DIALECT_QZ_IR_QZTYPES_TD
#define QZC_DIALECT_QZ_IR_QZTYPES_TD

include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/BuiltinTypeInterfaces.td"
include "qzc/Dialect/Qz/IR/QzDialect.td"

def Qz_PackedType : TypeDef<QzDialect, "Packed"> {
  let mnemonic = "packed";
  let summary = "A quantized [out, in] weight";
  let description = [{
    Says everything that decides how many bytes the weight takes and where each
    of them is:

    ```mlir
    !qz.packed<576x1536, nf4, block = 64>
    !qz.packed<576x1536, fp4, block = 128, double>
    !qz.packed<576x1536, int4, block = 128, asym>
    !qz.packed<576x1536, int8>
    ```

    A block size that is left out is the scheme's default. `double` says that
    the scales are quantized too, `asym` that there are zero points, `absmax`
    that each row's absmax is stored in place of its scale.

    Constraints:
    * (C1) the scheme quantizes: `none` is what a tensor type is for.
    * (C2) extents, block size and what the scales are is what `format::checkShape`
      allows.
  }];
  let parameters = (ins "int64_t":$rows, "int64_t":$cols,
                        "::qzc::format::Scheme":$scheme,
                        "int64_t":$blockSize,
                        "::qzc::format::ScaleCodec":$scales);
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    ::qzc::format::PackedShape getShape() const;
    /// What the weight costs in the image, without padding.
    uint64_t getStoredBytes() const;
  }];
}

def Qz_RowsType : TypeDef<QzDialect, "Rows"> {
  let mnemonic = "rows";
  let summary = "Some rows of a quantized weight";
  let description = [{
    A matrix that is stored as part of another, as `qz.rows` gives it: where its
    blocks and their scales are is known only with the whole.

    ```mlir
    !qz.rows<768 of !qz.packed<2304x768, nf4, block = 64, double>>
    ```

    Constraints:
    * (C1) there is at least one row, and no more than the whole has.
  }];
  let parameters = (ins "int64_t":$rows, "::qzc::qz::PackedType":$whole);
  let assemblyFormat = "`<` $rows `of` qualified($whole) `>`";
  let genVerifyDecl = 1;
}

//===----------------------------------------------------------------------===//
// Constraints on operands and results
//===----------------------------------------------------------------------===//

def Qz_Tokens
    : Type<CPred<"::qzc::qz::isTokens($_self)">, "tensor<?xi32> of tokens",
           "::mlir::RankedTensorType">,
      BuildableType<"::mlir::RankedTensorType::get("
                    "{::mlir::ShapedType::kDynamic}, $_builder.getI32Type())">;

def Qz_Features
    : Type<CPred<"::qzc::qz::isFeatures($_self)">,
           "tensor<?xNxf32> of N features a token", "::mlir::RankedTensorType">;

def Qz_Vector
    : Type<CPred<"::qzc::qz::isVector($_self)">,
           "tensor<N> of f32, f16 or bf16", "::mlir::RankedTensorType">;

def Qz_DenseMatrix
    : Type<CPred<"::qzc::qz::isDenseMatrix($_self)">,
           "tensor<OUTxIN> of f32, f16 or bf16", "::mlir::RankedTensorType">;

def Qz_Matrix
    : Type<CPred<"::qzc::qz::isMatrix($_self)">,
           "tensor<OUTxIN> of f32, f16 or bf16, or !qz.packed">;

def Qz_LinearWeight
    : Type<CPred<"::qzc::qz::isMatrix($_self) || "
                 "::llvm::isa<::qzc::qz::RowsType>($_self)">,
           "tensor<OUTxIN> of f32, f16 or bf16, !qz.packed or !qz.rows">;

def Qz_Weight
    : Type<CPred<"::qzc::qz::isMatrix($_self) || ::qzc::qz::isVector($_self)">,
           "a weight: tensor<OUTxIN> or tensor<N> of f32, f16 or bf16, or "
           "!qz.packed">;

#endif // QZC_DIALECT_QZ_IR_QZTYPES_TD
