//===- SchedDialect.td - The sched dialect, its types and attributes ------===//
//
// `sched` is the op-level plan of a model: launches in a fixed order that read
// and write buffers. It says the same as format::Plan (Format/Manifest.h), in a
// form that passes can work on.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_DIALECT_SCHED_IR_SCHEDDIALECT_TD
#define QZC_DIALECT_SCHED_IR_SCHEDDIALECT_TD

include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/OpBase.td"

def Sched_Dialect : Dialect {
  let name = "sched";
  let cppNamespace = "::qzc::sched";
  let summary = "The op-level plan of a model";
  let description = [{
    A `sched.program` holds the model's facts, its tensor table, and two lists
    of launches: `sched.body` turns tokens into hidden states, `sched.head`
    turns hidden states into logits. Launches run in the order in which they are
    written. Every launch names an opcode of Format/Opcodes.def.
  }];
  let useDefaultTypePrinterParser = 1;
  let useDefaultAttributePrinterParser = 1;
  let dependentDialects = ["::qzc::qz::QzDialect"];
}

class Sched_Type<string name, string typeMnemonic>
    : TypeDef<Sched_Dialect, name> {
  let mnemonic = typeMnemonic;
}

def Sched_BufferType : Sched_Type<"Buffer", "buffer"> {
  let summary = "An f32 activation buffer [tokens, columns]";
  let description = [{
    Rows are `stride()` elements apart: the columns rounded up so that each row
    starts at a multiple of 64 bytes.
  }];
  let parameters = (ins "int64_t":$columns);
  let assemblyFormat = "`<` $columns `>`";
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    /// Most columns a buffer may have.
    static constexpr int64_t kMaxColumns = int64_t(1) << 31;
    /// Elements from one row to the next, a multiple of 16.
    int64_t stride() const { return (getColumns() + 15) / 16 * 16; }
    /// Bytes of one row, a multiple of 64.
    uint64_t bytesPerToken() const { return uint64_t(stride()) * 4; }
  }];
}

def Sched_ViewType : Sched_Type<"View", "view"> {
  let summary = "Adjacent columns of a buffer";
  let parameters = (ins "int64_t":$columns);
  let assemblyFormat = "`<` $columns `>`";
  let genVerifyDecl = 1;
}

def Sched_OpcodeAttr : AttrDef<Sched_Dialect, "Opcode"> {
  let mnemonic = "opcode";
  let summary = "An opcode of Format/Opcodes.def";
  let parameters = (ins "::qzc::format::Opcode":$value);
  let hasCustomAssemblyFormat = 1;
}

#endif // QZC_DIALECT_SCHED_IR_SCHEDDIALECT_TD
