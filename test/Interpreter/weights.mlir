// qz.param: casts, packed types, and parts of a transposed source.
// Numbers: Inputs/reference.py.

// RUN: sed 's/WEIGHT/"q" @weights[1440] source tensor<8x8xf32>/; s/TYPE/tensor<8x8xf16>/g' %s \
// RUN:   | %qz-interpret - --tokens 1,5,0 --weights-dir %S/Inputs | FileCheck %s --check-prefix=F16
// F16: row 0, argmax 5: 0.9836 0.0480 1.0189 -0.6303 -0.0005 1.3654 0.2948 -1.0943
// F16-NEXT: row 1, argmax 1: -0.6783 0.7040 -1.7062 -0.4326 0.2963 -0.6928 -0.6455 -1.0162
// F16-NEXT: row 2, argmax 2: -0.9730 0.6363 1.6645 -0.9502 0.0904 0.4159 -0.1140 -3.3900

// RUN: sed 's/WEIGHT/"q" @weights[1440] source tensor<8x8xf32>/; s/TYPE/tensor<8x8xbf16>/g' %s \
// RUN:   | %qz-interpret - --tokens 1,5,0 --weights-dir %S/Inputs | FileCheck %s --check-prefix=BF16
// BF16: row 0, argmax 5: 0.9848 0.0467 1.0228 -0.6304 -0.0002 1.3663 0.2966 -1.0940
// BF16-NEXT: row 1, argmax 1: -0.6761 0.7009 -1.7037 -0.4312 0.2967 -0.6938 -0.6424 -1.0146
// BF16-NEXT: row 2, argmax 2: -0.9729 0.6372 1.6627 -0.9480 0.0900 0.4176 -0.1106 -3.3890

// RUN: sed 's/WEIGHT/"q" @weights[1440] source tensor<8x8xf32>/; s/TYPE/!qz.packed<8x8, int8>/g' %s \
// RUN:   | %qz-interpret - --tokens 1,5,0 --weights-dir %S/Inputs | FileCheck %s --check-prefix=INT8
// INT8: row 0, argmax 5: 0.9870 0.0496 1.0250 -0.6332 0.0032 1.3666 0.2933 -1.0906
// INT8-NEXT: row 1, argmax 1: -0.6779 0.7092 -1.7040 -0.4334 0.2963 -0.7064 -0.6524 -1.0224
// INT8-NEXT: row 2, argmax 2: -0.9689 0.6401 1.6571 -0.9516 0.1008 0.4119 -0.1154 -3.3879

// RUN: sed 's/WEIGHT/"q" @weights[1440] source tensor<8x8xf32>/; s/TYPE/!qz.packed<8x8, nf4, block = 32>/g' %s \
// RUN:   | %qz-interpret - --tokens 1,5,0 --weights-dir %S/Inputs | FileCheck %s --check-prefix=NF4
// NF4: row 0, argmax 5: 0.9970 0.1086 1.0661 -0.6398 0.0128 1.3681 0.2544 -1.0892
// NF4-NEXT: row 1, argmax 1: -0.6515 0.9689 -1.4734 -0.4813 0.3887 -0.5136 -0.5381 -0.9633
// NF4-NEXT: row 2, argmax 2: -0.9609 0.6552 1.6077 -0.9506 0.0101 0.5094 -0.2046 -3.4458

// RUN: sed 's/WEIGHT/"fused" @weights[512] transposed rows [[1, 4], [7, 12]] source tensor<8x12xf32>/; s/TYPE/tensor<8x8xf32>/g' %s \
// RUN:   | %qz-interpret - --tokens 1,5,0 --weights-dir %S/Inputs | FileCheck %s --check-prefix=ROWS
// ROWS: row 0, argmax 1: -0.1598 1.2349 1.1333 -1.5907 0.0543 0.8084 0.4336 -1.9423
// ROWS-NEXT: row 1, argmax 1: -2.8530 3.0004 0.9364 -0.9135 -0.7128 -0.8979 2.6217 0.0312
// ROWS-NEXT: row 2, argmax 5: -2.5744 -0.1215 0.1139 -1.1598 -0.1942 1.3038 0.3782 0.0001

// RUN: sed 's/WEIGHT/"fused" @weights[512] transposed rows [[1, 4], [7, 12]] source tensor<8x12xf32>/; s/TYPE/!qz.packed<8x8, int8>/g' %s \
// RUN:   | %qz-interpret - --tokens 1,5,0 --weights-dir %S/Inputs | FileCheck %s --check-prefix=ROWS-INT8
// ROWS-INT8: row 0, argmax 1: -0.1613 1.2393 1.1256 -1.5862 0.0494 0.8005 0.4336 -1.9408
// ROWS-INT8-NEXT: row 1, argmax 1: -2.8517 2.9966 0.9279 -0.9068 -0.7257 -0.8956 2.6217 0.0359
// ROWS-INT8-NEXT: row 2, argmax 5: -2.5774 -0.1185 0.1066 -1.1589 -0.1976 1.3008 0.3782 0.0009

qz.model @m attributes {family = "f", layers = 1 : i64, hidden = 8 : i64, vocab = 8 : i64,
    context = 6 : i64, eos = array<i64>, add_bos = false} {
  qz.file @weights "weights.safetensors" size 2240 sha256 "2ed8cf6193d51b05cd340c3283f790ed680525b78d11980a4612e9c9acca9a41"
  qz.graph(%tokens : tensor<?xi32>) -> tensor<?x8xf32> {
    %table = qz.param "table" @weights[1728] : tensor<8x8xf32>
    %x0 = qz.embed %tokens, %table : tensor<8x8xf32> -> tensor<?x8xf32>
    %x1 = qz.block 0 (%x = %x0) : tensor<?x8xf32> {
      %w = qz.param WEIGHT : TYPE
      %y = qz.linear q %x, %w : (tensor<?x8xf32>, TYPE) -> tensor<?x8xf32>
      qz.yield %y : tensor<?x8xf32>
    }
    qz.return %x1 : tensor<?x8xf32>
  }
}
