//===- Passes.td - Passes on the cuda dialect -----------------------------===//

#ifndef QZC_DIALECT_CUDA_TRANSFORMS_PASSES_TD
#define QZC_DIALECT_CUDA_TRANSFORMS_PASSES_TD

include "mlir/Pass/PassBase.td"

def CudaPlanMemory : Pass<"cuda-plan-memory", "::qzc::cuda::ProgramOp"> {
  let summary = "Give every buffer its place in its arena";
  let description = [{
    A buffer has one place for all lists. In each list it is live from the first
    launch that works on it to the last; what a list leaves behind (the hidden
    states of `prefill`, the logits of `decode`, `batch` and `head`) is live to its
    end, and the logits that `score` and `choose` begin with from their beginning.
    Buffers that are live together in no list may share bytes. A buffer that no
    launch works on goes. Larger buffers are placed first, as `sched-plan-memory`
    does it.
  }];
}

def CudaPlanScratch : Pass<"cuda-plan-scratch", "::qzc::cuda::ProgramOp"> {
  let summary = "Give every region of scratch its place";
  let description = [{
    Regions live through the whole program: they lie one behind the other, in the
    order in which they are written, those of a fixed size and those per token
    apart.

    ```mlir
    %a = cuda.scratch "a" bytes 300
    %b = cuda.scratch "b" bytes 64
    ```

    become

    ```mlir
    %a = cuda.scratch "a" bytes 300 at 0
    %b = cuda.scratch "b" bytes 64 at 512
    ```

    and the program's `scratch_bytes` 768.
  }];
}

#endif // QZC_DIALECT_CUDA_TRANSFORMS_PASSES_TD
