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
    I32EnumAttrCase<"Llama3", 2, "llama3">,
    I32EnumAttrCase<"Dynamic", 3, "dynamic">,
    I32EnumAttrCase<"Explicit", 4, "explicit">]>;

//===----------------------------------------------------------------------===//
// Rotary embedding
//===----------------------------------------------------------------------===//

def Qz_RopeAttr : AttrDef<QzDialect, "Rope"> {
  let mnemonic = "rope";
  let summary = "A rotary position embedding";
  let description = [{
    The first `dim` elements of each head turn in pairs: i with i + dim/2
    (`half`) or 2i with 2i + 1 (`interleaved`), by position / theta^(2i/dim).
    Scalings change these frequencies as transformers' rope types of their names
    do. What no formula here gives (yarn, longrope) is written out: `explicit`
    has the dim / 2 frequencies in radians a position, whatever theta is, and the
    magnitude that cosine and sine are multiplied by.

    Some frequencies depend on the context, which is how many positions a run has
    room for: `--context` where an executable is given one, otherwise what its
    call takes (`qz-interpret`: the tokens). They hold for the whole run, from its
    first position on. In a run of more than `original_context` positions

    * `dynamic` has a theta of theta · (factor · context / original_context −
      (factor − 1))^(dim / (dim − 2));
    * `explicit` has the `long_frequencies`, if there are any.

    ```mlir
    #qz.rope<dim = 64, theta = 1.000000e+05, style = half>
    #qz.rope<dim = 64, theta = 5.000000e+05, style = half, scaling = llama3,
             factor = 3.200000e+01, low_freq_factor = 1.000000e+00,
             high_freq_factor = 4.000000e+00, original_context = 8192>
    #qz.rope<dim = 64, theta = 1.000000e+04, style = half, scaling = linear,
             factor = 2.000000e+00>
    #qz.rope<dim = 64, theta = 1.000000e+04, style = half, scaling = dynamic,
             factor = 2.000000e+00, original_context = 4096>
    #qz.rope<dim = 4, theta = 1.000000e+04, style = half, scaling = explicit,
             magnitude = 1.190000e+00, frequencies = [1.000000e+00, 5.000000e-03],
             original_context = 4096,
             long_frequencies = [9.000000e-01, 2.500000e-04]>
    ```

    Constraints:
    * (C1) `dim` is even and in 2…65536.
    * (C2) `theta` is finite and positive.
    * (C3) linear, llama3, dynamic: `factor` is finite and at least 1.
    * (C4) llama3: 0 < `low_freq_factor` < `high_freq_factor`, both finite.
    * (C5) llama3, dynamic, and beside `long_frequencies`: `original_context` is
      positive.
    * (C6) dynamic: `dim` is at least 4.
    * (C7) explicit: `magnitude` is finite and positive.
    * (C8) explicit: there are dim / 2 frequencies, and as many long ones or none;
      they are finite and not negative.
  }];
  let parameters = (ins "int64_t":$dim, APFloatParameter<"">:$theta,
      "::qzc::qz::RopeStyle":$style, "::qzc::qz::RopeScaling":$scaling,
      APFloatParameter<"">:$factor, APFloatParameter<"">:$lowFreqFactor,
      APFloatParameter<"">:$highFreqFactor, "int64_t":$originalContext,
      APFloatParameter<"">:$magnitude,
      "::mlir::DenseF32ArrayAttr":$frequencies,
      "::mlir::DenseF32ArrayAttr":$longFrequencies);
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    /// The dim / 2 angular frequencies (radians a position) of runs that are not
    /// long, scaling applied. Computed in f32 as transformers' tables are.
    ::std::vector<float> getInverseFrequencies() const;
    /// The same embedding in a plan.
    ::qzc::format::Rope toPlan() const;
  }];
}

//===----------------------------------------------------------------------===//
// GGUF
//===----------------------------------------------------------------------===//

def Qz_GgufAttr : AttrDef<QzDialect, "Gguf"> {
  let mnemonic = "gguf";
  let summary = "What a model is called as a GGUF";
  let description = [{
    What `--gguf` cannot read off the graph. `qz-import` knows the architectures
    of GGUF and writes it.

    * `architecture`: general.architecture.
    * `tensors`: ends of the weights' names → names in the GGUF, both without
      ".weight" and ".bias"; `#` stands for the block's number.
    * `metadata`: further keys.
    * `interleaved`: tensors of which rows i and i + half of each head stand side
      by side in the GGUF, with the number of heads.
    * `incremented`: tensors whose values are larger by 1 in the GGUF.
    * `computed`: tensors that are no weights of the model.
    * `warnings`: what a person who writes the file should know.

    ```mlir
    #qz.gguf<architecture = "llama",
             tensors = {"layers.#.self_attn.q_proj" = "blk.#.attn_q"},
             metadata = {"llama.block_count" = 16 : ui32},
             interleaved = {"blk.#.attn_q" = 32 : i64}>
    ```

    Constraints:
    * (C1) `architecture` is not empty.
    * (C2) `tensors` has strings; both names have one `#` or none.
    * (C3) `metadata` has ui32, f32, booleans, strings and arrays of i32.
    * (C4) `interleaved` has positive i64, `incremented` and `warnings` strings.
    * (C5) `computed` has arrays of f32 that are not empty.
  }];
  let parameters = (ins StringRefParameter<"general.architecture">:$architecture,
      "::mlir::DictionaryAttr":$tensors, "::mlir::DictionaryAttr":$metadata,
      OptionalParameter<"::mlir::DictionaryAttr">:$interleaved,
      OptionalParameter<"::mlir::ArrayAttr">:$incremented,
      OptionalParameter<"::mlir::DictionaryAttr">:$computed,
      OptionalParameter<"::mlir::ArrayAttr">:$warnings);
  let assemblyFormat = "`<` struct(params) `>`";
  let genVerifyDecl = 1;
}

//===----------------------------------------------------------------------===//
// Weights that are quantized already
//===----------------------------------------------------------------------===//

def Qz_TensorAttr : AttrDef<QzDialect, "Tensor"> {
  let mnemonic = "tensor";
  let summary = "A tensor of a safetensors file";
  let description = [{
    Its name, type (as safetensors writes it) and shape, the model's file that
    holds it, and its first byte there.

    ```mlir
    #qz.tensor<"l.0.q.qweight", "I32", [72, 576], @model, 4096>
    ```

    Constraints:
    * (C1) the name is not empty.
    * (C2) extents and offset are not negative.
  }];
  let parameters = (ins StringRefParameter<"name in the file">:$name,
      StringRefParameter<"type in the file">:$dtype,
      "::mlir::DenseI64ArrayAttr":$shape, "::mlir::FlatSymbolRefAttr":$file,
      "int64_t":$offset);
  let assemblyFormat = [{
    `<` $name `,` $dtype `,` $shape `,` $file `,` $offset `>`
  }];
  let genVerifyDecl = 1;
}

def Qz_PackingAttr : AttrDef<QzDialect, "Packing"> {
  let mnemonic = "packing";
  let summary = "How a checkpoint holds a quantized weight";
  let description = [{
    Which tensors make up a weight that another tool has quantized, by what each
    is for, and how they hold it:

    * `ggml`: `codes`, the blocks of a GGUF, row by row.
    * `bitsandbytes`: 4-bit `codes`, `scales` and the code book `map`; of
      quantized scales also `nested_scales`, `nested_map` and the number `offset`.
    * `int8_rows`: `codes` and the rows' `scales`, which are bitsandbytes' absmax
      where the type says so.
    * `gptq`: `codes`, `scales`, `zeros` and, where columns are in the groups that
      it says, `order`; `offset` is what stored zero points are less by.
    * `awq`: `codes`, `scales` and `zeros`, as its GEMM kernels have them.
    * `compressed_tensors`: `codes` and `scales`, `zeros` where they are not in
      the middle, `order` as of gptq.
    * `fp8`: `codes`, and `scales` of the tensor, of rows or of blocks.

    lib/Encode/Packings says where each code is. Where no storage of ours has a
    weight's values, its source is their tensor of f32.

    ```mlir
    #qz.packing<layout = "ggml",
                tensors = {codes = #qz.tensor<"l.0.q", "U8", [64, 36], @m, 8>}>
    ```

    Constraints:
    * (C1) `layout` is one of these.
    * (C2) `tensors` has `#qz.tensor`s.
  }];
  let parameters = (ins StringRefParameter<"name of Packings.def">:$layout,
      "::mlir::DictionaryAttr":$tensors,
      OptionalParameter<"::mlir::FloatAttr">:$offset);
  let assemblyFormat = "`<` struct(params) `>`";
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    /// The same as data: of a weight of that shape, in files that `number`
    /// knows by their symbols.
    ::qzc::format::PackedSource toSource(
        const ::qzc::format::PackedShape &shape,
        ::llvm::function_ref<size_t(::llvm::StringRef)> number) const;
    /// The symbols of the files that its tensors are in.
    ::llvm::SmallVector<::mlir::FlatSymbolRefAttr> getFiles() const;
  }];
}

//===----------------------------------------------------------------------===//
// Inputs that are scaled
//===----------------------------------------------------------------------===//

def Qz_ScalingAttr : AttrDef<QzDialect, "Scaling"> {
  let mnemonic = "scaling";
  let summary = "The scales that a weight takes part in";
  let description = [{
    A scale has a factor, chosen by `--method=awq`, for each column of one value
    that linear layers take. The columns of their weights are multiplied by it,
    and that value divided, which the weights before it do: so the same is
    computed.

    * `columns`: the scale that the weight's columns are multiplied by.
    * `rows`: the scale that its rows, of a vector its elements, are divided by.
      With `unit_offset` that is done to 1 + weight, as the norm uses it.
    * `width` and `repeats`: the rows are heads of values that attention gives to
      `repeats` heads of its result each. All these have the same factors.

    ```mlir
    #qz.scaling<columns = 0>
    #qz.scaling<rows = 0, unit_offset = true>
    #qz.scaling<columns = 0, rows = 1, width = 64, repeats = 3>
    ```

    Constraints:
    * (C1) scales are numbered from 0 on, and `columns` and `rows` are two.
    * (C2) `unit_offset` and `width` need `rows`; `repeats` is positive, and 1
      without `width`.
  }];
  let parameters = (ins DefaultValuedParameter<"int64_t", "-1">:$columns,
      DefaultValuedParameter<"int64_t", "-1">:$rows,
      DefaultValuedParameter<"bool", "false">:$unit_offset,
      DefaultValuedParameter<"int64_t", "0">:$width,
      DefaultValuedParameter<"int64_t", "1">:$repeats);
  let assemblyFormat = "`<` struct(params) `>`";
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    /// The same as data.
    ::qzc::format::Scaling toFormat() const;
    static ScalingAttr of(::mlir::MLIRContext *context,
                          const ::qzc::format::Scaling &scaling);
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
