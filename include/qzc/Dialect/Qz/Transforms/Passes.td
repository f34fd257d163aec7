//===- Passes.td - Passes on the qz dialect ---------------*- tablegen -*-===//

#ifndef QZC_DIALECT_QZ_TRANSFORMS_PASSES_TD
#define QZC_DIALECT_QZ_TRANSFORMS_PASSES_TD

include "mlir/Pass/PassBase.td"

class Qz_Pass<string argument> : Pass<argument, "::mlir::ModuleOp"> {
  let dependentDialects = ["::qzc::qz::QzDialect"];
}

//===----------------------------------------------------------------------===//
// Decisions about weights
//===----------------------------------------------------------------------===//

def QzQuantize : Qz_Pass<"qz-quantize"> {
  let summary = "Chooses how selected weights are stored";
  let description = [{
    Gives the `qz.param`s of the selected layers a packed type and keeps their
    source: the bytes are made when the image is written.

    `components` is a list of q, k, v, o, up, gate, down, proj, head, embed, the
    groups attn (q, k, v, o), ffn (up, gate, down), qkv, and all; without it,
    every linear layer but the head. `blocks` is a list of half-open ranges
    LO:HI of decoder blocks; ends may be left out or count from the end as in
    Python, and must exist. It leaves proj, head and embed alone.

    Where all parts of a fused tensor are selected (GPT-2's q, k and v), it is
    quantized whole, as bitsandbytes does: where that makes a difference (blocks
    that cross from part to part, shared scales of double quantization), the
    parts become `qz.rows` of one param. Parts that are selected alone have
    blocks, groups and offset of their own.

    `rules` are REGEX=SPEC: they choose for every layer and embedding with a name
    that the expression matches somewhere, whether it is selected or not; of
    several the last. A spec is what `scheme` takes: a scheme with a block size
    and a scale codec where it leaves the choice (`nf4/64 double`, `int4/128
    asym`), an element type, or `none`, which leaves a weight as it is. A rule
    that matches nothing is an error.

    `mix` chooses for every layer and the embeddings what llama-quantize does for
    a file of that type without an importance matrix (q4_k_s, q4_k_m, q5_k_s,
    q5_k_m), fallbacks for rows that blocks do not divide included.

    Where a weight has other uses (a tied head), the selected ones get a second
    param. It is an error to select nothing, or to quantize after fusion; so is a
    block size or double quantization that the scheme does not have. Of a weight
    that is quantized already, by an earlier run of this pass or by who made the
    checkpoint, it is an error to select it; `requantize` allows the latter: its
    values are what is quantized. `scheme=none` checks the
    selection and changes nothing.

    Before, and after `--qz-quantize="scheme=nf4 components=q"`:
    ```mlir
    %w = qz.param "l.0.q" @model[0] : tensor<64x64xbf16>
    %w = qz.param "l.0.q" @model[0] source tensor<64x64xbf16>
           : !qz.packed<64x64, nf4, block = 64>
    ```
  }];
  let options = [
    Option<"scheme", "scheme", "std::string", "\"none\"",
           "how selected weights are stored: a scheme or element type">,
    Option<"mix", "mix", "std::string", "\"\"",
           "what llama-quantize would choose for a file type">,
    ListOption<"rules", "rules", "std::string",
               "REGEX=SPEC for the weights of a name">,
    Option<"blocks", "blocks", "std::string", "\"\"",
           "decoder blocks, LO:HI[,LO:HI…]">,
    Option<"components", "components", "std::string", "\"\"",
           "layers or groups of layers, with commas between">,
    Option<"blockSize", "block-size", "int64_t", "0",
           "elements that share a scale; 0: the scheme's own">,
    Option<"doubleQuant", "double-quant", "bool", "false",
           "quantize the scales too">,
    Option<"requantize", "requantize", "bool", "false",
           "select what the checkpoint holds quantized, too">];
}

def QzMethod : Qz_Pass<"qz-method"> {
  let summary = "Chooses how codes are chosen";
  let description = [{
    Gives the packed `qz.param`s of layers a method, where it makes a difference
    to their scheme: `mse` searches for scales (nf4, fp4, int2, int3, int4, int8g,
    ggml's types of 4 to 6 bits), `gptq` also chooses each code so that it makes up for those before it (these but
    int8g, ternary, and ggml's types of 4 to 6 bits), `awq` scales columns before, of the
    same schemes, where `qz-scale-inputs` finds that they can be. Both look at the inputs of a
    layer, of which a table that tokens choose from has none: that takes `mse`, if its
    scheme does.

    Before, and after `--qz-method="method=gptq"`:
    ```mlir
    %w = qz.param "q" source tensor<4x64xbf16> : !qz.packed<4x64, nf4, block = 64>
    %w = qz.param "q" source tensor<4x64xbf16> {method = "gptq"}
           : !qz.packed<4x64, nf4, block = 64>
    ```
  }];
  let options = [Option<"method", "method", "std::string", "\"rtn\"",
                        "rtn, mse, gptq or awq">];
}

def QzScaleInputs : Qz_Pass<"qz-scale-inputs"> {
  let summary = "Finds the inputs of layers that can be scaled";
  let description = [{
    For `--method=awq`: a value that linear layers take can be divided by a factor a
    column, and the columns of their weights multiplied by it. The pass numbers such
    values and gives all weights that take part a `#qz.scaling`; the factors are
    chosen when the weights are encoded. The division is done to what makes the value:

    * the weight (and bias) of a norm, which may have a `unit_offset`;
    * the rows (and bias) of a layer that a product (gate and up) or `relu` follows;
    * the rows of the values that attention mixes, all heads that share one alike.

    It leaves a value alone that anything else uses, that is made otherwise (a norm
    without a weight, of heads), or for which some weight is used twice (a tied head),
    is quantized by the checkpoint, or kept as bf16 or f16. Layers of method `awq` that
    take such a value get `mse` in its place, if their scheme takes it. What is
    divided and not quantized is stored as f32.

    Before, and after `--qz-scale-inputs`:
    ```mlir
    %g = qz.param "norm" : tensor<64xbf16>
    %w = qz.param "q" source tensor<4x64xbf16> {method = "awq"}
           : !qz.packed<4x64, nf4, block = 64>

    %g = qz.param "norm" source tensor<64xbf16> {scaling = #qz.scaling<rows = 0>}
           : tensor<64xf32>
    %w = qz.param "q" source tensor<4x64xbf16>
           {method = "awq", scaling = #qz.scaling<columns = 0>}
           : !qz.packed<4x64, nf4, block = 64>
    ```
  }];
}

def QzCast : Qz_Pass<"qz-cast"> {
  let summary = "Chooses the element type of what is not quantized";
  let description = [{
    Weights that the checkpoint holds quantized stay as they are.

    Before, and after `--qz-cast="dtype=f16"`:
    ```mlir
    %w = qz.param "norm" @model[0] : tensor<64xbf16>
    %w = qz.param "norm" @model[0] source tensor<64xbf16> : tensor<64xf16>
    ```
  }];
  let options = [Option<"dtype", "dtype", "std::string", "\"\"",
                        "f32, f16 or bf16">];
}

//===----------------------------------------------------------------------===//
// Fusions. None of them changes a weight's code.
//===----------------------------------------------------------------------===//

def QzFuseRope : Qz_Pass<"qz-fuse-rope"> {
  let summary = "Moves rotary embeddings into attention";
  let description = [{
    Where queries and keys both come from a `qz.rope` of the same attribute over
    the attention's own heads, attention takes the attribute and the values
    before.
  }];
}

def QzFuseGated : Qz_Pass<"qz-fuse-gated"> {
  let summary = "Joins gate and up layers";
  let description = [{
    `mul(activate(linear gate), linear up)` becomes `qz.gated_linear` where both
    layers have the same input, the same type of weight, no other use, and
    biases of one type or none. Runs before qz-fuse-activation, which would
    take the activation away.
  }];
}

def QzFuseActivation : Qz_Pass<"qz-fuse-activation"> {
  let summary = "Moves an activation into the linear layer before it";
  let description = [{
    Where the layer's value has no other use, and the layer has neither an
    activation nor a residual, which is added after it.

    Before, and after `--qz-fuse-activation`:
    ```mlir
    %0 = qz.linear up %x, %w : (…) -> tensor<?x4xf32>
    %1 = qz.activate relu %0 : tensor<?x4xf32>

    %0 = qz.linear up %x, %w activation relu : (…) -> tensor<?x4xf32>
    ```
  }];
}

def QzFuseResidual : Qz_Pass<"qz-fuse-residual"> {
  let summary = "Moves an addition into the linear layer before it";
  let description = [{
    Where one side of a `qz.add` is a `qz.linear` or `qz.gated_linear` without
    other use, the other side becomes its residual. Of two such layers the later
    takes the addition.
  }];
}

def QzGroupLinears : Qz_Pass<"qz-group-linears"> {
  let summary = "Joins the q, k and v layers of one input";
  let description = [{
    Layers that are stored alike and agree in having a bias become a
    `qz.linear_group`; one that is stored otherwise stays alone.
  }];
}

//===----------------------------------------------------------------------===//
// Verification between stages
//===----------------------------------------------------------------------===//

def QzVerifyFused : Qz_Pass<"qz-verify-fused"> {
  let summary = "Checks what lowering relies on";
  let description = [{
    * (C1) no `qz.rope` is left: attention has taken them all.
    * (C2) each decoder block has exactly one `qz.attention`, which has a KV
      cache for itself.
    * (C3) the graph has exactly one `qz.embed` and one `qz.linear head`.
  }];
}

#endif // QZC_DIALECT_QZ_TRANSFORMS_PASSES_TD
