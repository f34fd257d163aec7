// RUN: %qzc-opt %s --qz-method="method=mse" | FileCheck %s --check-prefix=MSE
// RUN: %qzc-opt %s --qz-method="method=gptq" | FileCheck %s --check-prefix=GPTQ
// RUN: %qzc-opt %s --qz-method="method=awq" | FileCheck %s --check-prefix=AWQ
// RUN: %qzc-opt %s --qz-method="method=gptq" --qz-method="method=rtn" | FileCheck %s --check-prefix=RTN
// RUN: %qzc-opt %s --qz-method="method=gptq" | %qzc-opt --convert-qz-to-sched | FileCheck %s --check-prefix=SCHED
// RUN: not %qzc-opt %s --qz-method="method=awp" 2>&1 | FileCheck %s --check-prefix=ERROR
// ERROR: error: unknown method 'awp'; known are rtn, mse, gptq, awq

// Tokens choose from a table: it has no inputs.
// MSE: qz.param "embed" source tensor<8x64xbf16> {method = "mse"} :
// AWQ: qz.param "embed" source tensor<8x64xbf16> {method = "mse"} :
// GPTQ: qz.param "embed" source tensor<8x64xbf16> {method = "mse"} :
// MSE: qz.param "q" source tensor<64x64xbf16> {method = "mse"} :
// AWQ: qz.param "q" source tensor<64x64xbf16> {method = "awq"} :
// GPTQ: qz.param "q" source tensor<64x64xbf16> {method = "gptq"} :
// SCHED: sched.tensor "q" block 0 "q" : {{.*}} {method = "gptq"} as
// MSE: qz.param "k" source tensor<64x64xbf16> {method = "mse"} :
// AWQ: qz.param "k" source tensor<64x64xbf16> {method = "awq"} :
// GPTQ: qz.param "k" source tensor<64x64xbf16> {method = "gptq"} :
// To int8 none makes a difference.
// MSE: qz.param "v" source tensor<64x64xbf16> :
// AWQ: qz.param "v" source tensor<64x64xbf16> :
// GPTQ: qz.param "v" source tensor<64x64xbf16> :
// What is not quantized has no codes.
// GPTQ: qz.param "o" : tensor<64x64xbf16>
// RTN-NOT: method
qz.model @m attributes {family = "f", layers = 1 : i64, hidden = 64 : i64, vocab = 8 : i64,
    context = 16 : i64, eos = array<i64: 2>, add_bos = false} {
  qz.graph(%t : tensor<?xi32>) -> tensor<?x8xf32> {
    %e = qz.param "embed" source tensor<8x64xbf16> : !qz.packed<8x64, nf4>
    %x0 = qz.embed %t, %e : !qz.packed<8x64, nf4> -> tensor<?x64xf32>
    %x1 = qz.block 0 (%x = %x0) : tensor<?x64xf32> {
      %wq = qz.param "q" source tensor<64x64xbf16> : !qz.packed<64x64, int4>
      %wk = qz.param "k" source tensor<64x64xbf16> : !qz.packed<64x64, q5_0>
      %wv = qz.param "v" source tensor<64x64xbf16> : !qz.packed<64x64, int8>
      %q = qz.linear q %x, %wq : (tensor<?x64xf32>, !qz.packed<64x64, int4>) -> tensor<?x64xf32>
      %k = qz.linear k %x, %wk : (tensor<?x64xf32>, !qz.packed<64x64, q5_0>) -> tensor<?x64xf32>
      %v = qz.linear v %x, %wv : (tensor<?x64xf32>, !qz.packed<64x64, int8>) -> tensor<?x64xf32>
      %a = qz.attention %q, %k, %v heads 4 kv_heads 4 scale 0.25
             : (tensor<?x64xf32>, tensor<?x64xf32>, tensor<?x64xf32>) -> tensor<?x64xf32>
      %wo = qz.param "o" : tensor<64x64xbf16>
      %o = qz.linear o %a, %wo : (tensor<?x64xf32>, tensor<64x64xbf16>) -> tensor<?x64xf32>
      qz.yield %o : tensor<?x64xf32>
    }
    %wh = qz.param "head" : tensor<8x64xbf16>
    %l = qz.linear head %x1, %wh : (tensor<?x64xf32>, tensor<8x64xbf16>) -> tensor<?x8xf32>
    qz.return %l : tensor<?x8xf32>
  }
}
