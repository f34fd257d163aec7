//===- QzComputeOps.td - What a graph computes ------------*- tablegen -*-===//

#ifndef QZC_DIALECT_QZ_IR_QZCOMPUTEOPS_TD
#define QZC_DIALECT_QZ_IR_QZCOMPUTEOPS_TD

include "qzc/Dialect/Qz/IR/QzStructureOps.td"

//===----------------------------------------------------------------------===//
// Embeddings and norms
//===----------------------------------------------------------------------===//

def EmbedOp : Qz_Op<"embed", [Pure]> {
  let summary = "Rows of the embedding table";
  let description = [{
    ```mlir
    %0 = qz.embed %tokens, %table : tensor<49152x576xbf16> -> tensor<?x576xf32>
    ```

    Constraints:
    * (C1) the table has as many columns as the result.
    * (C2) the table has a row for every token of the model's vocabulary.
  }];
  let arguments = (ins Qz_Tokens:$tokens, Qz_Matrix:$table);
  let results = (outs Qz_Features:$result);
  let assemblyFormat = [{
    $tokens `,` $table attr-dict `:` type($table) `->` type($result)
  }];
  let hasVerifier = 1;
}

def AddPositionsOp
    : Qz_Op<"add_positions", [Pure, AllTypesMatch<["input", "result"]>]> {
  let summary = "Adds learned position embeddings";
  let description = [{
    Adds row `position + offset` of the table to each token's features.

    Constraints:
    * (C1) the table has as many columns as the input.
    * (C2) the offset is not negative, and the table has a row for every
      position of the model's context.
  }];
  let arguments = (ins Qz_Features:$input, Qz_DenseMatrix:$table,
                       DefaultValuedAttr<Qz_IntAttr, "0">:$offset);
  let results = (outs Qz_Features:$result);
  let assemblyFormat = [{
    $input `,` $table (`offset` $offset^)? attr-dict
    `:` type($input) `,` type($table)
  }];
  let hasVerifier = 1;
}

def RmsNormOp : Qz_Op<"rms_norm", [Pure, AllTypesMatch<["input", "result"]>]> {
  let summary = "Root-mean-square norm";
  let description = [{
    x / sqrt(mean(x²) + eps), times the weight if there is one, or times
    (1 + weight) with `unit_offset`. With `heads` a row is so many equal parts,
    each normed by itself and with the same weight.

    ```mlir
    %0 = qz.rms_norm %q, %g heads 16 eps 1.000000e-06
           : tensor<?x2048xf32>, tensor<128xbf16>
    ```

    Constraints:
    * (C1) the weight is as long as a row or a head.
    * (C2) `eps` is finite and positive.
    * (C3) `unit_offset` needs a weight.
    * (C4) the number of heads is positive and divides the columns.
  }];
  let arguments = (ins Qz_Features:$input, Optional<Qz_Vector>:$weight,
                       UnitAttr:$unit_offset,
                       DefaultValuedAttr<Qz_IntAttr, "1">:$heads,
                       Qz_RealAttr:$epsilon);
  let results = (outs Qz_Features:$result);
  let assemblyFormat = [{
    $input (`,` $weight^)? (`unit_offset` $unit_offset^)? (`heads` $heads^)?
    `eps` $epsilon attr-dict `:` type($input) (`,` type($weight)^)?
  }];
  let hasVerifier = 1;
}

def LayerNormOp : Qz_Op<"layer_norm", [Pure, AttrSizedOperandSegments,
                                       AllTypesMatch<["input", "result"]>]> {
  let summary = "Layer norm";
  let description = [{
    (x − mean) / sqrt(variance + eps), times the weight and plus the bias where
    there are any. With `heads` as `qz.rms_norm`.

    ```mlir
    %0 = qz.layer_norm %x, %g bias %b eps 1.000000e-05
           : tensor<?x768xf32>, tensor<768xf32>, tensor<768xf32>
    ```

    Constraints:
    * (C1) weight and bias are as long as a row or a head.
    * (C2) `eps` is finite and positive.
    * (C3) a bias comes with a weight.
    * (C4) the number of heads is positive and divides the columns.
  }];
  let arguments = (ins Qz_Features:$input, Optional<Qz_Vector>:$weight,
                       Optional<Qz_Vector>:$bias,
                       DefaultValuedAttr<Qz_IntAttr, "1">:$heads,
                       Qz_RealAttr:$epsilon);
  let results = (outs Qz_Features:$result);
  let assemblyFormat = [{
    $input (`,` $weight^)? (`bias` $bias^)? (`heads` $heads^)? `eps` $epsilon
    attr-dict
    `:` type($input) (`,` type($weight)^)? (`,` type($bias)^)?
  }];
  let hasVerifier = 1;
}

//===----------------------------------------------------------------------===//
// Linear layers
//===----------------------------------------------------------------------===//

def LinearOp : Qz_Op<"linear", [Pure, AttrSizedOperandSegments]> {
  let summary = "A linear layer";
  let description = [{
    activation(x·Wᵀ + bias) + residual; W is [out, in].

    ```mlir
    %q = qz.linear q %x, %w bias %b
           : (tensor<?x768xf32>, tensor<768x768xf32>, tensor<768xf32>)
           -> tensor<?x768xf32>
    ```

    Constraints:
    * (C1) the weight has as many columns as the input.
    * (C2) the weight has as many rows as the result has columns.
    * (C3) the bias is as long as a row of the result.
    * (C4) the residual has the result's type.
    * (C5) `proj` and `head` stand outside decoder blocks, the other roles
      inside.
  }];
  let arguments = (ins Qz_LinearRoleAttr:$role, Qz_Features:$input,
      Qz_LinearWeight:$weight, Optional<Qz_Vector>:$bias,
      Optional<Qz_Features>:$residual,
      DefaultValuedAttr<Qz_ActivationAttr,
                        "::qzc::qz::Activation::None">:$activation);
  let results = (outs Qz_Features:$result);
  let assemblyFormat = [{
    custom<LinearRole>($role) $input `,` $weight (`bias` $bias^)? (`residual` $residual^)?
    (`activation` custom<Activation>($activation)^)? attr-dict
    `:` functional-type(operands, results)
  }];
  let hasVerifier = 1;
}

def LinearGroupOp : Qz_Op<"linear_group", [Pure, AttrSizedOperandSegments,
                                           HasParent<"BlockOp">]> {
  let summary = "Several linear layers of one input";
  let description = [{
    One launch; the results stay separate. Made by `qz-group-linears`.

    ```mlir
    %q, %k, %v = qz.linear_group %x roles [q, k, v] weights(%wq, %wk, %wv)
           : (…) -> (tensor<?x576xf32>, tensor<?x192xf32>, tensor<?x192xf32>)
    ```

    Constraints:
    * (C1) two or three weights, with a role and a result each.
    * (C2) no biases, or one for each weight.
    * (C3) each weight, bias and result agree as in `qz.linear`.
    * (C4) the weights are stored alike: one scheme, block size, element type.
    * (C5) roles are those of decoder blocks, each at most once.
  }];
  let arguments = (ins Qz_Features:$input, Variadic<Qz_LinearWeight>:$weights,
      Variadic<Qz_Vector>:$biases, Qz_LinearRolesAttr:$roles);
  let results = (outs Variadic<Qz_Features>:$results);
  let assemblyFormat = [{
    $input `roles` custom<LinearRoles>($roles) `weights` `(` $weights `)`
    (`biases` `(` $biases^ `)`)? attr-dict
    `:` functional-type(operands, results)
  }];
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    ::qzc::qz::LinearRole getRole(unsigned index);
  }];
}

def GatedLinearOp : Qz_Op<"gated_linear", [Pure, AttrSizedOperandSegments,
                                           HasParent<"BlockOp">]> {
  let summary = "Gate and up layers of a gated feed-forward";
  let description = [{
    activation(x·Wgᵀ + bg) · (x·Wuᵀ + bu) + residual. Made by `qz-fuse-gated`.

    ```mlir
    %0 = qz.gated_linear silu %x, %wg, %wu
           : (tensor<?x576xf32>, tensor<1536x576xbf16>, tensor<1536x576xbf16>)
           -> tensor<?x1536xf32>
    ```

    Constraints:
    * (C1) both weights have the same type.
    * (C2) weights, biases, residual and result agree as in `qz.linear`.
    * (C3) both biases, of one type, or none.
  }];
  let arguments = (ins Qz_ActivationAttr:$activation, Qz_Features:$input,
      Qz_LinearWeight:$gate, Qz_LinearWeight:$up, Optional<Qz_Vector>:$gate_bias,
      Optional<Qz_Vector>:$up_bias, Optional<Qz_Features>:$residual);
  let results = (outs Qz_Features:$result);
  let assemblyFormat = [{
    custom<Activation>($activation) $input `,` $gate `,` $up (`gate_bias` $gate_bias^)?
    (`up_bias` $up_bias^)? (`residual` $residual^)? attr-dict
    `:` functional-type(operands, results)
  }];
  let hasVerifier = 1;
}

//===----------------------------------------------------------------------===//
// Attention
//===----------------------------------------------------------------------===//

def RopeOp : Qz_Op<"rope", [Pure, HasParent<"BlockOp">,
                            AllTypesMatch<["input", "result"]>]> {
  let summary = "Rotary position embedding";
  let description = [{
    ```mlir
    %1 = qz.rope %0, #rope heads 9 : tensor<?x576xf32>
    ```

    Constraints:
    * (C1) the number of heads divides the columns.
    * (C2) a head has at least as many elements as are turned.
  }];
  let arguments = (ins Qz_Features:$input, Qz_RopeAttr:$rope,
                       Qz_IntAttr:$heads);
  let results = (outs Qz_Features:$result);
  let assemblyFormat = [{
    $input `,` qualified($rope) `heads` $heads attr-dict `:` type($input)
  }];
  let hasVerifier = 1;
}

def AttentionOp : Qz_Op<"attention", [Pure, HasParent<"BlockOp">]> {
  let summary = "Causal attention over the layer's cache";
  let description = [{
    softmax(cap(q·kᵀ · scale))·v a head. Key and value heads are shared by
    heads / kv_heads consecutive query heads. `window` w: a position sees
    itself and the w − 1 before it. `soft_cap` c: scores become c·tanh(s/c).
    `rope`, if it is there, is applied to q and k first.

    `alibi` a: after all this, the score of a position that lies d before the
    query's falls by d times the head's slope (Press et al., arXiv:2108.12409;
    their a is 8). Of n heads, n a power of two, head h from 0 on has the slope
    2^(−a·(h + 1)/n). Otherwise the first heads have those of the largest power of
    two n below, and the others, from h = n on, 2^(−a·(2(h − n) + 1)/2n).

    ```mlir
    %0 = qz.attention %q, %k, %v rope #rope heads 9 kv_heads 3
           scale 1.250000e-01 : (tensor<?x576xf32>, tensor<?x192xf32>,
           tensor<?x192xf32>) -> tensor<?x576xf32>
    ```

    Constraints:
    * (C1) `kv_heads` divides `heads`; both are positive.
    * (C2) `heads` divides the columns of q.
    * (C3) k and v have `kv_heads` heads of the same size.
    * (C4) the result has q's type.
    * (C5) `scale` is finite and positive.
    * (C6) `window` is positive, `soft_cap` and `alibi` are finite and positive.
    * (C7) a head has at least as many elements as `rope` turns.
  }];
  let arguments = (ins Qz_Features:$query, Qz_Features:$key,
      Qz_Features:$value, Qz_IntAttr:$heads, Qz_IntAttr:$kv_heads,
      Qz_RealAttr:$scale, OptionalAttr<Qz_IntAttr>:$window,
      OptionalAttr<Qz_RealAttr>:$soft_cap, OptionalAttr<Qz_RealAttr>:$alibi,
      OptionalAttr<Qz_RopeAttr>:$rope);
  let results = (outs Qz_Features:$result);
  let assemblyFormat = [{
    $query `,` $key `,` $value (`rope` qualified($rope)^)? `heads` $heads
    `kv_heads` $kv_heads `scale` $scale (`window` $window^)?
    (`soft_cap` $soft_cap^)? (`alibi` $alibi^)? attr-dict
    `:` functional-type(operands, results)
  }];
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    /// Elements of one head.
    int64_t getHeadDim();
  }];
}

//===----------------------------------------------------------------------===//
// Elementwise
//===----------------------------------------------------------------------===//

class Qz_UnaryOp<string mnemonic>
    : Qz_Op<mnemonic, [Pure, SameOperandsAndResultType]> {
  let results = (outs Qz_Features:$result);
}

class Qz_BinaryOp<string mnemonic>
    : Qz_Op<mnemonic, [Pure, Commutative, SameOperandsAndResultType]> {
  let arguments = (ins Qz_Features:$lhs, Qz_Features:$rhs);
  let results = (outs Qz_Features:$result);
  let assemblyFormat = "$lhs `,` $rhs attr-dict `:` type($result)";
}

def AddOp : Qz_BinaryOp<"add"> {
  let summary = "Elementwise sum";
}

def MulOp : Qz_BinaryOp<"mul"> {
  let summary = "Elementwise product";
}

def ActivateOp : Qz_UnaryOp<"activate"> {
  let summary = "Elementwise activation";
  let description = [{
    `none`, `relu`, `silu` (x·sigmoid(x)), `gelu` (by erf) or `gelu_tanh` (its
    approximation by tanh). `none` and a second `relu` fold away.

    ```mlir
    %1 = qz.activate silu %0 : tensor<?x1536xf32>
    ```
  }];
  let arguments = (ins Qz_ActivationAttr:$activation, Qz_Features:$input);
  let assemblyFormat = [{
    custom<Activation>($activation) $input attr-dict `:` type($result)
  }];
  let hasFolder = 1;
}

def ScaleOp : Qz_UnaryOp<"scale"> {
  let summary = "Elementwise product with a constant";
  let description = [{
    `%1 = qz.scale %0 by 2.400000e+01 : tensor<?x576xf32>`; by 1 folds away.

    Constraints:
    * (C1) the factor is finite.
  }];
  let arguments = (ins Qz_Features:$input, Qz_RealAttr:$factor);
  let assemblyFormat = "$input `by` $factor attr-dict `:` type($result)";
  let hasVerifier = 1;
  let hasFolder = 1;
}

def ClampOp : Qz_UnaryOp<"clamp"> {
  let summary = "Limits the magnitude";
  let description = [{
    min(max(x, −limit), limit). Of two clamps in a row the tighter remains.

    Constraints:
    * (C1) the limit is finite and positive.
  }];
  let arguments = (ins Qz_Features:$input, Qz_RealAttr:$limit);
  let assemblyFormat = "$input `limit` $limit attr-dict `:` type($result)";
  let hasVerifier = 1;
  let hasFolder = 1;
}

def SoftCapOp : Qz_UnaryOp<"soft_cap"> {
  let summary = "Limits the magnitude smoothly";
  let description = [{
    cap · tanh(x / cap).

    Constraints:
    * (C1) the cap is finite and positive.
  }];
  let arguments = (ins Qz_Features:$input, Qz_RealAttr:$cap);
  let assemblyFormat = "$input `cap` $cap attr-dict `:` type($result)";
  let hasVerifier = 1;
}

#endif // QZC_DIALECT_QZ_IR_QZCOMPUTEOPS_TD
