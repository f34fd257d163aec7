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
    end, and the logits that `score` and `draw` begin with from their beginning.
    The hidden states are live throughout all lists that run on what `prefill` left.
    Buffers that are live together in no list may share bytes. A buffer that no
    launch works on goes; one of the body that launches of `decode` and `batch` alone
    work on becomes one of `decode`, which takes room for few tokens. Larger buffers
    are placed first, as `sched-plan-memory` does it.
  }];
}

def CudaPlanScratch : Pass<"cuda-plan-scratch", "::qzc::cuda::ProgramOp"> {
  let summary = "Give every region of scratch its place";
  let description = [{
    Regions live through the whole program: they lie one behind the other, in the
    order in which they are written, those of a fixed size and those per token
    apart. Ahead of the former are the buffers of `decode`, which
    `cuda-plan-memory` has given their places.

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

def CudaVerifyMemory : Pass<"cuda-verify-memory", "::qzc::cuda::ProgramOp"> {
  let summary = "Checks that launches read what was written for them";
  let description = [{
    Follows each list launch by launch, and knows of each buffer and region of
    scratch whether it holds what was written to it: writing to a buffer takes
    its bytes from all others that have places there. Lifetimes are not asked
    for, so that the pass judges whatever has planned the memory. It takes
    buffers as wholes: that all of one is written before any of it is read, it
    cannot see. Buffers without places, as before planning, share no bytes.

    `head`, `score` and `losses` begin with the hidden states, `score` and `draw`
    with the logits.

    * (C1) a launch reads no memory that its list has not written to, unless the
      list begins with it.
    * (C2) what it reads has lost no bytes to another buffer since.
    * (C3) no buffer that a launch writes to shares bytes with another that it
      works on.
    * (C4) `decode`, `batch` and `head` end with the logits, `prefill` with the
      hidden states, and so do all that begin with these: they run for more rows.
  }];
}

#endif // QZC_DIALECT_CUDA_TRANSFORMS_PASSES_TD
