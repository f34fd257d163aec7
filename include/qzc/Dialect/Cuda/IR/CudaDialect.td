//===- CudaDialect.td - The cuda dialect, its type and attributes ---------===//
//
// `cuda` is a model's program for one kind of GPU: launches of kernels, the
// kernels, and the memory that they work on. It says the same as
// format::CudaProgram (Format/Manifest.h) and the kernels' C++, in a form that
// passes can work on.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_DIALECT_CUDA_IR_CUDADIALECT_TD
#define QZC_DIALECT_CUDA_IR_CUDADIALECT_TD

include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/EnumAttr.td"
include "mlir/IR/OpBase.td"

def Cuda_Dialect : Dialect {
  let name = "cuda";
  let cppNamespace = "::qzc::cuda";
  let summary = "A model's program for one kind of GPU";
  let description = [{
    A `cuda.program` holds buffers, scratch memory, kernels and lists of
    launches, and says which GPU it was made for. What the launches read besides
    that memory (weights, the cache, the tokens of a pass) are attributes that
    the runtime resolves.
  }];
  let useDefaultTypePrinterParser = 1;
  let useDefaultAttributePrinterParser = 1;
}

//===----------------------------------------------------------------------===//
// Enumerations
//===----------------------------------------------------------------------===//

class Cuda_Enum<string name, string summary, list<I32EnumAttrCase> cases>
    : I32EnumAttr<name, summary, cases> {
  let cppNamespace = "::qzc::cuda";
  let genSpecializedAttr = 0;
}

def Cuda_Arena : Cuda_Enum<"Arena", "where a buffer lies", [
    I32EnumAttrCase<"Body", 0, "body">, I32EnumAttrCase<"Head", 1, "head">,
    I32EnumAttrCase<"Decode", 2, "decode">]>;
def Cuda_ArenaAttr : EnumAttr<Cuda_Dialect, Cuda_Arena, "arena">;

def Cuda_ListKind : Cuda_Enum<"ListKind", "what a list of launches is for", [
    I32EnumAttrCase<"Decode", 0, "decode">,
    I32EnumAttrCase<"Batch", 1, "batch">,
    I32EnumAttrCase<"Prefill", 2, "prefill">,
    I32EnumAttrCase<"Head", 3, "head">, I32EnumAttrCase<"Score", 4, "score">,
    I32EnumAttrCase<"Losses", 5, "losses">,
    I32EnumAttrCase<"Draw", 6, "draw">,
    I32EnumAttrCase<"Arrange", 7, "arrange">]>;
def Cuda_ListKindAttr : EnumAttr<Cuda_Dialect, Cuda_ListKind, "list">;

def Cuda_Given : Cuda_Enum<"Given", "what the runtime has for every pass", [
    I32EnumAttrCase<"State", 0, "state">,
    I32EnumAttrCase<"Tokens", 1, "tokens">,
    I32EnumAttrCase<"Tiles", 2, "tiles">,
    I32EnumAttrCase<"Targets", 3, "targets">,
    I32EnumAttrCase<"Losses", 4, "losses">,
    I32EnumAttrCase<"Draws", 5, "draws">]>;

//===----------------------------------------------------------------------===//
// Memory, and the GPU
//===----------------------------------------------------------------------===//

def Cuda_MemoryType : TypeDef<Cuda_Dialect, "Memory"> {
  let mnemonic = "memory";
  let summary = "Memory of the program's own";
  let description = [{
    What it is, the operation that makes it says: `cuda.buffer`, `cuda.hidden` or
    `cuda.scratch`.
  }];
}
def Cuda_Memory : DialectType<Cuda_Dialect,
    CPred<"::llvm::isa<::qzc::cuda::MemoryType>($_self)">, "memory",
    "::qzc::cuda::MemoryType">,
    BuildableType<"$_builder.getType<::qzc::cuda::MemoryType>()">;

def Cuda_GpuAttr : AttrDef<Cuda_Dialect, "Gpu"> {
  let mnemonic = "gpu";
  let summary = "The GPU that a program is made for";
  let description = [{
    Multiprocessors, the most blocks of a cluster (1: there are no clusters),
    the bytes of shared memory that a block may have and those of the L2 cache,
    and features by name: `warpgroups`, the matrix products of sm_90a.
    Target/Cuda/Gpu.h has the same as a struct, and which architecture has what.

    ```mlir
    #cuda.gpu<processors = 132, cluster_blocks = 8, shared_bytes = 232448,
              l2_bytes = 52428800, warpgroups>
    ```
  }];
  let parameters = (ins "::qzc::cuda::Gpu":$gpu);
  let hasCustomAssemblyFormat = 1;
}

//===----------------------------------------------------------------------===//
// Grids and arguments
//===----------------------------------------------------------------------===//

def Cuda_ExtentAttr : AttrDef<Cuda_Dialect, "Extent"> {
  let mnemonic = "extent";
  let summary = "Blocks of a grid along one axis";
  let description = [{
    `<16>` are 16 blocks; `<2 per 8>` two for every 8 tokens of the pass, or part
    of 8; `<1 per tile>` one for each of its query tiles.
  }];
  let parameters = (ins "int64_t":$fixed,
      DefaultValuedParameter<"int64_t", "0">:$per_tokens);
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
}

def Cuda_AtAttr : AttrDef<Cuda_Dialect, "At"> {
  let mnemonic = "at";
  let summary = "An argument that is a launch's next operand, so many elements on";
  let parameters = (ins "int64_t":$element);
  let assemblyFormat = "`<` $element `>`";
}

def Cuda_TensorAttr : AttrDef<Cuda_Dialect, "Tensor"> {
  let mnemonic = "tensor";
  let summary = "A part of an entry of the tensor table";
  let description = "Its codes (part 0), or what belongs to them.";
  let parameters = (ins "int64_t":$index, "int64_t":$part);
  let assemblyFormat = "`<` $index `,` $part `>`";
}

def Cuda_CacheAttr : AttrDef<Cuda_Dialect, "Cache"> {
  let mnemonic = "cache";
  let summary = "Keys and values of a layer";
  let parameters = (ins "int64_t":$layer);
  let assemblyFormat = "`<` $layer `>`";
}

def Cuda_RopeTableAttr : AttrDef<Cuda_Dialect, "RopeTable"> {
  let mnemonic = "rope_table";
  let summary = "Cosines and sines of one of the plan's ropes";
  let parameters = (ins "int64_t":$index);
  let assemblyFormat = "`<` $index `>`";
}

def Cuda_GivenAttr : EnumAttr<Cuda_Dialect, Cuda_Given, "given"> {
  let assemblyFormat = "`<` $value `>`";
}

def Cuda_UnusedAttr : AttrDef<Cuda_Dialect, "Unused"> {
  let mnemonic = "unused";
  let summary = "A pointer that the kernel instance does not read";
}

#endif // QZC_DIALECT_CUDA_IR_CUDADIALECT_TD
