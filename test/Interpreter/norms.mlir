// qz.rms_norm and qz.layer_norm.
// Numbers: Inputs/reference.py.

// RUN: sed 's/OP/qz.rms_norm %x, %gain eps 1.0e-5 : tensor<?x8xf32>, tensor<8xf32>/' %s \
// RUN:   | %qz-interpret - --tokens 1,5,0 --weights-dir %S/Inputs | FileCheck %s --check-prefix=RMS
// RMS: row 0, argmax 7: 0.3595 -1.8551 0.2876 1.0827 0.2028 0.3922 -0.0922 2.7746
// RMS-NEXT: row 1, argmax 6: -0.0498 0.1113 -0.4335 0.1344 1.6574 0.3942 1.9077 0.2972
// RMS-NEXT: row 2, argmax 7: 0.0000 0.6897 -0.1257 -2.0529 -0.7068 0.3243 0.1785 4.1060

// RUN: sed 's/OP/qz.rms_norm %x eps 1.0e-5 : tensor<?x8xf32>/' %s \
// RUN:   | %qz-interpret - --tokens 1,5,0 --weights-dir %S/Inputs | FileCheck %s --check-prefix=RMS-PLAIN
// RMS-PLAIN: row 0, argmax 7: -0.8988 -1.1523 0.8988 0.6683 0.1844 -1.7053 -0.0461 1.2905
// RMS-PLAIN-NEXT: row 1, argmax 4: 0.1244 0.0691 -1.3547 0.0829 1.5068 -1.7141 0.9538 0.1382
// RMS-PLAIN-NEXT: row 2, argmax 7: 0.0000 0.4284 -0.3927 -1.2672 -0.6425 -1.4100 0.0892 1.9098

// RUN: sed 's/OP/qz.rms_norm %x, %gain unit_offset eps 1.0e-5 : tensor<?x8xf32>, tensor<8xf32>/' %s \
// RUN:   | %qz-interpret - --tokens 1,5,0 --weights-dir %S/Inputs | FileCheck %s --check-prefix=RMS-UNIT
// RMS-UNIT: row 0, argmax 7: -0.5393 -3.0074 1.1864 1.7510 0.3872 -1.3131 -0.1383 4.0651
// RMS-UNIT-NEXT: row 1, argmax 4: 0.0746 0.1804 -1.7882 0.2173 3.1642 -1.3199 2.8615 0.4354
// RMS-UNIT-NEXT: row 2, argmax 7: 0.0000 1.1180 -0.5183 -3.3201 -1.3493 -1.0857 0.2677 6.0158

// RUN: sed 's/OP/qz.rms_norm %x, %four heads 2 eps 1.0e-5 : tensor<?x8xf32>, tensor<4xf32>/' %s \
// RUN:   | %qz-interpret - --tokens 1,5,0 --weights-dir %S/Inputs | FileCheck %s --check-prefix=RMS-HEADS
// RMS-HEADS: row 0, argmax 7: 0.3905 -2.0151 0.3124 1.1760 -0.0687 -2.5575 -0.0137 1.9474
// RMS-HEADS-NEXT: row 1, argmax 6: -0.0729 0.1631 -0.6353 0.1969 -0.4866 -2.2279 0.2464 0.1808
// RMS-HEADS-NEXT: row 2, argmax 7: 0.0000 0.9894 -0.1803 -2.9450 0.2089 -1.8449 0.0232 2.5143

// RUN: sed 's/OP/qz.layer_norm %x, %gain bias %bias eps 1.0e-5 : tensor<?x8xf32>, tensor<8xf32>, tensor<8xf32>/' %s \
// RUN:   | %qz-interpret - --tokens 1,5,0 --weights-dir %S/Inputs | FileCheck %s --check-prefix=LAYER
// LAYER: row 0, argmax 7: 0.2729 -1.9298 0.1895 0.4623 1.1888 -0.0580 0.0584 2.3626
// LAYER-NEXT: row 1, argmax 4: -0.1095 -0.0697 -0.5559 -0.6064 2.5646 -0.0412 1.9166 -0.2807
// LAYER-NEXT: row 2, argmax 7: -0.1151 0.7408 -0.2052 -2.5963 0.3429 -0.1389 0.4663 3.8799

// RUN: sed 's/OP/qz.layer_norm %x, %gain eps 1.0e-5 : tensor<?x8xf32>, tensor<8xf32>/' %s \
// RUN:   | %qz-interpret - --tokens 1,5,0 --weights-dir %S/Inputs | FileCheck %s --check-prefix=LAYER-WEIGHT
// LAYER-WEIGHT: row 0, argmax 7: 0.3229 -1.7098 0.3195 1.2423 0.3088 0.3720 0.0984 2.9926
// LAYER-WEIGHT-NEXT: row 1, argmax 6: -0.0595 0.1503 -0.4259 0.1736 1.6846 0.3888 1.9566 0.3493
// LAYER-WEIGHT-NEXT: row 2, argmax 7: -0.0651 0.9608 -0.0752 -1.8163 -0.5371 0.2911 0.5063 4.5099

// RUN: sed 's/OP/qz.layer_norm %x eps 1.0e-5 : tensor<?x8xf32>/' %s \
// RUN:   | %qz-interpret - --tokens 1,5,0 --weights-dir %S/Inputs | FileCheck %s --check-prefix=LAYER-PLAIN
// LAYER-PLAIN: row 0, argmax 7: -0.8074 -1.0620 0.9983 0.7668 0.2807 -1.6176 0.0492 1.3919
// LAYER-PLAIN-NEXT: row 1, argmax 4: 0.1486 0.0933 -1.3309 0.1072 1.5314 -1.6904 0.9783 0.1625
// LAYER-PLAIN-NEXT: row 2, argmax 7: 0.1627 0.5967 -0.2351 -1.1212 -0.4882 -1.2658 0.2532 2.0976

// RUN: sed 's/OP/qz.layer_norm %x, %four bias %beta heads 2 eps 1.0e-5 : tensor<?x8xf32>, tensor<4xf32>, tensor<4xf32>/' %s \
// RUN:   | %qz-interpret - --tokens 1,5,0 --weights-dir %S/Inputs | FileCheck %s --check-prefix=LAYER-HEADS
// LAYER-HEADS: row 0, argmax 7: 0.2909 -2.0393 0.2276 0.6211 -0.1446 -2.6789 -0.1231 1.2760
// LAYER-HEADS-NEXT: row 1, argmax 1: -0.3014 0.6498 -0.6840 0.1310 -0.4719 -2.7765 0.0624 -0.8902
// LAYER-HEADS-NEXT: row 2, argmax 7: -0.2469 1.6753 -0.1734 -3.2650 0.1545 -2.0475 -0.1033 1.7521

qz.model @m attributes {family = "f", layers = 1 : i64, hidden = 8 : i64, vocab = 8 : i64,
    context = 6 : i64, eos = array<i64>, add_bos = false} {
  qz.file @weights "weights.safetensors" size 2240 sha256 "2ed8cf6193d51b05cd340c3283f790ed680525b78d11980a4612e9c9acca9a41"
  qz.graph(%tokens : tensor<?xi32>) -> tensor<?x8xf32> {
    %table = qz.param "table" @weights[1728] : tensor<8x8xf32>
    %x0 = qz.embed %tokens, %table : tensor<8x8xf32> -> tensor<?x8xf32>
    %x1 = qz.block 0 (%x = %x0) : tensor<?x8xf32> {
      %gain = qz.param "gain" @weights[896] : tensor<8xf32>
      %bias = qz.param "shift" @weights[1696] : tensor<8xf32>
      %four = qz.param "gain" @weights[896] rows [[0, 4]] source tensor<8xf32> : tensor<4xf32>
      %beta = qz.param "shift" @weights[1696] rows [[0, 4]] source tensor<8xf32> : tensor<4xf32>
      %y = OP
      qz.yield %y : tensor<?x8xf32>
    }
    qz.return %x1 : tensor<?x8xf32>
  }
}
