//===- LaunchParams.h - Parameters of launches, both ways -------*- C++ -*-===//
//
// `sched.launch` keeps its parameters as a dictionary; everybody else works on
// the structs of Format/LaunchParams.h, whose fields say what the keys are.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_DIALECT_SCHED_IR_LAUNCHPARAMS_H
#define QZC_DIALECT_SCHED_IR_LAUNCHPARAMS_H

#include "qzc/Dialect/Qz/IR/QzDialect.h"
#include "qzc/Format/LaunchParams.h"

#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/Diagnostics.h"

namespace qzc::sched {

/// A launch's parameters; `rope` replaces AttentionParams::rope, which is an
/// index into a table that the IR does not have.
struct LaunchParameters {
  format::LaunchParams values;
  qz::RopeAttr rope;
};

/// Reads and checks the parameters of `opcode`: exactly the known keys, with
/// the right types, finite numbers in the ranges that the opcode allows.
mlir::FailureOr<LaunchParameters>
readParams(format::Opcode opcode, mlir::DictionaryAttr params,
           llvm::function_ref<mlir::InFlightDiagnostic()> emitError);

/// The inverse; parameters that have their default are left out.
mlir::DictionaryAttr writeParams(mlir::MLIRContext *context,
                                 const LaunchParameters &params);

} // namespace qzc::sched

#endif // QZC_DIALECT_SCHED_IR_LAUNCHPARAMS_H
