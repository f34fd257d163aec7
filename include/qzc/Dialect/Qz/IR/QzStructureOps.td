//===- QzStructureOps.td - Model, files, weights, blocks --*- tablegen -*-===//

#ifndef QZC_DIALECT_QZ_IR_QZSTRUCTUREOPS_TD
#define QZC_DIALECT_QZ_IR_QZSTRUCTUREOPS_TD

include "mlir/IR/OpAsmInterface.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"
include "qzc/Dialect/Qz/IR/QzAttributes.td"
include "qzc/Dialect/Qz/IR/QzTypes.td"

class Qz_Op<string mnemonic, list<Trait> traits = []>
    : Op<QzDialect, mnemonic, traits>;

def ModelOp : Qz_Op<"model", [IsolatedFromAbove, NoTerminator, SingleBlock,
                              SymbolTable, Symbol]> {
  let summary = "A language model";
  let description = [{
    The facts of a model, its files and its graph.

    `eos` may be empty; generation then runs to its limit. `add_bos` says
    whether the tokenizer's own rules put `bos` in front of a prompt.
    `special_tokens` says by which names a chat template calls tokens:
    `{bos_token = "<s>", eos_token = "</s>"}`. `gguf` is what `--gguf` needs.

    Constraints:
    * (C1) `layers`, `hidden`, `vocab` and `context` are positive and below
      2^31.
    * (C2) `bos` and every `eos` are tokens: in [0, vocab).
    * (C3) the body holds files and exactly one graph, nothing else.
    * (C4) `tokenizer` names a file of this model.
    * (C5) the graph has `layers` blocks, numbered 0, 1, … in order.
    * (C6) every block carries `hidden` features.
    * (C7) the graph returns `vocab` logits a token.
    * (C8) `family` is not empty.
    * (C9) `add_bos` is set only where `bos` is.
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, StrAttr:$family,
      Qz_IntAttr:$layers, Qz_IntAttr:$hidden, Qz_IntAttr:$vocab,
      Qz_IntAttr:$context, OptionalAttr<Qz_IntAttr>:$bos,
      DenseI64ArrayAttr:$eos, BoolAttr:$add_bos,
      OptionalAttr<StrAttr>:$chat_template,
      OptionalAttr<Qzc_TextsAttr>:$special_tokens,
      OptionalAttr<FlatSymbolRefAttr>:$tokenizer,
      OptionalAttr<Qz_GgufAttr>:$gguf);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = "$sym_name attr-dict-with-keyword $body";
  let hasVerifier = 1;
  let hasRegionVerifier = 1;
  let extraClassDeclaration = [{
    /// The model's only graph.
    ::qzc::qz::GraphOp getGraph();
    /// The file of that name, or null.
    ::qzc::qz::FileOp lookupFile(::llvm::StringRef name);
  }];
}

def FileOp : Qz_Op<"file", [Symbol, HasParent<"ModelOp">]> {
  let summary = "A file that the model needs";
  let description = [{
    Relative to the module's own file (or to --weights-dir), with what is
    needed to notice that it changed.

    ```mlir
    qz.file @model "model.safetensors" size 269060552 sha256 "9f…"
    ```

    Constraints:
    * (C1) the path is relative and not empty.
    * (C2) the size is positive.
    * (C3) the hash is 64 lower-case hexadecimal digits.
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, StrAttr:$path,
                       Qz_IntAttr:$size, StrAttr:$sha256);
  let assemblyFormat =
      "$sym_name $path `size` $size `sha256` $sha256 attr-dict";
  let hasVerifier = 1;
}

def GraphOp : Qz_Op<"graph", [IsolatedFromAbove, SingleBlock,
                              HasParent<"ModelOp">]> {
  let summary = "What the model computes";
  let description = [{
    Turns the tokens of one sequence into a row of logits each.

    ```mlir
    qz.graph(%tokens : tensor<?xi32>) -> tensor<?x49152xf32> { … }
    ```

    Constraints:
    * (C1) the only argument is `tensor<?xi32>`.
    * (C2) the result is `tensor<?xNxf32>`.
    * (C3) the terminator is a `qz.return` of that type.
  }];
  let arguments = (ins TypeAttr:$result_type);
  let regions = (region SizedRegion<1>:$body);
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
  let hasRegionVerifier = 1;
  let extraClassDeclaration = [{
    ::mlir::BlockArgument getTokens() { return getBody().getArgument(0); }
  }];
}

def ReturnOp : Qz_Op<"return", [Pure, Terminator, HasParent<"GraphOp">]> {
  let summary = "The logits";
  let arguments = (ins Qz_Features:$logits);
  let assemblyFormat = "$logits attr-dict `:` type($logits)";
}

def BlockOp : Qz_Op<"block", [SingleBlock, RecursiveMemoryEffects,
                              HasParent<"GraphOp">]> {
  let summary = "A decoder block";
  let description = [{
    Groups what belongs to one layer: its number is what `--blocks` selects and
    which KV cache its attention uses. Its weights are declared inside; values
    from outside may be used as they are.

    ```mlir
    %x1 = qz.block 0 (%x = %x0) : tensor<?x576xf32> { … qz.yield %y : … }
    ```

    Constraints:
    * (C1) the number is not negative.
    * (C2) the only region argument has the type of input and output.
    * (C3) the terminator is a `qz.yield` of that type.
  }];
  let arguments = (ins Qz_IntAttr:$index, Qz_Features:$input);
  let results = (outs Qz_Features:$output);
  let regions = (region SizedRegion<1>:$body);
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
  let hasRegionVerifier = 1;
}

def YieldOp : Qz_Op<"yield", [Pure, Terminator, HasParent<"BlockOp">]> {
  let summary = "The output of a decoder block";
  let arguments = (ins Qz_Features:$output);
  let assemblyFormat = "$output attr-dict `:` type($output)";
}

def ParamOp : Qz_Op<"param", [Pure, ParentOneOf<["GraphOp", "BlockOp"]>,
    DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "A weight by reference";
  let description = [{
    A tensor of a safetensors file, by the file and the tensor's first byte; in
    a module without weights, by its name only. The result is what the model
    uses of it: an [out, in] matrix or a vector. Where it differs from the
    tensor in the file, the difference is spelled out:

    * `transposed`: the file has [in, out].
    * `rows [[lo, hi], …]`: half-open ranges of the (transposed) source's rows,
      one after the other; of a vector, its elements.
    * `source tensor<…>`: shape and element type in the file. The result's
      element type, or packed type, is what will be stored. Blocks and scales of
      a packed type are those of the selected rows, whatever else the source
      has.

    `method` says how the codes of a packed result are chosen where that is not
    `rtn`, rounding as the scheme's reference does: `mse`, `gptq` or `awq`.
    `scaling` says what its values are multiplied by before (`qz-scale-inputs`).

    A weight that the checkpoint holds quantized has a `packing` in place of file
    and offset. Its source is the type that has its values, that of the result
    unless it is named; where both are the same, nothing is rounded once more.

    ```mlir
    %0 = qz.param "h.0.attn.c_attn.weight" @model[4096] transposed
           rows [[0, 768]] source tensor<768x2304xf32> : tensor<768x768xf32>
    %1 = qz.param "model.embed_tokens.weight" @model[1032]
           source tensor<49152x576xbf16> : !qz.packed<49152x576, int8>
    %2 = qz.param "l.0.q" packing <layout = "ggml",
           tensors = {codes = #qz.tensor<"l.0.q", "U8", [64, 36], @model, 8>}>
           : !qz.packed<64x64, q4_0>
    ```

    Constraints:
    * (C1) the name is not empty.
    * (C2) file and byte offset come together, and the file is one of the
      model's.
    * (C3) the source is a static matrix or vector of f32, f16 or bf16 with
      positive extents, below 2^62 bytes, or, beside a packing, a packed type or a
      matrix of f32.
    * (C4) the byte range lies inside the file.
    * (C5) only a matrix is transposed.
    * (C6) rows are pairs lo < hi, ascending, disjoint, inside the source.
    * (C7) the result's shape is that of the selected rows.
    * (C8) a packed result names its source type, or has a packing.
    * (C9) a method is known, and one that the result's scheme takes.
    * (C10) a packing excludes a file of its own, transposing and, of a packed
      source, rows (`qz.rows` has them); its tensors' files are the model's.
    * (C11) what is scaled is stored packed or as f32, and of its columns a
      matrix; its heads are whole.
  }];
  let arguments = (ins StrAttr:$name, OptionalAttr<FlatSymbolRefAttr>:$file,
      OptionalAttr<Qz_IntAttr>:$offset, OptionalAttr<Qz_PackingAttr>:$packing,
      UnitAttr:$transposed, OptionalAttr<DenseI64ArrayAttr>:$rows,
      OptionalAttr<TypeAttr>:$source, OptionalAttr<StrAttr>:$method,
      OptionalAttr<Qz_ScalingAttr>:$scaling);
  let results = (outs Qz_Weight:$result);
  let assemblyFormat = [{
    $name ($file^ `[` $offset `]`)? (`packing` custom<Packing>($packing)^)?
    (`transposed` $transposed^)? (`rows` custom<RowRanges>($rows)^)? (`source` $source^)? attr-dict
    `:` type($result)
  }];
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    /// The tensor as it is in the file, or the packed type that holds it.
    ::mlir::Type getSourceType();
    /// The same as a stored shape.
    ::qzc::format::PackedShape getSourceShape();
    /// What is stored: scheme, element type, extents.
    ::qzc::format::PackedShape getPackedShape();
    /// Half-open row ranges of the (transposed) source; empty: all rows.
    ::std::vector<::std::pair<int64_t, int64_t>> getRowRanges();
    /// The same as data, for the manifest.
    ::qzc::format::TensorSource getTensorSource();
    /// Equal for parameters that read of one tensor: name, file, offset or
    /// packing, type, and whether transposed.
    ::mlir::Attribute getTensorKey();
    /// Equal for those that read the same rows of one tensor.
    ::mlir::Attribute getSourceKey();
    /// What verify asks of a parameter with a packing, and of one without.
    ::llvm::LogicalResult verifyPacked();
    ::llvm::LogicalResult verifyDense();
    ::llvm::LogicalResult verifyScaling();
  }];
}

def RowsOp : Qz_Op<"rows", [Pure, ParentOneOf<["GraphOp", "BlockOp"]>,
    DeclareOpInterfaceMethods<InferTypeOpInterface>]> {
  let summary = "Some rows of a quantized weight";
  let description = [{
    What one part of a fused weight is, where the whole is quantized as one:
    blocks may cross from part to part, and scales of double quantization share
    groups and an offset. Nothing is stored twice, and no code changes.

    ```mlir
    %w = qz.param "h.0.attn.c_attn.weight" @model[4096] transposed
           source tensor<768x2304xf32>
           : !qz.packed<2304x768, nf4, block = 64, double>
    %q = qz.rows %w [[0, 768]]
           : !qz.packed<2304x768, nf4, block = 64, double>
    %y = qz.linear q %x, %q : (tensor<?x768xf32>,
           !qz.rows<768 of !qz.packed<2304x768, nf4, block = 64, double>>)
           -> tensor<?x768xf32>
    ```

    Constraints:
    * (C1) rows are pairs lo < hi, ascending, disjoint, inside the weight.
    * (C2) they are of one length and one distance, as the parts of weights that
      are fused head by head are.
  }];
  let arguments = (ins Qz_PackedType:$weight, DenseI64ArrayAttr:$rows);
  let results = (outs Qz_RowsType:$result);
  let assemblyFormat = [{
    $weight custom<RowRanges>($rows) attr-dict `:` qualified(type($weight))
  }];
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    /// The ranges, half-open.
    ::std::vector<::std::pair<int64_t, int64_t>> getRowRanges();
    /// The same as data, for the plan.
    ::qzc::format::RowView getRowView();
  }];
}

#endif // QZC_DIALECT_QZ_IR_QZSTRUCTUREOPS_TD
