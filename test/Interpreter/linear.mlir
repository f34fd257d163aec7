// qz.linear and its fused forms.
// Numbers: Inputs/reference.py.

// RUN: sed 's/OP/qz.linear q %x, %wq : (tensor<?x8xf32>, tensor<8x8xf32>) -> tensor<?x8xf32>/' %s \
// RUN:   | %qz-interpret - --tokens 1,5,0 --weights-dir %S/Inputs | FileCheck %s --check-prefix=LINEAR
// LINEAR: row 0, argmax 5: 0.9839 0.0481 1.0193 -0.6302 -0.0003 1.3656 0.2951 -1.0942
// LINEAR-NEXT: row 1, argmax 1: -0.6785 0.7034 -1.7059 -0.4326 0.2965 -0.6926 -0.6454 -1.0159
// LINEAR-NEXT: row 2, argmax 2: -0.9731 0.6365 1.6647 -0.9499 0.0904 0.4162 -0.1138 -3.3900

// RUN: sed 's/OP/qz.linear q %x, %wq bias %bias : (tensor<?x8xf32>, tensor<8x8xf32>, tensor<8xf32>) -> tensor<?x8xf32>/' %s \
// RUN:   | %qz-interpret - --tokens 1,5,0 --weights-dir %S/Inputs | FileCheck %s --check-prefix=LINEAR-BIAS
// LINEAR-BIAS: row 0, argmax 5: 0.9339 -0.1719 0.8893 -1.4102 0.8797 0.9356 0.2551 -1.7242
// LINEAR-BIAS-NEXT: row 1, argmax 4: -0.7285 0.4834 -1.8359 -1.2126 1.1765 -1.1226 -0.6854 -1.6459
// LINEAR-BIAS-NEXT: row 2, argmax 2: -1.0231 0.4165 1.5347 -1.7299 0.9704 -0.0138 -0.1538 -4.0200

// RUN: sed 's/OP/qz.linear q %x, %wq bias %bias residual %x activation relu : (tensor<?x8xf32>, tensor<8x8xf32>, tensor<8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>/' %s \
// RUN:   | %qz-interpret - --tokens 1,5,0 --weights-dir %S/Inputs | FileCheck %s --check-prefix=LINEAR-ALL
// LINEAR-ALL: row 0, argmax 2: 0.5439 -0.5000 1.2793 0.2900 0.9597 0.1956 0.2351 0.5600
// LINEAR-ALL-NEXT: row 1, argmax 4: 0.0900 0.5334 -0.9800 0.0600 2.2665 -1.2400 0.6900 0.1000
// LINEAR-ALL-NEXT: row 2, argmax 2: 0.0000 0.6565 1.3147 -0.7100 0.6104 -0.7900 0.0500 1.0700

// RUN: sed 's/OP/qz.add %m, %g1#2 : tensor<?x8xf32>/' %s \
// RUN:   | %qz-interpret - --tokens 1,5,0 --weights-dir %S/Inputs | FileCheck %s --check-prefix=GROUP
// GROUP: row 0, argmax 0: 1.9318 0.8482 -0.8241 -0.2031 0.7631 -0.0337 -0.4118 -1.3405
// GROUP-NEXT: row 1, argmax 0: 3.0413 1.3792 0.3751 1.2370 0.0046 -3.3326 -1.7771 -1.1475
// GROUP-NEXT: row 2, argmax 7: 0.2581 1.9923 -0.0287 -0.4210 1.5137 0.9428 -0.7417 3.3224

// RUN: sed 's/OP/qz.mul %g2#0, %g2#1 : tensor<?x8xf32>/' %s \
// RUN:   | %qz-interpret - --tokens 1,5,0 --weights-dir %S/Inputs | FileCheck %s --check-prefix=GROUP-BIAS
// GROUP-BIAS: row 0, argmax 0: 1.0321 -0.3215 -0.1618 -1.6145 -0.6554 -0.6610 0.3069 -2.9584
// GROUP-BIAS-NEXT: row 1, argmax 1: -0.3451 1.0435 -2.0749 -0.9001 -0.4858 -2.8709 -1.1005 -2.6323
// GROUP-BIAS-NEXT: row 2, argmax 2: -0.8141 1.5217 1.7374 -1.1668 -1.2749 0.0139 -0.2674 -4.2773

// RUN: sed 's/OP/qz.gated_linear silu %x, %wq, %wk : (tensor<?x8xf32>, tensor<8x8xf32>, tensor<8x8xf32>) -> tensor<?x8xf32>/' %s \
// RUN:   | %qz-interpret - --tokens 1,5,0 --weights-dir %S/Inputs | FileCheck %s --check-prefix=GATED
// GATED: row 0, argmax 0: 1.0779 0.0064 -0.3759 0.1040 0.0003 -0.5184 -0.1348 0.1192
// GATED-NEXT: row 1, argmax 1: -0.1995 0.2582 -0.2124 0.1494 -0.2573 -0.6438 0.0876 0.1487
// GATED-NEXT: row 2, argmax 2: -0.3191 0.8506 1.1368 0.2505 -0.1140 -0.1944 0.0140 0.1201

// RUN: sed 's/OP/qz.gated_linear gelu_tanh %x, %wq, %wk gate_bias %gain up_bias %bias residual %x : (tensor<?x8xf32>, tensor<8x8xf32>, tensor<8x8xf32>, tensor<8xf32>, tensor<8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>/' %s \
// RUN:   | %qz-interpret - --tokens 1,5,0 --weights-dir %S/Inputs | FileCheck %s --check-prefix=GATED-ALL
// GATED-ALL: row 0, argmax 0: 0.2220 -0.4369 -0.3798 -0.7519 -0.8370 -1.6374 -1.9200 -0.3999
// GATED-ALL-NEXT: row 1, argmax 1: -0.0349 0.8027 -1.0583 -1.6767 0.2781 -1.6277 0.1533 -1.0669
// GATED-ALL-NEXT: row 2, argmax 1: -0.1338 4.2867 1.1019 -1.5755 -1.9720 -0.9188 -0.5022 1.2991

qz.model @m attributes {family = "f", layers = 1 : i64, hidden = 8 : i64, vocab = 8 : i64,
    context = 6 : i64, eos = array<i64>, add_bos = false} {
  qz.file @weights "weights.safetensors" size 2240 sha256 "2ed8cf6193d51b05cd340c3283f790ed680525b78d11980a4612e9c9acca9a41"
  qz.graph(%tokens : tensor<?xi32>) -> tensor<?x8xf32> {
    %table = qz.param "table" @weights[1728] : tensor<8x8xf32>
    %x0 = qz.embed %tokens, %table : tensor<8x8xf32> -> tensor<?x8xf32>
    %x1 = qz.block 0 (%x = %x0) : tensor<?x8xf32> {
      %wq = qz.param "q" @weights[1440] : tensor<8x8xf32>
      %wk = qz.param "k" @weights[928] : tensor<8x8xf32>
      %wv = qz.param "v" @weights[1984] : tensor<8x8xf32>
      %gain = qz.param "gain" @weights[896] : tensor<8xf32>
      %bias = qz.param "shift" @weights[1696] : tensor<8xf32>
      %g1:3 = qz.linear_group %x roles [q, k, v] weights(%wq, %wk, %wv)
        : (tensor<?x8xf32>, tensor<8x8xf32>, tensor<8x8xf32>, tensor<8x8xf32>) -> (tensor<?x8xf32>, tensor<?x8xf32>, tensor<?x8xf32>)
      %g2:2 = qz.linear_group %x roles [q, k] weights(%wq, %wk) biases(%bias, %gain)
        : (tensor<?x8xf32>, tensor<8x8xf32>, tensor<8x8xf32>, tensor<8xf32>, tensor<8xf32>) -> (tensor<?x8xf32>, tensor<?x8xf32>)
      %m = qz.mul %g1#0, %g1#1 : tensor<?x8xf32>
      %y = OP
      qz.yield %y : tensor<?x8xf32>
    }
    qz.return %x1 : tensor<?x8xf32>
  }
}
