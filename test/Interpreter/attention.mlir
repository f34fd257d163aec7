// qz.attention: causal, with shared heads, a window, a soft cap, ALiBi and rope.
// Numbers: Inputs/reference.py.

// RUN: sed 's/OP/qz.attention %x, %k, %v heads 2 kv_heads 2 scale 0.5 : (tensor<?x8xf32>, tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>/' %s \
// RUN:   | %qz-interpret - --tokens 1,5,0 --weights-dir %S/Inputs | FileCheck %s --check-prefix=ATTENTION
// ATTENTION: row 0, argmax 1: 0.4509 0.8357 -0.3125 -0.5025 0.7625 0.6170 -0.1767 -1.8156
// ATTENTION-NEXT: row 1, argmax 0: 1.5240 0.8888 0.3852 -0.0441 0.7151 0.3077 -0.4609 -1.7990
// ATTENTION-NEXT: row 2, argmax 0: 1.8205 0.8297 -0.0742 -0.3900 1.1311 0.6548 -0.6384 -1.1957

// RUN: sed 's/OP/qz.attention %x, %k4, %v4 heads 2 kv_heads 1 scale 0.5 : (tensor<?x8xf32>, tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x8xf32>/' %s \
// RUN:   | %qz-interpret - --tokens 1,5,0 --weights-dir %S/Inputs | FileCheck %s --check-prefix=SHARED
// SHARED: row 0, argmax 1: 0.4509 0.8357 -0.3125 -0.5025 0.4509 0.8357 -0.3125 -0.5025
// SHARED-NEXT: row 1, argmax 4: 1.5240 0.8888 0.3852 -0.0441 1.9705 0.9109 0.6755 0.1466
// SHARED-NEXT: row 2, argmax 0: 1.8205 0.8297 -0.0742 -0.3900 1.8086 0.8670 0.2535 -0.1520

// RUN: sed 's/OP/qz.attention %x, %k, %v heads 2 kv_heads 2 scale 0.5 window 2 : (tensor<?x8xf32>, tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>/' %s \
// RUN:   | %qz-interpret - --tokens 1,5,0 --weights-dir %S/Inputs | FileCheck %s --check-prefix=WINDOW
// WINDOW: row 0, argmax 1: 0.4509 0.8357 -0.3125 -0.5025 0.7625 0.6170 -0.1767 -1.8156
// WINDOW-NEXT: row 1, argmax 0: 1.5240 0.8888 0.3852 -0.0441 0.7151 0.3077 -0.4609 -1.7990
// WINDOW-NEXT: row 2, argmax 0: 2.4158 0.8271 0.0294 -0.3411 1.4551 0.6881 -1.0443 -0.6509

// RUN: sed 's/OP/qz.attention %x, %k, %v heads 2 kv_heads 2 scale 0.5 soft_cap 0.5 : (tensor<?x8xf32>, tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>/' %s \
// RUN:   | %qz-interpret - --tokens 1,5,0 --weights-dir %S/Inputs | FileCheck %s --check-prefix=SOFT-CAP
// SOFT-CAP: row 0, argmax 1: 0.4509 0.8357 -0.3125 -0.5025 0.7625 0.6170 -0.1767 -1.8156
// SOFT-CAP-NEXT: row 1, argmax 0: 1.5880 0.8920 0.4268 -0.0168 0.6092 -0.3837 -1.0960 -1.7618
// SOFT-CAP-NEXT: row 2, argmax 0: 1.8300 0.8342 -0.0322 -0.3600 1.0690 0.4579 -0.7756 -1.2399

// RUN: sed 's/OP/qz.attention %x, %k, %v heads 2 kv_heads 2 scale 0.5 alibi 1.0 : (tensor<?x8xf32>, tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>/' %s \
// RUN:   | %qz-interpret - --tokens 1,5,0 --weights-dir %S/Inputs | FileCheck %s --check-prefix=ALIBI
// ALIBI: row 0, argmax 1: 0.4509 0.8357 -0.3125 -0.5025 0.7625 0.6170 -0.1767 -1.8156
// ALIBI-NEXT: row 1, argmax 0: 2.0671 0.9157 0.7383 0.1879 0.6914 0.1531 -0.6029 -1.7906
// ALIBI-NEXT: row 2, argmax 0: 1.8632 0.7850 -0.4601 -0.6715 1.3431 0.8133 -0.7498 -0.8824

// RUN: sed 's/OP/qz.attention %x, %k, %v rope #qz.rope<dim = 4, theta = 100.0, style = half> heads 2 kv_heads 2 scale 0.5 : (tensor<?x8xf32>, tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>/' %s \
// RUN:   | %qz-interpret - --tokens 1,5,0 --weights-dir %S/Inputs | FileCheck %s --check-prefix=TURNED
// TURNED: row 0, argmax 1: 0.4509 0.8357 -0.3125 -0.5025 0.7625 0.6170 -0.1767 -1.8156
// TURNED-NEXT: row 1, argmax 0: 1.2271 0.8741 0.1922 -0.1709 0.7390 0.4633 -0.3179 -1.8073
// TURNED-NEXT: row 2, argmax 0: 1.8633 0.8364 -0.0055 -0.3421 1.1751 0.6944 -0.6540 -1.1328

qz.model @m attributes {family = "f", layers = 1 : i64, hidden = 8 : i64, vocab = 8 : i64,
    context = 6 : i64, eos = array<i64>, add_bos = false} {
  qz.file @weights "weights.safetensors" size 2240 sha256 "2ed8cf6193d51b05cd340c3283f790ed680525b78d11980a4612e9c9acca9a41"
  qz.graph(%tokens : tensor<?xi32>) -> tensor<?x8xf32> {
    %table = qz.param "table" @weights[1728] : tensor<8x8xf32>
    %x0 = qz.embed %tokens, %table : tensor<8x8xf32> -> tensor<?x8xf32>
    %x1 = qz.block 0 (%x = %x0) : tensor<?x8xf32> {
      %wk = qz.param "k" @weights[928] : tensor<8x8xf32>
      %wv = qz.param "v" @weights[1984] : tensor<8x8xf32>
      %wk4 = qz.param "k" @weights[928] rows [[0, 4]] source tensor<8x8xf32> : tensor<4x8xf32>
      %wv4 = qz.param "v" @weights[1984] rows [[0, 4]] source tensor<8x8xf32> : tensor<4x8xf32>
      %k = qz.linear k %x, %wk : (tensor<?x8xf32>, tensor<8x8xf32>) -> tensor<?x8xf32>
      %v = qz.linear v %x, %wv : (tensor<?x8xf32>, tensor<8x8xf32>) -> tensor<?x8xf32>
      %k4 = qz.linear k %x, %wk4 : (tensor<?x8xf32>, tensor<4x8xf32>) -> tensor<?x4xf32>
      %v4 = qz.linear v %x, %wv4 : (tensor<?x8xf32>, tensor<4x8xf32>) -> tensor<?x4xf32>
      %y = OP
      qz.yield %y : tensor<?x8xf32>
    }
    qz.return %x1 : tensor<?x8xf32>
  }
}
