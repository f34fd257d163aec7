//===- QzAttributes.td - Attributes of the qz dialect -----*- tablegen -*-===//

#ifndef QZC_DIALECT_QZ_IR_QZATTRIBUTES_TD
#define QZC_DIALECT_QZ_IR_QZATTRIBUTES_TD

include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/EnumAttr.td"
include "qzc/Dialect/Qz/IR/QzDialect.td"
include "qzc/Dialect/Texts.td"

//===----------------------------------------------------------------------===//
// Enumerations
//===----------------------------------------------------------------------===//

class Qz_Enum<string name, string summary, list<I32EnumAttrCase> cases>
    : I32EnumAttr<name, summary, cases> {
  let cppNamespace = "::qzc::qz";
  let genSpecializedAttr = 0;
}

def Qz_LinearRole : Qz_Enum<"LinearRole", "what a linear layer is for", [
    I32EnumAttrCase<"Q", 0, "q">, I32EnumAttrCase<"K", 1, "k">,
    I32EnumAttrCase<"V", 2, "v">, I32EnumAttrCase<"O", 3, "o">,
    I32EnumAttrCase<"Up", 4, "up">, I32EnumAttrCase<"Gate", 5, "gate">,
    I32EnumAttrCase<"Down", 6, "down">, I32EnumAttrCase<"Proj", 7, "proj">,
    I32EnumAttrCase<"Head", 8, "head">]>;
def Qz_LinearRoleAttr : EnumAttr<QzDialect, Qz_LinearRole, "role">;

// Numbered as format::Activation.
def Qz_Activation : Qz_Enum<"Activation", "an elementwise activation", [
    I32EnumAttrCase<"None", 0, "none">, I32EnumAttrCase<"Relu", 1, "relu">,
    I32EnumAttrCase<"Silu", 2, "silu">, I32EnumAttrCase<"Gelu", 3, "gelu">,
    I32EnumAttrCase<"GeluTanh", 4, "gelu_tanh">]>;
def Qz_ActivationAttr : EnumAttr<QzDialect, Qz_Activation, "activation">;

def Qz_RopeStyle : Qz_Enum<"RopeStyle", "which elements of a head pair up", [
    I32EnumAttrCase<"Half", 0, "half">,
    I32EnumAttrCase<"Interleaved", 1, "interleaved">]>;

def Qz_RopeScaling
    : Qz_Enum<"RopeScaling", "how frequencies are stretched", [
    I32EnumAttrCase<"None", 0, "none">, I32EnumAttrCase<"Linear", 1, "linear">,
    I32EnumAttrCase<"Llama3", 2, "llama3">]>;

//===----------------------------------------------------------------------===//
// Rotary embedding
//===----------------------------------------------------------------------===//

def Qz_RopeAttr : AttrDef<QzDialect, "Rope"> {
  let mnemonic = "rope";
  let summary = "A rotary position embedding";
  let description = [{
    The first `dim` elements of each head turn in pairs: i with i + dim/2
    (`half`) or 2i with 2i + 1 (`interleaved`), by position / theta^(2i/dim).

    ```mlir
    #qz.rope<dim = 64, theta = 1.000000e+05, style = half>
    #qz.rope<dim = 64, theta = 5.000000e+05, style = half, scaling = llama3,
             factor = 3.200000e+01, low_freq_factor = 1.000000e+00,
             high_freq_factor = 4.000000e+00, original_context = 8192>
    #qz.rope<dim = 64, theta = 1.000000e+04, style = half, scaling = linear,
             factor = 2.000000e+00>
    ```

    Constraints:
    * (C1) `dim` is even and in 2…65536.
    * (C2) `theta` is finite and positive.
    * (C3) a scaling's `factor` is finite and at least 1.
    * (C4) llama3: 0 < `low_freq_factor` < `high_freq_factor`, both finite.
    * (C5) llama3: `original_context` is positive.
  }];
  let parameters = (ins "int64_t":$dim, APFloatParameter<"">:$theta,
      "::qzc::qz::RopeStyle":$style, "::qzc::qz::RopeScaling":$scaling,
      APFloatParameter<"">:$factor, APFloatParameter<"">:$lowFreqFactor,
      APFloatParameter<"">:$highFreqFactor, "int64_t":$originalContext);
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    /// The dim / 2 angular frequencies (radians a position), scaling applied.
    /// Computed in f32 as transformers' rotary tables are.
    ::std::vector<float> getInverseFrequencies() const;
  }];
}

//===----------------------------------------------------------------------===//
// Plain attributes with plain C++ types
//===----------------------------------------------------------------------===//

def Qz_IntAttr
    : TypedSignlessIntegerAttrBase<I64, "int64_t", "64-bit integer attribute"> {
  let convertFromStorage = "$_self.getInt()";
}

def Qz_RealAttr : FloatAttrBase<F64, "64-bit float attribute"> {
  let returnType = "double";
  let convertFromStorage = "$_self.getValueAsDouble()";
}

def Qz_LinearRolesAttr
    : TypedArrayAttrBase<Qz_LinearRoleAttr, "list of linear roles">;

#endif // QZC_DIALECT_QZ_IR_QZATTRIBUTES_TD
