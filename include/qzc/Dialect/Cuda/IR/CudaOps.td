//===- CudaOps.td - The operations of the cuda dialect --------------------===//
//
// Constraints are numbered per operation; the verifiers and the tests refer to
// them by these numbers.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_DIALECT_CUDA_IR_CUDAOPS_TD
#define QZC_DIALECT_CUDA_IR_CUDAOPS_TD

include "qzc/Dialect/Cuda/IR/CudaDialect.td"
include "mlir/IR/BuiltinAttributes.td"
include "mlir/IR/RegionKindInterface.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

class Cuda_Op<string mnemonic, list<Trait> traits = []>
    : Op<Cuda_Dialect, mnemonic, traits>;

def Cuda_Int
    : TypedSignlessIntegerAttrBase<I64, "int64_t", "64-bit integer attribute"> {
  let convertFromStorage = "$_self.getInt()";
}
def Cuda_Positive : ConfinedAttr<Cuda_Int, [IntPositive]>;
def Cuda_NonNegative : ConfinedAttr<Cuda_Int, [IntNonNegative]>;

//===----------------------------------------------------------------------===//
// The program
//===----------------------------------------------------------------------===//

def Cuda_ProgramOp : Cuda_Op<"program", [
    IsolatedFromAbove, SymbolTable, NoRegionArguments, NoTerminator,
    SingleBlock]> {
  let summary = "A model's program for one kind of GPU";
  let description = [{
    `archs` are the architectures whose code the program is for. `decode_batch`
    is the most sequences of a decode pass, `tile_queries` the most queries of a
    query tile, `page_positions` the positions of a page of the cache (0: each
    sequence is one page). `scratch_bytes` and `scratch_bytes_per_token` are what
    the scratch takes, `body_bytes`, `head_bytes` and `decode_bytes` what the
    buffers take per token; they are set together with the places in these.

    Constraints:
      * (C1) each list of launches is there at most once; those of `batch` are
        for more and more sequences, up to `decode_batch`.
      * (C2) `page_positions` is 0 or a power of two.
      * (C3) either both sizes of the scratch are set and so is the place of every
        `cuda.scratch`, or none is.
      * (C4) every `cuda.scratch` lies inside its part of the scratch, and shares
        no byte with another or with the buffers of `decode`.
      * (C5) there is at most one `cuda.hidden`, and one `cuda.logits`.
      * (C6) either the bytes of all arenas are set and so is the place of every
        `cuda.buffer`, or none is.
      * (C7) every `cuda.buffer` lies inside its arena.
  }];
  let arguments = (ins Cuda_GpuAttr:$gpu,
      DefaultValuedAttr<StrArrayAttr, "{}">:$archs,
      Cuda_Positive:$decode_batch, Cuda_Positive:$tile_queries,
      Cuda_NonNegative:$page_positions,
      OptionalAttr<Cuda_NonNegative>:$scratch_bytes,
      OptionalAttr<Cuda_NonNegative>:$scratch_bytes_per_token,
      OptionalAttr<Cuda_NonNegative>:$body_bytes,
      OptionalAttr<Cuda_NonNegative>:$head_bytes,
      OptionalAttr<Cuda_NonNegative>:$decode_bytes);
  let regions = (region SizedRegion<1>:$content);
  let assemblyFormat =
      "`for` qualified($gpu) ($archs^)? attr-dict-with-keyword $content";
  let hasRegionVerifier = 1;
  let extraClassDeclaration = [{
    mlir::Block &block() { return getContent().front(); }
    /// What the buffers of `decode` take at the beginning of the scratch.
    int64_t decodeArenaBytes();
  }];
}

def Cuda_ListOp : Cuda_Op<"list", [HasParent<"ProgramOp">, NoRegionArguments,
    NoTerminator, SingleBlock]> {
  let summary = "Launches in their order";
  let description = [{
    * `decode`: a token each of at most `decode_batch` sequences: body, head and
      choice
    * `batch`: the same for passes of at most `sequences` of them
    * `prefill`: the body for a pass of tokens
    * `head`: logits of rows of what `prefill` left
    * `score`: after it, the losses of these rows
    * `losses`: in place of both, the same losses without logits
    * `draw`: after `decode` or a `batch`, tokens drawn in place of the greedy
      choice
    * `arrange`: once, where weights were copied to: what makes their order that
      in which the kernels read them

    Constraints:
      * (C1) `sequences`, at least 2, are said of a `batch` and of no other list.
  }];
  let arguments = (ins Cuda_ListKindAttr:$kind,
      OptionalAttr<Cuda_Positive>:$sequences);
  let regions = (region SizedRegion<1>:$content);
  let assemblyFormat =
      "`` $kind (`of` $sequences^)? attr-dict-with-keyword $content";
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    mlir::Block &block() { return getContent().front(); }
  }];
}

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

def Cuda_BufferOp : Cuda_Op<"buffer", [HasParent<"ProgramOp">]> {
  let summary = "An f32 activation buffer [tokens, columns]";
  let description = [{
    Rows are as many columns apart. Buffers of the head have an arena of their
    own. So have those of `decode`, which only passes of a token each of at most
    `decode_batch` sequences work on: it has room for so many tokens, at the
    beginning of the scratch. `at` is in bytes per token: with room for T tokens
    the buffer starts at T times its place in the arena.

    Constraints:
      * (C1) rows and the place are multiples of 64 bytes.
      * (C2) a row has at most 2^31 - 1 columns, which kernels count with ints.
  }];
  let arguments = (ins Cuda_ArenaAttr:$arena, Cuda_Positive:$columns,
      OptionalAttr<Cuda_NonNegative>:$place);
  // Allocating keeps two buffers of one size from being merged.
  let results = (outs Res<Cuda_Memory, "", [MemAlloc]>:$result);
  let assemblyFormat =
      "`` $arena `columns` $columns (`at` $place^)? attr-dict";
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    uint64_t bytesPerToken() {
      return static_cast<uint64_t>(getColumns()) * sizeof(float);
    }
  }];
}

def Cuda_HiddenOp : Cuda_Op<"hidden", [Pure, HasParent<"ProgramOp">]> {
  let summary = "The rows that the head runs on";
  let description = [{
    Of a buffer of the body the columns that are hidden states; which of its rows
    is the first, each call of the head says.

    Constraints:
      * (C1) the columns lie inside a buffer of the body.
  }];
  let arguments = (ins Cuda_Memory:$buffer, Cuda_NonNegative:$column,
      Cuda_Positive:$columns);
  let results = (outs Cuda_Memory:$result);
  let assemblyFormat =
      "$buffer `[` $column `,` $columns `]` attr-dict";
  let hasVerifier = 1;
}

def Cuda_LogitsOp : Cuda_Op<"logits", [HasParent<"ProgramOp">]> {
  let summary = "What the head makes";
  let description = [{
    The columns of a buffer of the head that the runtime, `score` and `draw` find
    logits in.

    Constraints:
      * (C1) the columns lie inside a buffer of the head.
  }];
  let arguments = (ins Cuda_Memory:$buffer, Cuda_NonNegative:$column,
      Cuda_Positive:$columns);
  let assemblyFormat =
      "$buffer `[` $column `,` $columns `]` attr-dict";
  let hasVerifier = 1;
}

def Cuda_ScratchOp : Cuda_Op<"scratch", [HasParent<"ProgramOp">]> {
  let summary = "Memory between a list's launches";
  let description = [{
    So many bytes, or so many for each token that the program has room for. The
    regions per token lie behind all others: with room for T tokens, at T times
    their place.

    Constraints:
      * (C1) the place is a multiple of 256, per token of 16.
  }];
  let arguments = (ins StrAttr:$purpose, Cuda_NonNegative:$bytes,
      UnitAttr:$per_token, OptionalAttr<Cuda_NonNegative>:$place);
  let results = (outs Res<Cuda_Memory, "", [MemAlloc]>:$result);
  let assemblyFormat = [{
    $purpose `bytes` $bytes (`per_token` $per_token^)? (`at` $place^)? attr-dict
  }];
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    /// What places are multiples of.
    uint64_t alignment() { return getPerToken() ? 16 : 256; }
    /// Bytes up to where another region may begin.
    uint64_t paddedBytes() {
      return (static_cast<uint64_t>(getBytes()) + alignment() - 1) /
             alignment() * alignment();
    }
  }];
}

//===----------------------------------------------------------------------===//
// Kernels and launches
//===----------------------------------------------------------------------===//

def Cuda_KernelOp : Cuda_Op<"kernel", [HasParent<"ProgramOp">, Symbol]> {
  let summary = "An instance of a kernel's template";
  let description = [{
    One `extern "C" __global__` function: it gathers parameters of these types as
    the `Args` of `interface` and calls `qzc::kernels::` `function` of `header`
    with `config` as the template's argument. `min_blocks` are those that should
    fit on a multiprocessor, `cluster_blocks` those of a cluster. One that is
    `per_cache_type` exists as NAME_f16, NAME_f32 and NAME_q8, the cache's element
    type being the first template argument.

    The name is that of the template and a hash of the rest: equal instances of
    two programs are the same text, and compiled once.

    Constraints:
      * (C1) the name is an identifier of C.
      * (C2) a block has at most 1024 threads, a cluster no more blocks than the
        GPU's.
      * (C3) every parameter is a pointer, an `int`, a `float` or the cache's view.
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, StrAttr:$function,
      StrAttr:$interface, StrAttr:$header, StrAttr:$config,
      StrArrayAttr:$parameters, Cuda_Positive:$threads,
      DefaultValuedAttr<Cuda_Positive, "1">:$min_blocks,
      DefaultValuedAttr<Cuda_Positive, "1">:$cluster_blocks,
      UnitAttr:$per_cache_type);
  let assemblyFormat = [{
    $sym_name $function `of` $interface `in` $header `config` $config
    $parameters `threads` $threads (`min_blocks` $min_blocks^)?
    (`cluster_blocks` $cluster_blocks^)? (`per_cache_type` $per_cache_type^)?
    attr-dict
  }];
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    /// Nothing outside of the program launches it.
    bool canDiscardOnUseEmpty() { return true; }
  }];
}

def Cuda_LaunchOp : Cuda_Op<"launch", [HasParent<"ListOp">,
    DeclareOpInterfaceMethods<MemoryEffectsOpInterface>,
    DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "One launch of a kernel";
  let description = [{
    `cuda.launch @norm_1 [1 per 1, 4] shared 64 (%x[16], 576 : i32)`: blocks along
    x, y and z (1 where left out), bytes of dynamic shared memory, and an argument
    for each parameter. An argument is

    * `%m[e]`: f32 element `e` of the first row of memory of the program's own
    * `#cuda.tensor<i, part>`, `#cuda.cache<layer>`, `#cuda.rope_table<i>`
    * `#cuda.given<…>`: `state`, `tokens`, `tiles`, `targets`, `losses`,
      `draws`
    * an `i32`, an `f32`
    * `#cuda.unused`, for a pointer that the instance does not read

    Constraints:
      * (C1) `kernel` names a `cuda.kernel` of the program.
      * (C2) there is an argument for each of its parameters, of the right type:
        what is written is not const. Weights are written by `arrange` alone.
      * (C3) an element lies inside its memory's rows; of scratch it is the first.
      * (C4) a grid has at most three extents, those of y and z that tokens do not
        decide at most 65535.
      * (C5) the shared memory is no more than the GPU gives a block.
      * (C6) `losses` has no buffer of the head: it runs on more rows than these
        have. For the same reason only a `decode` or `batch` has buffers of
        `decode`.
  }];
  let arguments = (ins FlatSymbolRefAttr:$kernel, ArrayAttr:$grid,
      DefaultValuedAttr<Cuda_NonNegative, "0">:$shared,
      Variadic<Cuda_Memory>:$memory, ArrayAttr:$args);
  let assemblyFormat = [{
    $kernel custom<Grid>($grid) (`shared` $shared^)?
    custom<Args>($memory, $args) attr-dict
  }];
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    /// The kernel of the program that it names.
    KernelOp kernelOp();
  }];
}

#endif // QZC_DIALECT_CUDA_IR_CUDAOPS_TD
