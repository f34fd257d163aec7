// qz.embed and qz.add_positions.
// Numbers: Inputs/reference.py.

// RUN: sed 's/OP/qz.activate none %x : tensor<?x8xf32>/' %s \
// RUN:   | %qz-interpret - --tokens 1,5,0 --weights-dir %S/Inputs | FileCheck %s --check-prefix=EMBED
// EMBED: row 0, argmax 7: -0.3900 -0.5000 0.3900 0.2900 0.0800 -0.7400 -0.0200 0.5600
// EMBED-NEXT: row 1, argmax 4: 0.0900 0.0500 -0.9800 0.0600 1.0900 -1.2400 0.6900 0.1000
// EMBED-NEXT: row 2, argmax 7: 0.0000 0.2400 -0.2200 -0.7100 -0.3600 -0.7900 0.0500 1.0700

// RUN: sed 's/OP/qz.add_positions %x, %learned offset 2 : tensor<?x8xf32>, tensor<8x8xf32>/' %s \
// RUN:   | %qz-interpret - --tokens 1,5,0 --weights-dir %S/Inputs | FileCheck %s --check-prefix=POSITIONS
// POSITIONS: row 0, argmax 2: -0.7300 -0.7400 0.6700 0.1900 -0.0800 -1.6300 -0.0300 0.2100
// POSITIONS-NEXT: row 1, argmax 0: 1.0200 0.5700 -1.0000 0.5900 0.8200 -0.4000 0.6900 0.5700
// POSITIONS-NEXT: row 2, argmax 7: -1.0300 0.5200 -1.5700 -2.3400 -0.6000 -1.5100 0.1800 2.8700

qz.model @m attributes {family = "f", layers = 1 : i64, hidden = 8 : i64, vocab = 8 : i64,
    context = 6 : i64, eos = array<i64>, add_bos = false} {
  qz.file @weights "weights.safetensors" size 2240 sha256 "2ed8cf6193d51b05cd340c3283f790ed680525b78d11980a4612e9c9acca9a41"
  qz.graph(%tokens : tensor<?xi32>) -> tensor<?x8xf32> {
    %table = qz.param "table" @weights[1728] : tensor<8x8xf32>
    %x0 = qz.embed %tokens, %table : tensor<8x8xf32> -> tensor<?x8xf32>
    %x1 = qz.block 0 (%x = %x0) : tensor<?x8xf32> {
      %learned = qz.param "positions" @weights[1184] : tensor<8x8xf32>
      %y = OP
      qz.yield %y : tensor<?x8xf32>
    }
    qz.return %x1 : tensor<?x8xf32>
  }
}
