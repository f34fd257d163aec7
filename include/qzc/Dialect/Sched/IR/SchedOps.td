//===- SchedOps.td - The operations of the sched dialect ------------------===//
//
// Constraints are numbered per operation; the verifiers and the tests refer to
// them by these numbers.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_DIALECT_SCHED_IR_SCHEDOPS_TD
#define QZC_DIALECT_SCHED_IR_SCHEDOPS_TD

include "qzc/Dialect/Sched/IR/SchedDialect.td"
include "qzc/Dialect/Texts.td"
include "mlir/IR/BuiltinAttributes.td"
include "mlir/IR/OpAsmInterface.td"
include "mlir/IR/RegionKindInterface.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

class Sched_Op<string mnemonic, list<Trait> traits = []>
    : Op<Sched_Dialect, mnemonic, traits>;

/// What a launch reads and writes: all columns of a buffer, or some of them.
def Sched_Columns : AnyTypeOf<[Sched_BufferType, Sched_ViewType],
                              "buffer or view">;

def Sched_Int
    : TypedSignlessIntegerAttrBase<I64, "int64_t", "64-bit integer attribute"> {
  let convertFromStorage = "$_self.getInt()";
}
def Sched_Positive : ConfinedAttr<Sched_Int, [IntPositive]>;
def Sched_NonNegative : ConfinedAttr<Sched_Int, [IntNonNegative]>;

//===----------------------------------------------------------------------===//
// The program
//===----------------------------------------------------------------------===//

def Sched_ProgramOp : Sched_Op<"program", [
    IsolatedFromAbove, Symbol, SymbolTable, NoRegionArguments,
    NoTerminator, SingleBlock, HasParent<"::mlir::ModuleOp">]> {
  let summary = "A model as a plan";
  let description = [{
    Holds `sched.file`s, `sched.tensor`s, one `sched.body` and one
    `sched.head`, and the model's facts as attributes.

    Constraints:
      * (C1) holds exactly one `sched.body`, followed by exactly one
        `sched.head`.
      * (C2) the head's argument has as many columns as the body's result, its
        result has `vocab` columns.
      * (C3) `tokenizer`, where present, names a `sched.file` of the program.
      * (C4) `bos` and every `eos` are token ids below `vocab`.
      * (C5) no two tensors have the same source (name, type, file, offset, whether
        transposed), rows and type.
  }];
  let arguments = (ins
      SymbolNameAttr:$sym_name, StrAttr:$family, Sched_Positive:$vocab,
      Sched_Positive:$hidden, Sched_Positive:$layers, Sched_Positive:$context,
      OptionalAttr<Sched_NonNegative>:$bos, DenseI64ArrayAttr:$eos,
      BoolAttr:$add_bos,
      OptionalAttr<StrAttr>:$chat_template,
      OptionalAttr<Qzc_TextsAttr>:$special_tokens,
      OptionalAttr<FlatSymbolRefAttr>:$tokenizer);
  let regions = (region SizedRegion<1>:$content);
  let assemblyFormat =
      "$sym_name attr-dict-with-keyword $content";
  let hasVerifier = 1;
  let hasRegionVerifier = 1;
  let extraClassDeclaration = [{
    BodyOp getBodyOp();
    HeadOp getHeadOp();
  }];
}

def Sched_FileOp : Sched_Op<"file", [Symbol, HasParent<"ProgramOp">]> {
  let summary = "A file that the program's tensors or tokenizer come from";
  let description = [{
    As `qz.file`.

    Constraints:
      * (C1) `sha256` is 64 lower-case hexadecimal digits.
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, StrAttr:$path,
      Sched_NonNegative:$size, StrAttr:$sha256);
  let assemblyFormat =
      "$sym_name $path `size` $size `sha256` $sha256 attr-dict";
  let hasVerifier = 1;
}

def Sched_Packing
    : Attr<CPred<"::llvm::isa<::qzc::qz::PackingAttr>($_self)">,
           "a #qz.packing"> {
  let storageType = "::qzc::qz::PackingAttr";
  let returnType = "::qzc::qz::PackingAttr";
  let convertFromStorage = "$_self";
}

def Sched_Scaling
    : Attr<CPred<"::llvm::isa<::qzc::qz::ScalingAttr>($_self)">,
           "a #qz.scaling"> {
  let storageType = "::qzc::qz::ScalingAttr";
  let returnType = "::qzc::qz::ScalingAttr";
  let convertFromStorage = "$_self";
}

def Sched_TensorOp : Sched_Op<"tensor", [Pure, HasParent<"ProgramOp">,
    DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "An entry of the tensor table";
  let description = [{
    A stored weight: where it comes from, what it is for, and (its type) how it
    is stored. Without `file` and `packing` its values are synthetic.

    Constraints:
      * (C1) the type is a tensor of f32, f16 or bf16 of rank 1 or 2 with
        static, positive extents, or a packed type.
      * (C2) `rows` are half-open ranges, given as pairs, that do not overlap,
        in rising order, and lie inside the (transposed) source; of a vector
        they are elements.
        What has a packing is not transposed, and has no file of its own; a
        source that is packed has one, and is taken whole.
      * (C3) the type has the shape of the (transposed) source with these rows;
        only a matrix is transposed.
      * (C4) `offset` is given exactly where `file` is, is not negative, and the
        source's bytes lie inside the file.
      * (C5) `block` is given for the weights of a decoder block and is then not
        negative.
      * (C6) `file` names a `sched.file` of the program.
      * (C7) `method` and `scaling` are what `qz.param` takes.
  }];
  let arguments = (ins
      StrAttr:$source_name, TypeAttr:$source,
      UnitAttr:$transposed, DefaultValuedAttr<DenseI64ArrayAttr, "{}">:$rows,
      OptionalAttr<FlatSymbolRefAttr>:$file, OptionalAttr<Sched_Int>:$offset,
      OptionalAttr<Sched_Packing>:$packing, StrAttr:$role,
      OptionalAttr<Sched_Int>:$block, OptionalAttr<StrAttr>:$method,
      OptionalAttr<Sched_Scaling>:$scaling);
  let results = (outs AnyType:$result);
  let extraClassDeclaration = [{
    /// The same as data, for the manifest.
    ::qzc::format::TensorSource getTensorSource();
  }];
  let assemblyFormat = [{
    $role (`block` $block^)? $source_name (`transposed` $transposed^)?
    (`rows` $rows^)? `:` $source (`in` $file^ `at` $offset)? (`packing` qualified($packing)^)? attr-dict `as` type($result)
  }];
  let hasVerifier = 1;
}

//===----------------------------------------------------------------------===//
// The two lists of launches
//===----------------------------------------------------------------------===//

def Sched_BodyOp : Sched_Op<"body", [HasParent<"ProgramOp">, NoRegionArguments,
    SingleBlock]> {
  let summary = "From tokens to hidden states";
  let description = [{
    `bytes` is what the planned buffers take per token; it is set together with
    the buffers' offsets.

    Constraints:
      * (C1) either `bytes` is set and so is every buffer's offset, or none is.
      * (C2) `bytes` is a multiple of 64.
      * (C3) every buffer lies inside `bytes`.
  }];
  let arguments = (ins OptionalAttr<Sched_NonNegative>:$bytes);
  let regions = (region SizedRegion<1>:$content);
  let assemblyFormat = "(`bytes` $bytes^)? attr-dict-with-keyword $content";
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    mlir::Block &block() { return getContent().front(); }
    /// What the region yields: the hidden states.
    mlir::Value result() { return block().getTerminator()->getOperand(0); }
  }];
}

def Sched_HeadOp : Sched_Op<"head", [HasParent<"ProgramOp">, SingleBlock]> {
  let summary = "From hidden states to logits";
  let description = [{
    The argument stands for rows of what the body yields: maybe fewer rows than
    the body made. The head's buffers live in an arena of their own.

    Constraints:
      * (C1) either `bytes` is set and so is every buffer's offset, or none is.
      * (C2) `bytes` is a multiple of 64.
      * (C3) every buffer lies inside `bytes`.
      * (C4) there is one argument, a view.
      * (C5) no launch writes to the argument.
  }];
  let arguments = (ins OptionalAttr<Sched_NonNegative>:$bytes);
  let regions = (region SizedRegion<1>:$content);
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    mlir::Block &block() { return getContent().front(); }
    /// Rows of the hidden states.
    mlir::BlockArgument hidden() { return block().getArgument(0); }
    /// What the region yields: the logits.
    mlir::Value result() { return block().getTerminator()->getOperand(0); }
  }];
}

def Sched_YieldOp : Sched_Op<"yield", [Pure, Terminator,
    ParentOneOf<["BodyOp", "HeadOp"]>]> {
  let summary = "The columns that a body or head hands on";
  let arguments = (ins Sched_Columns:$value);
  let assemblyFormat = "$value attr-dict `:` type($value)";
}

//===----------------------------------------------------------------------===//
// Buffers and launches
//===----------------------------------------------------------------------===//

def Sched_BufferOp : Sched_Op<"buffer", [ParentOneOf<["BodyOp", "HeadOp"]>]> {
  let summary = "An activation buffer";
  let description = [{
    `offset` is in bytes per token: with room for T tokens the buffer starts at
    offset × T of the arena.

    Constraints:
      * (C1) `offset` is a multiple of 64.
  }];
  let arguments = (ins OptionalAttr<Sched_NonNegative>:$offset);
  // Allocating keeps two buffers of one type from being merged.
  let results = (outs Res<Sched_BufferType, "", [MemAlloc]>:$result);
  let assemblyFormat =
      "(`at` $offset^)? attr-dict `:` qualified(type($result))";
  let hasVerifier = 1;
}

def Sched_ViewOp : Sched_Op<"view", [Pure]> {
  let summary = "Adjacent columns of a buffer";
  let description = [{
    `sched.view %b[32, 64]` is columns 32 to 95.

    Constraints:
      * (C1) the columns lie inside the buffer.
  }];
  let arguments = (ins Sched_BufferType:$buffer, Sched_NonNegative:$column);
  let results = (outs Sched_ViewType:$result);
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
}

def Sched_LaunchOp : Sched_Op<"launch", [AttrSizedOperandSegments,
    ParentOneOf<["BodyOp", "HeadOp"]>,
    DeclareOpInterfaceMethods<MemoryEffectsOpInterface>]> {
  let summary = "One step of the plan";
  let description = [{
    What each opcode computes is written in Format/Opcodes.def and at its
    parameters in Format/LaunchParams.h. Parameters are the fields of the
    opcode's struct there, by their names: integers as i64, real numbers as f32,
    flags as unit attributes, activations by name, a rope as #qz.rope, views of
    weights' rows as a list of array<i64: first, rows, run, stride>. Optional
    ones are left out where they have their default.

    Constraints:
      * (C1) as many operands as Opcodes.def says for the opcode.
      * (C2) exactly the opcode's parameters, with the right types and values.
      * (C3) the operands' extents fit together.
      * (C4) the columns written overlap none that are read, and a write is
        never to part of what the launch also writes.
  }];
  let arguments = (ins
      Sched_OpcodeAttr:$opcode, Variadic<Sched_Columns>:$inputs,
      Variadic<AnyType>:$weights, Variadic<Sched_Columns>:$outputs,
      DefaultValuedAttr<DictionaryAttr, "{}">:$params);
  let assemblyFormat = [{
    custom<Opcode>($opcode)
    (`ins` `(` $inputs^ `:` type($inputs) `)`)?
    (`weights` `(` $weights^ `:` type($weights) `)`)?
    `outs` `(` $outputs `:` type($outputs) `)`
    (`with` $params^)? attr-dict
  }];
  let hasVerifier = 1;
}

#endif // QZC_DIALECT_SCHED_IR_SCHEDOPS_TD
