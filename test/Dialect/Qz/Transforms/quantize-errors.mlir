// RUN: not %qzc-opt %s --qz-quantize="scheme=q5" 2>&1 | FileCheck %s --check-prefix=SCHEME
// SCHEME: error: unknown scheme 'q5'; known are SCHEME[/BLOCK][ double| asym| absmax], or a type f32, f16, bf16; schemes are none, int8, nf4, q8_0, q4_0, fp4
// RUN: not %qzc-opt %s --qz-quantize="scheme=bf16/64" 2>&1 | FileCheck %s --check-prefix=NOBLOCK
// RUN: not %qzc-opt %s --qz-quantize="rules=int8" 2>&1 | FileCheck %s --check-prefix=NORULE
// NORULE: error: rule 'int8': is no REGEX=SPEC
// RUN: not %qzc-opt %s --qz-quantize="rules=q=" 2>&1 | FileCheck %s --check-prefix=NOSPEC
// NOSPEC: error: rule 'q=': is no REGEX=SPEC
// RUN: not %qzc-opt %s --qz-quantize="rules=*=int8" 2>&1 | FileCheck %s --check-prefix=REGEX
// REGEX: error: rule '*=int8': is no extended regular expression:
// RUN: not %qzc-opt %s --qz-quantize="rules=q=int9" 2>&1 | FileCheck %s --check-prefix=RULESPEC
// RULESPEC: error: rule 'q=int9': unknown scheme 'int9'
// RUN: not %qzc-opt %s --qz-quantize="rules=q=int8,0.q.=int8" 2>&1 | FileCheck %s --check-prefix=UNUSED
// UNUSED: error: rule '0.q.=int8' matches no layer or embedding of this model
// RUN: not %qzc-opt %s --qz-quantize="rules=0.k=q8_0" 2>&1 | FileCheck %s --check-prefix=RULESHAPE
// RULESHAPE: error: 'qz.param' op "0.k": q8_0 of 4x4: its blocks of 32 do not divide the rows
// RUN: not %qzc-opt %s --qz-quantize="scheme=int8 components=q,atn" 2>&1 | FileCheck %s --check-prefix=COMPONENT
// COMPONENT: error: components: there is no 'atn'; known are attn, ffn, qkv, q, k, v, o, up, gate, down, proj, head, embed, all
// RUN: not %qzc-opt %s --qz-quantize="scheme=int8 components=q," 2>&1 | FileCheck %s --check-prefix=TRAILING
// TRAILING: error: components: there is no ''
// RUN: not %qzc-opt %s --qz-quantize="scheme=int8 components=gate" 2>&1 | FileCheck %s --check-prefix=NOTHING
// NOTHING: error: the selection (blocks '', components 'gate') matches no layer of this model
// RUN: not %qzc-opt %s --qz-quantize="scheme=none components=gate" 2>&1 | FileCheck %s --check-prefix=NOTHING
// RUN: not %qzc-opt %s --qz-quantize="scheme=int8 blocks=0:3" 2>&1 | FileCheck %s --check-prefix=RANGE
// RANGE: error: blocks: 3 of '0:3' is out of range: the model has 2 blocks
// RUN: not %qzc-opt %s --qz-quantize="scheme=int8 blocks=-3:" 2>&1 | FileCheck %s --check-prefix=NEGATIVE
// NEGATIVE: error: blocks: -3 of '-3:' is out of range: the model has 2 blocks
// RUN: not %qzc-opt %s --qz-quantize="scheme=int8 blocks=1:1" 2>&1 | FileCheck %s --check-prefix=EMPTY
// EMPTY: error: blocks: '1:1' selects no block
// RUN: not %qzc-opt %s --qz-quantize="scheme=int8 blocks=0:2,-1:" 2>&1 | FileCheck %s --check-prefix=OVERLAP
// OVERLAP: error: blocks: '-1:' overlaps an earlier range at block 1
// RUN: not %qzc-opt %s --qz-quantize="scheme=int8 blocks=1" 2>&1 | FileCheck %s --check-prefix=FORM1
// FORM1: error: blocks: '1' is no range LO:HI of block numbers
// RUN: not %qzc-opt %s --qz-quantize="scheme=int8 blocks=0:1:2" 2>&1 | FileCheck %s --check-prefix=FORM2
// FORM2: error: blocks: '0:1:2' is no range LO:HI of block numbers
// RUN: not %qzc-opt %s --qz-quantize="scheme=int8 blocks=0:x" 2>&1 | FileCheck %s --check-prefix=FORM3
// FORM3: error: blocks: '0:x' is no range LO:HI of block numbers
// RUN: not %qzc-opt %s --qz-quantize="scheme=int8 blocks=0:99999999999999999999" 2>&1 | FileCheck %s --check-prefix=FORM4
// FORM4: error: blocks: '0:99999999999999999999' is no range LO:HI of block numbers
// RUN: not %qzc-opt %s --qz-quantize="scheme=nf4 block-size=48" 2>&1 | FileCheck %s --check-prefix=SIZE
// SIZE: error: 'qz.param' op "0.q": nf4 of 4x4, block 48:
// RUN: not %qzc-opt %s --qz-quantize="scheme=int8 block-size=64" 2>&1 | FileCheck %s --check-prefix=ROWS
// ROWS: error: 'qz.param' op "0.q": int8 of 4x4, block 64:
// RUN: not %qzc-opt %s --qz-quantize="scheme=none block-size=64" 2>&1 | FileCheck %s --check-prefix=NOBLOCK
// NOBLOCK: error: scheme none has no block size
// RUN: not %qzc-opt %s --qz-quantize="scheme=q8_0" 2>&1 | FileCheck %s --check-prefix=DIVIDE
// DIVIDE: error: 'qz.param' op "0.q": q8_0 of 4x4: its blocks of 32 do not divide the rows
// RUN: not %qzc-opt %s --qz-quantize="scheme=int8 double-quant=true" 2>&1 | FileCheck %s --check-prefix=DOUBLE
// DOUBLE: error: 'qz.param' op "0.q": int8 of 4x4, double: the scheme has no double quantization
// RUN: not %qzc-opt %s --qz-quantize="scheme=none double-quant=true" 2>&1 | FileCheck %s --check-prefix=NODOUBLE
// NODOUBLE: error: scheme none has no double quantization
// RUN: not %qzc-opt %s --qz-quantize="scheme=nf4 components=q" --qz-quantize="scheme=int8 components=qkv" 2>&1 | FileCheck %s --check-prefix=AGAIN
// AGAIN: error: 'qz.param' op "0.q" is quantized already
// RUN: not %qzc-opt %s --qz-group-linears --qz-quantize="scheme=int8" 2>&1 | FileCheck %s --check-prefix=FUSED
// FUSED: error: 'qz.linear_group' op is fused already; quantize before fusing

qz.model @m attributes {family = "f", layers = 2 : i64, hidden = 4 : i64, vocab = 8 : i64,
    context = 16 : i64, eos = array<i64: 2>, add_bos = false} {
  qz.graph(%t : tensor<?xi32>) -> tensor<?x8xf32> {
    %e = qz.param "embed" : tensor<8x4xbf16>
    %x0 = qz.embed %t, %e : tensor<8x4xbf16> -> tensor<?x4xf32>
    %x1 = qz.block 0 (%x = %x0) : tensor<?x4xf32> {
      %wq = qz.param "0.q" : tensor<4x4xf16>
      %q = qz.linear q %x, %wq : (tensor<?x4xf32>, tensor<4x4xf16>) -> tensor<?x4xf32>
      %wk = qz.param "0.k" : tensor<4x4xf16>
      %k = qz.linear k %x, %wk : (tensor<?x4xf32>, tensor<4x4xf16>) -> tensor<?x4xf32>
      %y = qz.add %q, %k : tensor<?x4xf32>
      qz.yield %y : tensor<?x4xf32>
    }
    %x2 = qz.block 1 (%x = %x1) : tensor<?x4xf32> {
      qz.yield %x : tensor<?x4xf32>
    }
    %l = qz.linear head %x2, %e : (tensor<?x4xf32>, tensor<8x4xbf16>) -> tensor<?x8xf32>
    qz.return %l : tensor<?x8xf32>
  }
}
