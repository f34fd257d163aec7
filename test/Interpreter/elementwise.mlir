// Elementwise operations.
// Numbers: Inputs/reference.py.

// RUN: sed 's/OP/qz.activate none %x : tensor<?x8xf32>/' %s \
// RUN:   | %qz-interpret - --tokens 1,5,0 --weights-dir %S/Inputs | FileCheck %s --check-prefix=NONE
// NONE: row 0, argmax 7: -0.3900 -0.5000 0.3900 0.2900 0.0800 -0.7400 -0.0200 0.5600
// NONE-NEXT: row 1, argmax 4: 0.0900 0.0500 -0.9800 0.0600 1.0900 -1.2400 0.6900 0.1000
// NONE-NEXT: row 2, argmax 7: 0.0000 0.2400 -0.2200 -0.7100 -0.3600 -0.7900 0.0500 1.0700

// RUN: sed 's/OP/qz.activate relu %x : tensor<?x8xf32>/' %s \
// RUN:   | %qz-interpret - --tokens 1,5,0 --weights-dir %S/Inputs | FileCheck %s --check-prefix=RELU
// RELU: row 0, argmax 7: 0.0000 0.0000 0.3900 0.2900 0.0800 0.0000 0.0000 0.5600
// RELU-NEXT: row 1, argmax 4: 0.0900 0.0500 0.0000 0.0600 1.0900 0.0000 0.6900 0.1000
// RELU-NEXT: row 2, argmax 7: 0.0000 0.2400 0.0000 0.0000 0.0000 0.0000 0.0500 1.0700

// RUN: sed 's/OP/qz.activate silu %x : tensor<?x8xf32>/' %s \
// RUN:   | %qz-interpret - --tokens 1,5,0 --weights-dir %S/Inputs | FileCheck %s --check-prefix=SILU
// SILU: row 0, argmax 7: -0.1574 -0.1888 0.2326 0.1659 0.0416 -0.2390 -0.0099 0.3564
// SILU-NEXT: row 1, argmax 4: 0.0470 0.0256 -0.2674 0.0309 0.8157 -0.2783 0.4595 0.0525
// SILU-NEXT: row 2, argmax 7: 0.0000 0.1343 -0.0979 -0.2340 -0.1479 -0.2466 0.0256 0.7967

// RUN: sed 's/OP/qz.activate gelu %x : tensor<?x8xf32>/' %s \
// RUN:   | %qz-interpret - --tokens 1,5,0 --weights-dir %S/Inputs | FileCheck %s --check-prefix=GELU
// GELU: row 0, argmax 7: -0.1358 -0.1543 0.2542 0.1781 0.0426 -0.1699 -0.0098 0.3989
// GELU-NEXT: row 1, argmax 4: 0.0482 0.0260 -0.1603 0.0314 0.9397 -0.1333 0.5209 0.0540
// GELU-NEXT: row 2, argmax 7: 0.0000 0.1428 -0.0908 -0.1696 -0.1294 -0.1697 0.0260 0.9177

// RUN: sed 's/OP/qz.activate gelu_tanh %x : tensor<?x8xf32>/' %s \
// RUN:   | %qz-interpret - --tokens 1,5,0 --weights-dir %S/Inputs | FileCheck %s --check-prefix=GELU-TANH
// GELU-TANH: row 0, argmax 7: -0.1358 -0.1543 0.2542 0.1781 0.0426 -0.1700 -0.0098 0.3988
// GELU-TANH-NEXT: row 1, argmax 4: 0.0482 0.0260 -0.1604 0.0314 0.9396 -0.1335 0.5208 0.0540
// GELU-TANH-NEXT: row 2, argmax 7: 0.0000 0.1428 -0.0908 -0.1696 -0.1294 -0.1697 0.0260 0.9176

// RUN: sed 's/OP/qz.add %x, %q : tensor<?x8xf32>/' %s \
// RUN:   | %qz-interpret - --tokens 1,5,0 --weights-dir %S/Inputs | FileCheck %s --check-prefix=ADD
// ADD: row 0, argmax 2: 0.5939 -0.4519 1.4093 -0.3402 0.0797 0.6256 0.2751 -0.5342
// ADD-NEXT: row 1, argmax 4: -0.5885 0.7534 -2.6859 -0.3726 1.3865 -1.9326 0.0446 -0.9159
// ADD-NEXT: row 2, argmax 2: -0.9731 0.8765 1.4447 -1.6599 -0.2696 -0.3738 -0.0638 -2.3200

// RUN: sed 's/OP/qz.mul %x, %q : tensor<?x8xf32>/' %s \
// RUN:   | %qz-interpret - --tokens 1,5,0 --weights-dir %S/Inputs | FileCheck %s --check-prefix=MUL
// MUL: row 0, argmax 2: -0.3837 -0.0240 0.3975 -0.1828 0.0000 -1.0105 -0.0059 -0.6128
// MUL-NEXT: row 1, argmax 2: -0.0611 0.0352 1.6718 -0.0260 0.3232 0.8588 -0.4453 -0.1016
// MUL-NEXT: row 2, argmax 3: 0.0000 0.1528 -0.3662 0.6744 -0.0325 -0.3288 -0.0057 -3.6273

// RUN: sed 's/OP/qz.scale %x by 0.3 : tensor<?x8xf32>/' %s \
// RUN:   | %qz-interpret - --tokens 1,5,0 --weights-dir %S/Inputs | FileCheck %s --check-prefix=SCALE
// SCALE: row 0, argmax 7: -0.1170 -0.1500 0.1170 0.0870 0.0240 -0.2220 -0.0060 0.1680
// SCALE-NEXT: row 1, argmax 4: 0.0270 0.0150 -0.2940 0.0180 0.3270 -0.3720 0.2070 0.0300
// SCALE-NEXT: row 2, argmax 7: 0.0000 0.0720 -0.0660 -0.2130 -0.1080 -0.2370 0.0150 0.3210

// RUN: sed 's/OP/qz.clamp %x limit 0.5 : tensor<?x8xf32>/' %s \
// RUN:   | %qz-interpret - --tokens 1,5,0 --weights-dir %S/Inputs | FileCheck %s --check-prefix=CLAMP
// CLAMP: row 0, argmax 7: -0.3900 -0.5000 0.3900 0.2900 0.0800 -0.5000 -0.0200 0.5000
// CLAMP-NEXT: row 1, argmax 4: 0.0900 0.0500 -0.5000 0.0600 0.5000 -0.5000 0.5000 0.1000
// CLAMP-NEXT: row 2, argmax 7: 0.0000 0.2400 -0.2200 -0.5000 -0.3600 -0.5000 0.0500 0.5000

// RUN: sed 's/OP/qz.soft_cap %x cap 0.5 : tensor<?x8xf32>/' %s \
// RUN:   | %qz-interpret - --tokens 1,5,0 --weights-dir %S/Inputs | FileCheck %s --check-prefix=CAP
// CAP: row 0, argmax 7: -0.3264 -0.3808 0.3264 0.2613 0.0793 -0.4507 -0.0200 0.4038
// CAP-NEXT: row 1, argmax 4: 0.0890 0.0498 -0.4805 0.0597 0.4874 -0.4930 0.4405 0.0987
// CAP-NEXT: row 2, argmax 7: 0.0000 0.2231 -0.2068 -0.4448 -0.3085 -0.4593 0.0498 0.4863

qz.model @m attributes {family = "f", layers = 1 : i64, hidden = 8 : i64, vocab = 8 : i64,
    context = 6 : i64, eos = array<i64>, add_bos = false} {
  qz.file @weights "weights.safetensors" size 2240 sha256 "2ed8cf6193d51b05cd340c3283f790ed680525b78d11980a4612e9c9acca9a41"
  qz.graph(%tokens : tensor<?xi32>) -> tensor<?x8xf32> {
    %table = qz.param "table" @weights[1728] : tensor<8x8xf32>
    %x0 = qz.embed %tokens, %table : tensor<8x8xf32> -> tensor<?x8xf32>
    %x1 = qz.block 0 (%x = %x0) : tensor<?x8xf32> {
      %wq = qz.param "q" @weights[1440] : tensor<8x8xf32>
      %q = qz.linear q %x, %wq : (tensor<?x8xf32>, tensor<8x8xf32>) -> tensor<?x8xf32>
      %y = OP
      qz.yield %y : tensor<?x8xf32>
    }
    qz.return %x1 : tensor<?x8xf32>
  }
}
