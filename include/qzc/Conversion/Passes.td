//===- Passes.td - Conversions between dialects ---------------------------===//

#ifndef QZC_CONVERSION_PASSES_TD
#define QZC_CONVERSION_PASSES_TD

include "mlir/Pass/PassBase.td"

def ConvertQzToSched : Pass<"convert-qz-to-sched", "::mlir::ModuleOp"> {
  let summary = "Lower qz models to sched programs";
  let description = [{
    Replaces every `qz.model` by a `sched.program` of the same name. Blocks are
    inlined, every operation becomes a launch that writes a buffer of its own,
    and every weight an entry of the tensor table, once for each pair of source
    and type. The body ends at the value that feeds the linear layer of role
    `head`; that layer and what follows it are the program's head.

    A `qz.linear_group` becomes one launch, whose output holds the parts side by
    side, and its results are views of it. What has no launch of its own must be
    fused away before: a `qz.rope` outside `qz.attention` is an error.

    ```mlir
    %h = qz.linear o %a, %w residual %x : …
    ```
    becomes
    ```mlir
    %h = sched.buffer : !sched.buffer<64>
    sched.launch linear ins(%a, %x : …) weights(%w : …) outs(%h : …)
    ```
  }];
  let dependentDialects = ["::qzc::sched::SchedDialect"];
}

#endif // QZC_CONVERSION_PASSES_TD
