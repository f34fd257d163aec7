//===- Passes.td - Passes on the sched dialect ----------------------------===//

#ifndef QZC_DIALECT_SCHED_TRANSFORMS_PASSES_TD
#define QZC_DIALECT_SCHED_TRANSFORMS_PASSES_TD

include "mlir/Pass/PassBase.td"

def SchedPlanMemory : Pass<"sched-plan-memory", "::mlir::ModuleOp"> {
  let summary = "Give every buffer its place in the arena";
  let description = [{
    A buffer is live from the first launch that touches it to the last; what a
    body or head yields is live to its end. Buffers whose lives do not meet may
    share bytes. Larger buffers are placed first, each in the smallest gap that
    holds it. The result depends on nothing but the program.
  }];
}

def SchedVerifyMemory : Pass<"sched-verify-memory", "::mlir::ModuleOp"> {
  let summary = "Check that no launch reads bytes that another one overwrote";
  let description = [{
    Follows the launches of planned bodies and heads in their order and keeps
    track of which columns of which buffers hold values. It shares nothing with
    `sched-plan-memory`. Errors:
      * a launch or yield reads columns that were never written, or whose bytes
        were written through another buffer since;
      * two buffers of one launch, one of them written, share bytes;
      * a body or head has no planned offsets.
  }];
}

#endif // QZC_DIALECT_SCHED_TRANSFORMS_PASSES_TD
