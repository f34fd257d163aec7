// qz.rows: parts of a weight that is quantized whole, whose blocks cross from part to part.
// Numbers: Inputs/reference.py.

// RUN: %qz-interpret %s --tokens 1,5,0 --weights-dir %S/Inputs | FileCheck %s --check-prefix=PARTS
// PARTS: row 0, argmax 1: -0.2097 1.1379 -1.4877 0.1407 -1.6086 -0.0028 0.5193 -1.9500
// PARTS-NEXT: row 1, argmax 6: -2.5285 2.7274 2.5055 -0.8328 -0.9855 -0.7253 2.7288 -0.0483
// PARTS-NEXT: row 2, argmax 3: -2.4226 -0.1844 -1.0267 1.1256 -1.2078 -0.1078 0.4082 -0.0255

qz.model @m attributes {family = "f", layers = 1 : i64, hidden = 8 : i64, vocab = 8 : i64,
    context = 6 : i64, eos = array<i64>, add_bos = false} {
  qz.file @weights "weights.safetensors" size 2240 sha256 "2ed8cf6193d51b05cd340c3283f790ed680525b78d11980a4612e9c9acca9a41"
  qz.graph(%tokens : tensor<?xi32>) -> tensor<?x8xf32> {
    %table = qz.param "table" @weights[1728] : tensor<8x8xf32>
    %x0 = qz.embed %tokens, %table : tensor<8x8xf32> -> tensor<?x8xf32>
    %x1 = qz.block 0 (%x = %x0) : tensor<?x8xf32> {
      %f = qz.param "fused" @weights[512] transposed source tensor<8x12xf32> : !qz.packed<12x8, nf4, block = 32>
      %w = qz.rows %f [[1, 3], [4, 6], [7, 9], [10, 12]] : !qz.packed<12x8, nf4, block = 32>
      %y = qz.linear q %x, %w : (tensor<?x8xf32>, !qz.rows<8 of !qz.packed<12x8, nf4, block = 32>>) -> tensor<?x8xf32>
      qz.yield %y : tensor<?x8xf32>
    }
    qz.return %x1 : tensor<?x8xf32>
  }
}
