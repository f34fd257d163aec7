// RUN: %qzc-opt %s -verify-diagnostics -split-input-file

// EmbedOp: tokens
qz.model @m attributes {family = "f", layers = 1 : i64, hidden = 4 : i64, vocab = 8 : i64,
  context = 16 : i64, eos = array<i64: 2>, add_bos = false} {
  qz.graph(%t : tensor<?xi32>) -> tensor<?x8xf32> {
    %e = qz.param "e" : tensor<8x4xf32>
    // expected-error @+1 {{operand #0 must be tensor<?xi32> of tokens}}
    %x = "qz.embed"(%e, %e) : (tensor<8x4xf32>, tensor<8x4xf32>) -> tensor<?x4xf32>
  }
}

// -----

// EmbedOp (C1): columns
qz.model @m attributes {family = "f", layers = 1 : i64, hidden = 4 : i64, vocab = 8 : i64,
  context = 16 : i64, eos = array<i64: 2>, add_bos = false} {
  qz.graph(%t : tensor<?xi32>) -> tensor<?x8xf32> {
    %e = qz.param "e" : tensor<8x4xf32>
    // expected-error @+1 {{has a table of 4 columns for a result of 5 features}}
    %x = qz.embed %t, %e : tensor<8x4xf32> -> tensor<?x5xf32>
  }
}

// -----

// EmbedOp (C2): rows
qz.model @m attributes {family = "f", layers = 1 : i64, hidden = 4 : i64, vocab = 8 : i64,
  context = 16 : i64, eos = array<i64: 2>, add_bos = false} {
  qz.graph(%t : tensor<?xi32>) -> tensor<?x8xf32> {
    %e = qz.param "e" : tensor<7x4xf32>
    // expected-error @+1 {{has a table of 7 rows for a vocabulary of 8}}
    %x = qz.embed %t, %e : tensor<7x4xf32> -> tensor<?x4xf32>
  }
}

// -----

// AddPositionsOp (C1): columns
qz.model @m attributes {family = "f", layers = 1 : i64, hidden = 4 : i64, vocab = 8 : i64,
  context = 16 : i64, eos = array<i64: 2>, add_bos = false} {
  qz.graph(%t : tensor<?xi32>) -> tensor<?x8xf32> {
    %e = qz.param "e" : tensor<8x4xf32>
    %x = qz.embed %t, %e : tensor<8x4xf32> -> tensor<?x4xf32>
    %w0 = qz.param "w0" : tensor<16x5xf32>
    // expected-error @+1 {{has a table of 5 columns for an input of 4 features}}
    %y = qz.add_positions %x, %w0 : tensor<?x4xf32>, tensor<16x5xf32>
  }
}

// -----

// AddPositionsOp (C2): rows for the context
qz.model @m attributes {family = "f", layers = 1 : i64, hidden = 4 : i64, vocab = 8 : i64,
  context = 16 : i64, eos = array<i64: 2>, add_bos = false} {
  qz.graph(%t : tensor<?xi32>) -> tensor<?x8xf32> {
    %e = qz.param "e" : tensor<8x4xf32>
    %x = qz.embed %t, %e : tensor<8x4xf32> -> tensor<?x4xf32>
    %w0 = qz.param "w0" : tensor<17x4xf32>
    // expected-error @+1 {{has a table of 17 rows, too few for 16 positions from offset 2}}
    %y = qz.add_positions %x, %w0 offset 2 : tensor<?x4xf32>, tensor<17x4xf32>
  }
}

// -----

// AddPositionsOp (C2): offset
qz.model @m attributes {family = "f", layers = 1 : i64, hidden = 4 : i64, vocab = 8 : i64,
  context = 16 : i64, eos = array<i64: 2>, add_bos = false} {
  qz.graph(%t : tensor<?xi32>) -> tensor<?x8xf32> {
    %e = qz.param "e" : tensor<8x4xf32>
    %x = qz.embed %t, %e : tensor<8x4xf32> -> tensor<?x4xf32>
    %w0 = qz.param "w0" : tensor<17x4xf32>
    // expected-error @+1 {{has a table of 17 rows, too few for 16 positions from offset -1}}
    %y = qz.add_positions %x, %w0 offset -1 : tensor<?x4xf32>, tensor<17x4xf32>
  }
}

// -----

// RmsNormOp (C1): length
qz.model @m attributes {family = "f", layers = 1 : i64, hidden = 4 : i64, vocab = 8 : i64,
  context = 16 : i64, eos = array<i64: 2>, add_bos = false} {
  qz.graph(%t : tensor<?xi32>) -> tensor<?x8xf32> {
    %e = qz.param "e" : tensor<8x4xf32>
    %x = qz.embed %t, %e : tensor<8x4xf32> -> tensor<?x4xf32>
    %w0 = qz.param "w0" : tensor<5xf32>
    // expected-error @+1 {{has a weight of 5 elements for rows of 4}}
    %y = qz.rms_norm %x, %w0 eps 1.0e-5 : tensor<?x4xf32>, tensor<5xf32>
  }
}

// -----

// RmsNormOp (C1): length, of heads
qz.model @m attributes {family = "f", layers = 1 : i64, hidden = 4 : i64, vocab = 8 : i64,
  context = 16 : i64, eos = array<i64: 2>, add_bos = false} {
  qz.graph(%t : tensor<?xi32>) -> tensor<?x8xf32> {
    %e = qz.param "e" : tensor<8x4xf32>
    %x = qz.embed %t, %e : tensor<8x4xf32> -> tensor<?x4xf32>
    %w0 = qz.param "w0" : tensor<4xf32>
    // expected-error @+1 {{has a weight of 4 elements for heads of 2}}
    %y = qz.rms_norm %x, %w0 heads 2 eps 1.0e-5 : tensor<?x4xf32>, tensor<4xf32>
  }
}

// -----

// RmsNormOp (C4): heads
qz.model @m attributes {family = "f", layers = 1 : i64, hidden = 4 : i64, vocab = 8 : i64,
  context = 16 : i64, eos = array<i64: 2>, add_bos = false} {
  qz.graph(%t : tensor<?xi32>) -> tensor<?x8xf32> {
    %e = qz.param "e" : tensor<8x4xf32>
    %x = qz.embed %t, %e : tensor<8x4xf32> -> tensor<?x4xf32>
    // expected-error @+1 {{cannot share 4 features among 3 heads}}
    %y = qz.rms_norm %x heads 3 eps 1.0e-5 : tensor<?x4xf32>
  }
}

// -----

// LayerNormOp (C4): heads
qz.model @m attributes {family = "f", layers = 1 : i64, hidden = 4 : i64, vocab = 8 : i64,
  context = 16 : i64, eos = array<i64: 2>, add_bos = false} {
  qz.graph(%t : tensor<?xi32>) -> tensor<?x8xf32> {
    %e = qz.param "e" : tensor<8x4xf32>
    %x = qz.embed %t, %e : tensor<8x4xf32> -> tensor<?x4xf32>
    // expected-error @+1 {{cannot share 4 features among 0 heads}}
    %y = qz.layer_norm %x heads 0 eps 1.0e-5 : tensor<?x4xf32>
  }
}

// -----

// RmsNormOp (C2): eps
qz.model @m attributes {family = "f", layers = 1 : i64, hidden = 4 : i64, vocab = 8 : i64,
  context = 16 : i64, eos = array<i64: 2>, add_bos = false} {
  qz.graph(%t : tensor<?xi32>) -> tensor<?x8xf32> {
    %e = qz.param "e" : tensor<8x4xf32>
    %x = qz.embed %t, %e : tensor<8x4xf32> -> tensor<?x4xf32>
    // expected-error @+1 {{needs a finite, positive eps}}
    %y = qz.rms_norm %x eps 0.0 : tensor<?x4xf32>
  }
}

// -----

// RmsNormOp (C2): eps
qz.model @m attributes {family = "f", layers = 1 : i64, hidden = 4 : i64, vocab = 8 : i64,
  context = 16 : i64, eos = array<i64: 2>, add_bos = false} {
  qz.graph(%t : tensor<?xi32>) -> tensor<?x8xf32> {
    %e = qz.param "e" : tensor<8x4xf32>
    %x = qz.embed %t, %e : tensor<8x4xf32> -> tensor<?x4xf32>
    // expected-error @+1 {{needs a finite, positive eps}}
    %y = qz.rms_norm %x eps -1.0 : tensor<?x4xf32>
  }
}

// -----

// RmsNormOp (C2): eps
qz.model @m attributes {family = "f", layers = 1 : i64, hidden = 4 : i64, vocab = 8 : i64,
  context = 16 : i64, eos = array<i64: 2>, add_bos = false} {
  qz.graph(%t : tensor<?xi32>) -> tensor<?x8xf32> {
    %e = qz.param "e" : tensor<8x4xf32>
    %x = qz.embed %t, %e : tensor<8x4xf32> -> tensor<?x4xf32>
    // expected-error @+1 {{needs a finite, positive eps}}
    %y = qz.rms_norm %x eps 0x7FF0000000000000 : tensor<?x4xf32>
  }
}

// -----

// RmsNormOp (C3): unit_offset
qz.model @m attributes {family = "f", layers = 1 : i64, hidden = 4 : i64, vocab = 8 : i64,
  context = 16 : i64, eos = array<i64: 2>, add_bos = false} {
  qz.graph(%t : tensor<?xi32>) -> tensor<?x8xf32> {
    %e = qz.param "e" : tensor<8x4xf32>
    %x = qz.embed %t, %e : tensor<8x4xf32> -> tensor<?x4xf32>
    // expected-error @+1 {{has unit_offset without a weight}}
    %y = qz.rms_norm %x unit_offset eps 1.0e-5 : tensor<?x4xf32>
  }
}

// -----

// LayerNormOp (C1): length of the weight
qz.model @m attributes {family = "f", layers = 1 : i64, hidden = 4 : i64, vocab = 8 : i64,
  context = 16 : i64, eos = array<i64: 2>, add_bos = false} {
  qz.graph(%t : tensor<?xi32>) -> tensor<?x8xf32> {
    %e = qz.param "e" : tensor<8x4xf32>
    %x = qz.embed %t, %e : tensor<8x4xf32> -> tensor<?x4xf32>
    %w0 = qz.param "w0" : tensor<5xf32>
    // expected-error @+1 {{has a weight of 5 elements for rows of 4}}
    %y = qz.layer_norm %x, %w0 eps 1.0e-5 : tensor<?x4xf32>, tensor<5xf32>
  }
}

// -----

// LayerNormOp (C1): length of the bias
qz.model @m attributes {family = "f", layers = 1 : i64, hidden = 4 : i64, vocab = 8 : i64,
  context = 16 : i64, eos = array<i64: 2>, add_bos = false} {
  qz.graph(%t : tensor<?xi32>) -> tensor<?x8xf32> {
    %e = qz.param "e" : tensor<8x4xf32>
    %x = qz.embed %t, %e : tensor<8x4xf32> -> tensor<?x4xf32>
    %w0 = qz.param "w0" : tensor<4xf32>
    %w1 = qz.param "w1" : tensor<5xf32>
    // expected-error @+1 {{has a bias of 5 elements for rows of 4}}
    %y = qz.layer_norm %x, %w0 bias %w1 eps 1.0e-5
      : tensor<?x4xf32>, tensor<4xf32>, tensor<5xf32>
  }
}

// -----

// LayerNormOp (C2): eps
qz.model @m attributes {family = "f", layers = 1 : i64, hidden = 4 : i64, vocab = 8 : i64,
  context = 16 : i64, eos = array<i64: 2>, add_bos = false} {
  qz.graph(%t : tensor<?xi32>) -> tensor<?x8xf32> {
    %e = qz.param "e" : tensor<8x4xf32>
    %x = qz.embed %t, %e : tensor<8x4xf32> -> tensor<?x4xf32>
    // expected-error @+1 {{needs a finite, positive eps}}
    %y = qz.layer_norm %x eps 0.0 : tensor<?x4xf32>
  }
}

// -----

// LayerNormOp (C3): a bias alone
qz.model @m attributes {family = "f", layers = 1 : i64, hidden = 4 : i64, vocab = 8 : i64,
  context = 16 : i64, eos = array<i64: 2>, add_bos = false} {
  qz.graph(%t : tensor<?xi32>) -> tensor<?x8xf32> {
    %e = qz.param "e" : tensor<8x4xf32>
    %x = qz.embed %t, %e : tensor<8x4xf32> -> tensor<?x4xf32>
    %w0 = qz.param "w0" : tensor<4xf32>
    // expected-error @+1 {{has a bias without a weight}}
    %y = "qz.layer_norm"(%x, %w0) <{epsilon = 1.0e-5 : f64,
      operandSegmentSizes = array<i32: 1, 0, 1>}>
      : (tensor<?x4xf32>, tensor<4xf32>) -> tensor<?x4xf32>
  }
}

// -----

// LinearOp (C1): columns
qz.model @m attributes {family = "f", layers = 1 : i64, hidden = 4 : i64, vocab = 8 : i64,
  context = 16 : i64, eos = array<i64: 2>, add_bos = false} {
  qz.graph(%t : tensor<?xi32>) -> tensor<?x8xf32> {
    %e = qz.param "e" : tensor<8x4xf32>
    %x = qz.embed %t, %e : tensor<8x4xf32> -> tensor<?x4xf32>
    %y = qz.block 0 (%b = %x) : tensor<?x4xf32> {
      %w0 = qz.param "w0" : tensor<6x5xf32>
      // expected-error @+1 {{has a weight of 5 columns for an input of 4 features}}
      %z = qz.linear up %b, %w0 : (tensor<?x4xf32>, tensor<6x5xf32>) -> tensor<?x6xf32>
    }
  }
}

// -----

// LinearOp (C2): rows
qz.model @m attributes {family = "f", layers = 1 : i64, hidden = 4 : i64, vocab = 8 : i64,
  context = 16 : i64, eos = array<i64: 2>, add_bos = false} {
  qz.graph(%t : tensor<?xi32>) -> tensor<?x8xf32> {
    %e = qz.param "e" : tensor<8x4xf32>
    %x = qz.embed %t, %e : tensor<8x4xf32> -> tensor<?x4xf32>
    %y = qz.block 0 (%b = %x) : tensor<?x4xf32> {
      %w0 = qz.param "w0" : tensor<6x4xf32>
      // expected-error @+1 {{has a weight of 6 rows for a result of 7 features}}
      %z = qz.linear up %b, %w0 : (tensor<?x4xf32>, tensor<6x4xf32>) -> tensor<?x7xf32>
    }
  }
}

// -----

// LinearOp (C3): bias
qz.model @m attributes {family = "f", layers = 1 : i64, hidden = 4 : i64, vocab = 8 : i64,
  context = 16 : i64, eos = array<i64: 2>, add_bos = false} {
  qz.graph(%t : tensor<?xi32>) -> tensor<?x8xf32> {
    %e = qz.param "e" : tensor<8x4xf32>
    %x = qz.embed %t, %e : tensor<8x4xf32> -> tensor<?x4xf32>
    %y = qz.block 0 (%b = %x) : tensor<?x4xf32> {
      %w0 = qz.param "w0" : tensor<6x4xf32>
      %w1 = qz.param "w1" : tensor<7xf32>
      // expected-error @+1 {{has a bias of 7 elements for a weight of 6 rows}}
      %z = qz.linear up %b, %w0 bias %w1 :
        (tensor<?x4xf32>, tensor<6x4xf32>, tensor<7xf32>) -> tensor<?x6xf32>
    }
  }
}

// -----

// LinearOp (C4): residual
qz.model @m attributes {family = "f", layers = 1 : i64, hidden = 4 : i64, vocab = 8 : i64,
  context = 16 : i64, eos = array<i64: 2>, add_bos = false} {
  qz.graph(%t : tensor<?xi32>) -> tensor<?x8xf32> {
    %e = qz.param "e" : tensor<8x4xf32>
    %x = qz.embed %t, %e : tensor<8x4xf32> -> tensor<?x4xf32>
    %y = qz.block 0 (%b = %x) : tensor<?x4xf32> {
      %w0 = qz.param "w0" : tensor<6x4xf32>
      // expected-error @+1 {{has a residual of type 'tensor<?x4xf32>' for a result of 'tensor<?x6xf32>'}}
      %z = qz.linear up %b, %w0 residual %b :
        (tensor<?x4xf32>, tensor<6x4xf32>, tensor<?x4xf32>) -> tensor<?x6xf32>
    }
  }
}

// -----

// LinearOp (C5): a block's role outside
qz.model @m attributes {family = "f", layers = 1 : i64, hidden = 4 : i64, vocab = 8 : i64,
  context = 16 : i64, eos = array<i64: 2>, add_bos = false} {
  qz.graph(%t : tensor<?xi32>) -> tensor<?x8xf32> {
    %e = qz.param "e" : tensor<8x4xf32>
    %x = qz.embed %t, %e : tensor<8x4xf32> -> tensor<?x4xf32>
    %w0 = qz.param "w0" : tensor<6x4xf32>
    // expected-error @+1 {{with role up must stand in a decoder block}}
    %y = qz.linear up %x, %w0 : (tensor<?x4xf32>, tensor<6x4xf32>) -> tensor<?x6xf32>
  }
}

// -----

// LinearOp (C5): proj inside
qz.model @m attributes {family = "f", layers = 1 : i64, hidden = 4 : i64, vocab = 8 : i64,
  context = 16 : i64, eos = array<i64: 2>, add_bos = false} {
  qz.graph(%t : tensor<?xi32>) -> tensor<?x8xf32> {
    %e = qz.param "e" : tensor<8x4xf32>
    %x = qz.embed %t, %e : tensor<8x4xf32> -> tensor<?x4xf32>
    %y = qz.block 0 (%b = %x) : tensor<?x4xf32> {
      %w0 = qz.param "w0" : tensor<6x4xf32>
      // expected-error @+1 {{with role proj cannot stand in a decoder block}}
      %z = qz.linear proj %b, %w0 : (tensor<?x4xf32>, tensor<6x4xf32>) -> tensor<?x6xf32>
    }
  }
}

// -----

// LinearOp (C5): head inside
qz.model @m attributes {family = "f", layers = 1 : i64, hidden = 4 : i64, vocab = 8 : i64,
  context = 16 : i64, eos = array<i64: 2>, add_bos = false} {
  qz.graph(%t : tensor<?xi32>) -> tensor<?x8xf32> {
    %e = qz.param "e" : tensor<8x4xf32>
    %x = qz.embed %t, %e : tensor<8x4xf32> -> tensor<?x4xf32>
    %y = qz.block 0 (%b = %x) : tensor<?x4xf32> {
      %w0 = qz.param "w0" : tensor<6x4xf32>
      // expected-error @+1 {{with role head cannot stand in a decoder block}}
      %z = qz.linear head %b, %w0 : (tensor<?x4xf32>, tensor<6x4xf32>) -> tensor<?x6xf32>
    }
  }
}

// -----

// LinearOp: unknown role
qz.model @m attributes {family = "f", layers = 1 : i64, hidden = 4 : i64, vocab = 8 : i64,
  context = 16 : i64, eos = array<i64: 2>, add_bos = false} {
  qz.graph(%t : tensor<?xi32>) -> tensor<?x8xf32> {
    %e = qz.param "e" : tensor<8x4xf32>
    %x = qz.embed %t, %e : tensor<8x4xf32> -> tensor<?x4xf32>
    %y = qz.block 0 (%b = %x) : tensor<?x4xf32> {
      %w0 = qz.param "w0" : tensor<6x4xf32>
      // expected-error @+1 {{unknown linear role 'qkv'; known are q, k, v, o, up, gate, down, proj, head}}
      %z = qz.linear qkv %b, %w0 : (tensor<?x4xf32>, tensor<6x4xf32>) -> tensor<?x6xf32>
    }
  }
}

// -----

// LinearGroupOp (C1): one weight
qz.model @m attributes {family = "f", layers = 1 : i64, hidden = 4 : i64, vocab = 8 : i64,
  context = 16 : i64, eos = array<i64: 2>, add_bos = false} {
  qz.graph(%t : tensor<?xi32>) -> tensor<?x8xf32> {
    %e = qz.param "e" : tensor<8x4xf32>
    %x = qz.embed %t, %e : tensor<8x4xf32> -> tensor<?x4xf32>
    %y = qz.block 0 (%b = %x) : tensor<?x4xf32> {
      %w0 = qz.param "w0" : tensor<4x4xf32>
      // expected-error @+1 {{needs two or three weights, with a role and a result each}}
      %z = qz.linear_group %b roles [q] weights(%w0)
        : (tensor<?x4xf32>, tensor<4x4xf32>) -> tensor<?x4xf32>
    }
  }
}

// -----

// LinearGroupOp (C1): a role each
qz.model @m attributes {family = "f", layers = 1 : i64, hidden = 4 : i64, vocab = 8 : i64,
  context = 16 : i64, eos = array<i64: 2>, add_bos = false} {
  qz.graph(%t : tensor<?xi32>) -> tensor<?x8xf32> {
    %e = qz.param "e" : tensor<8x4xf32>
    %x = qz.embed %t, %e : tensor<8x4xf32> -> tensor<?x4xf32>
    %y = qz.block 0 (%b = %x) : tensor<?x4xf32> {
      %w0 = qz.param "w0" : tensor<4x4xf32>
      // expected-error @+1 {{needs two or three weights, with a role and a result each}}
      %z:2 = qz.linear_group %b roles [q] weights(%w0, %w0)
        : (tensor<?x4xf32>, tensor<4x4xf32>, tensor<4x4xf32>)
        -> (tensor<?x4xf32>, tensor<?x4xf32>)
    }
  }
}

// -----

// LinearGroupOp (C2): biases
qz.model @m attributes {family = "f", layers = 1 : i64, hidden = 4 : i64, vocab = 8 : i64,
  context = 16 : i64, eos = array<i64: 2>, add_bos = false} {
  qz.graph(%t : tensor<?xi32>) -> tensor<?x8xf32> {
    %e = qz.param "e" : tensor<8x4xf32>
    %x = qz.embed %t, %e : tensor<8x4xf32> -> tensor<?x4xf32>
    %y = qz.block 0 (%b = %x) : tensor<?x4xf32> {
      %w0 = qz.param "w0" : tensor<4x4xf32>
      %w1 = qz.param "w1" : tensor<4xf32>
      // expected-error @+1 {{has 1 biases for 2 weights}}
      %z:2 = qz.linear_group %b roles [q, k] weights(%w0, %w0) biases(%w1)
        : (tensor<?x4xf32>, tensor<4x4xf32>, tensor<4x4xf32>, tensor<4xf32>)
        -> (tensor<?x4xf32>, tensor<?x4xf32>)
    }
  }
}

// -----

// LinearGroupOp (C3): columns
qz.model @m attributes {family = "f", layers = 1 : i64, hidden = 4 : i64, vocab = 8 : i64,
  context = 16 : i64, eos = array<i64: 2>, add_bos = false} {
  qz.graph(%t : tensor<?xi32>) -> tensor<?x8xf32> {
    %e = qz.param "e" : tensor<8x4xf32>
    %x = qz.embed %t, %e : tensor<8x4xf32> -> tensor<?x4xf32>
    %y = qz.block 0 (%b = %x) : tensor<?x4xf32> {
      %w0 = qz.param "w0" : tensor<4x4xf32>
      %w1 = qz.param "w1" : tensor<4x5xf32>
      // expected-error @+1 {{has a weight of 5 columns for an input of 4 features}}
      %z:2 = qz.linear_group %b roles [q, k] weights(%w0, %w1)
        : (tensor<?x4xf32>, tensor<4x4xf32>, tensor<4x5xf32>)
        -> (tensor<?x4xf32>, tensor<?x4xf32>)
    }
  }
}

// -----

// LinearGroupOp (C3): bias
qz.model @m attributes {family = "f", layers = 1 : i64, hidden = 4 : i64, vocab = 8 : i64,
  context = 16 : i64, eos = array<i64: 2>, add_bos = false} {
  qz.graph(%t : tensor<?xi32>) -> tensor<?x8xf32> {
    %e = qz.param "e" : tensor<8x4xf32>
    %x = qz.embed %t, %e : tensor<8x4xf32> -> tensor<?x4xf32>
    %y = qz.block 0 (%b = %x) : tensor<?x4xf32> {
      %w0 = qz.param "w0" : tensor<4x4xf32>
      %w1 = qz.param "w1" : tensor<4xf32>
      %w2 = qz.param "w2" : tensor<5xf32>
      // expected-error @+1 {{has a bias of 5 elements for a weight of 4 rows}}
      %z:2 = qz.linear_group %b roles [q, k] weights(%w0, %w0) biases(%w1, %w2)
        : (tensor<?x4xf32>, tensor<4x4xf32>, tensor<4x4xf32>, tensor<4xf32>,
           tensor<5xf32>) -> (tensor<?x4xf32>, tensor<?x4xf32>)
    }
  }
}

// -----

// LinearGroupOp (C4): storage
qz.model @m attributes {family = "f", layers = 1 : i64, hidden = 4 : i64, vocab = 8 : i64,
  context = 16 : i64, eos = array<i64: 2>, add_bos = false} {
  qz.graph(%t : tensor<?xi32>) -> tensor<?x8xf32> {
    %e = qz.param "e" : tensor<8x4xf32>
    %x = qz.embed %t, %e : tensor<8x4xf32> -> tensor<?x4xf32>
    %y = qz.block 0 (%b = %x) : tensor<?x4xf32> {
      %w0 = qz.param "w0" : tensor<4x4xf32>
      %p = qz.param "p" source tensor<4x4xf32> : !qz.packed<4x4, int8>
      // expected-error @+1 {{mixes weights stored as 'tensor<4x4xf32>' and '!qz.packed<4x4, int8>'}}
      %z:2 = qz.linear_group %b roles [q, k] weights(%w0, %p)
        : (tensor<?x4xf32>, tensor<4x4xf32>, !qz.packed<4x4, int8>)
        -> (tensor<?x4xf32>, tensor<?x4xf32>)
    }
  }
}

// -----

// LinearGroupOp (C5): roles
qz.model @m attributes {family = "f", layers = 1 : i64, hidden = 4 : i64, vocab = 8 : i64,
  context = 16 : i64, eos = array<i64: 2>, add_bos = false} {
  qz.graph(%t : tensor<?xi32>) -> tensor<?x8xf32> {
    %e = qz.param "e" : tensor<8x4xf32>
    %x = qz.embed %t, %e : tensor<8x4xf32> -> tensor<?x4xf32>
    %y = qz.block 0 (%b = %x) : tensor<?x4xf32> {
      %w0 = qz.param "w0" : tensor<4x4xf32>
      // expected-error @+1 {{cannot have role q twice}}
      %z:2 = qz.linear_group %b roles [q, q] weights(%w0, %w0)
        : (tensor<?x4xf32>, tensor<4x4xf32>, tensor<4x4xf32>)
        -> (tensor<?x4xf32>, tensor<?x4xf32>)
    }
  }
}

// -----

// LinearGroupOp (C5): roles
qz.model @m attributes {family = "f", layers = 1 : i64, hidden = 4 : i64, vocab = 8 : i64,
  context = 16 : i64, eos = array<i64: 2>, add_bos = false} {
  qz.graph(%t : tensor<?xi32>) -> tensor<?x8xf32> {
    %e = qz.param "e" : tensor<8x4xf32>
    %x = qz.embed %t, %e : tensor<8x4xf32> -> tensor<?x4xf32>
    %y = qz.block 0 (%b = %x) : tensor<?x4xf32> {
      %w0 = qz.param "w0" : tensor<4x4xf32>
      // expected-error @+1 {{cannot have role head}}
      %z:2 = qz.linear_group %b roles [q, head] weights(%w0, %w0)
        : (tensor<?x4xf32>, tensor<4x4xf32>, tensor<4x4xf32>)
        -> (tensor<?x4xf32>, tensor<?x4xf32>)
    }
  }
}

// -----

// LinearGroupOp: unknown role
qz.model @m attributes {family = "f", layers = 1 : i64, hidden = 4 : i64, vocab = 8 : i64,
  context = 16 : i64, eos = array<i64: 2>, add_bos = false} {
  qz.graph(%t : tensor<?xi32>) -> tensor<?x8xf32> {
    %e = qz.param "e" : tensor<8x4xf32>
    %x = qz.embed %t, %e : tensor<8x4xf32> -> tensor<?x4xf32>
    %y = qz.block 0 (%b = %x) : tensor<?x4xf32> {
      %w0 = qz.param "w0" : tensor<4x4xf32>
      // expected-error @+1 {{unknown linear role 'x'}}
      %z:2 = qz.linear_group %b roles [q, x] weights(%w0, %w0)
        : (tensor<?x4xf32>, tensor<4x4xf32>, tensor<4x4xf32>)
        -> (tensor<?x4xf32>, tensor<?x4xf32>)
    }
  }
}

// -----

// GatedLinearOp (C1): types
qz.model @m attributes {family = "f", layers = 1 : i64, hidden = 4 : i64, vocab = 8 : i64,
  context = 16 : i64, eos = array<i64: 2>, add_bos = false} {
  qz.graph(%t : tensor<?xi32>) -> tensor<?x8xf32> {
    %e = qz.param "e" : tensor<8x4xf32>
    %x = qz.embed %t, %e : tensor<8x4xf32> -> tensor<?x4xf32>
    %y = qz.block 0 (%b = %x) : tensor<?x4xf32> {
      %w0 = qz.param "w0" : tensor<6x4xf32>
      %w1 = qz.param "w1" : tensor<6x4xf16>
      // expected-error @+1 {{mixes weights of types 'tensor<6x4xf32>' and 'tensor<6x4xf16>'}}
      %z = qz.gated_linear silu %b, %w0, %w1
        : (tensor<?x4xf32>, tensor<6x4xf32>, tensor<6x4xf16>) -> tensor<?x6xf32>
    }
  }
}

// -----

// GatedLinearOp (C2): columns
qz.model @m attributes {family = "f", layers = 1 : i64, hidden = 4 : i64, vocab = 8 : i64,
  context = 16 : i64, eos = array<i64: 2>, add_bos = false} {
  qz.graph(%t : tensor<?xi32>) -> tensor<?x8xf32> {
    %e = qz.param "e" : tensor<8x4xf32>
    %x = qz.embed %t, %e : tensor<8x4xf32> -> tensor<?x4xf32>
    %y = qz.block 0 (%b = %x) : tensor<?x4xf32> {
      %w0 = qz.param "w0" : tensor<6x5xf32>
      // expected-error @+1 {{has a weight of 5 columns for an input of 4 features}}
      %z = qz.gated_linear silu %b, %w0, %w0
        : (tensor<?x4xf32>, tensor<6x5xf32>, tensor<6x5xf32>) -> tensor<?x6xf32>
    }
  }
}

// -----

// GatedLinearOp (C2): residual
qz.model @m attributes {family = "f", layers = 1 : i64, hidden = 4 : i64, vocab = 8 : i64,
  context = 16 : i64, eos = array<i64: 2>, add_bos = false} {
  qz.graph(%t : tensor<?xi32>) -> tensor<?x8xf32> {
    %e = qz.param "e" : tensor<8x4xf32>
    %x = qz.embed %t, %e : tensor<8x4xf32> -> tensor<?x4xf32>
    %y = qz.block 0 (%b = %x) : tensor<?x4xf32> {
      %w0 = qz.param "w0" : tensor<6x4xf32>
      // expected-error @+1 {{has a residual of type 'tensor<?x4xf32>' for a result of 'tensor<?x6xf32>'}}
      %z = qz.gated_linear silu %b, %w0, %w0 residual %b
        : (tensor<?x4xf32>, tensor<6x4xf32>, tensor<6x4xf32>, tensor<?x4xf32>)
        -> tensor<?x6xf32>
    }
  }
}

// -----

// GatedLinearOp (C3): biases
qz.model @m attributes {family = "f", layers = 1 : i64, hidden = 4 : i64, vocab = 8 : i64,
  context = 16 : i64, eos = array<i64: 2>, add_bos = false} {
  qz.graph(%t : tensor<?xi32>) -> tensor<?x8xf32> {
    %e = qz.param "e" : tensor<8x4xf32>
    %x = qz.embed %t, %e : tensor<8x4xf32> -> tensor<?x4xf32>
    %y = qz.block 0 (%b = %x) : tensor<?x4xf32> {
      %w0 = qz.param "w0" : tensor<6x4xf32>
      %w1 = qz.param "w1" : tensor<6xf32>
      // expected-error @+1 {{needs both biases or none}}
      %z = qz.gated_linear silu %b, %w0, %w0 up_bias %w1
        : (tensor<?x4xf32>, tensor<6x4xf32>, tensor<6x4xf32>, tensor<6xf32>)
        -> tensor<?x6xf32>
    }
  }
}

// -----

// GatedLinearOp (C3): types of biases
qz.model @m attributes {family = "f", layers = 1 : i64, hidden = 4 : i64, vocab = 8 : i64,
  context = 16 : i64, eos = array<i64: 2>, add_bos = false} {
  qz.graph(%t : tensor<?xi32>) -> tensor<?x8xf32> {
    %e = qz.param "e" : tensor<8x4xf32>
    %x = qz.embed %t, %e : tensor<8x4xf32> -> tensor<?x4xf32>
    %y = qz.block 0 (%b = %x) : tensor<?x4xf32> {
      %w0 = qz.param "w0" : tensor<6x4xf32>
      %w1 = qz.param "w1" : tensor<6xf32>
      %w2 = qz.param "w2" : tensor<6xf16>
      // expected-error @+1 {{mixes biases of types 'tensor<6xf32>' and 'tensor<6xf16>'}}
      %z = qz.gated_linear silu %b, %w0, %w0 gate_bias %w1 up_bias %w2
        : (tensor<?x4xf32>, tensor<6x4xf32>, tensor<6x4xf32>, tensor<6xf32>, tensor<6xf16>)
        -> tensor<?x6xf32>
    }
  }
}

// -----

// RopeOp (C1): heads
qz.model @m attributes {family = "f", layers = 1 : i64, hidden = 4 : i64, vocab = 8 : i64,
  context = 16 : i64, eos = array<i64: 2>, add_bos = false} {
  qz.graph(%t : tensor<?xi32>) -> tensor<?x8xf32> {
    %e = qz.param "e" : tensor<8x4xf32>
    %x = qz.embed %t, %e : tensor<8x4xf32> -> tensor<?x4xf32>
    %y = qz.block 0 (%b = %x) : tensor<?x4xf32> {
      // expected-error @+1 {{cannot split 4 columns into 3 heads}}
      %z = qz.rope %b, #qz.rope<dim = 2, theta = 1.0e4, style = half> heads 3 : tensor<?x4xf32>
    }
  }
}

// -----

// RopeOp (C1): no heads
qz.model @m attributes {family = "f", layers = 1 : i64, hidden = 4 : i64, vocab = 8 : i64,
  context = 16 : i64, eos = array<i64: 2>, add_bos = false} {
  qz.graph(%t : tensor<?xi32>) -> tensor<?x8xf32> {
    %e = qz.param "e" : tensor<8x4xf32>
    %x = qz.embed %t, %e : tensor<8x4xf32> -> tensor<?x4xf32>
    %y = qz.block 0 (%b = %x) : tensor<?x4xf32> {
      // expected-error @+1 {{cannot split 4 columns into 0 heads}}
      %z = qz.rope %b, #qz.rope<dim = 2, theta = 1.0e4, style = half> heads 0 : tensor<?x4xf32>
    }
  }
}

// -----

// RopeOp (C2): dim
qz.model @m attributes {family = "f", layers = 1 : i64, hidden = 4 : i64, vocab = 8 : i64,
  context = 16 : i64, eos = array<i64: 2>, add_bos = false} {
  qz.graph(%t : tensor<?xi32>) -> tensor<?x8xf32> {
    %e = qz.param "e" : tensor<8x4xf32>
    %x = qz.embed %t, %e : tensor<8x4xf32> -> tensor<?x4xf32>
    %y = qz.block 0 (%b = %x) : tensor<?x4xf32> {
      // expected-error @+1 {{turns 4 elements of a head of 2}}
      %z = qz.rope %b, #qz.rope<dim = 4, theta = 1.0e4, style = half> heads 2 : tensor<?x4xf32>
    }
  }
}

// -----

// AttentionOp (C1): kv_heads divides heads
qz.model @m attributes {family = "f", layers = 1 : i64, hidden = 4 : i64, vocab = 8 : i64,
  context = 16 : i64, eos = array<i64: 2>, add_bos = false} {
  qz.graph(%t : tensor<?xi32>) -> tensor<?x8xf32> {
    %e = qz.param "e" : tensor<8x4xf32>
    %x = qz.embed %t, %e : tensor<8x4xf32> -> tensor<?x4xf32>
    %y = qz.block 0 (%b = %x) : tensor<?x4xf32> {
      %w0 = qz.param "w0" : tensor<2x4xf32>
      %k = qz.linear k %b, %w0 : (tensor<?x4xf32>, tensor<2x4xf32>) -> tensor<?x2xf32>
      // expected-error @+1 {{has 3 heads, which 2 kv_heads do not divide}}
      %z = qz.attention %b, %k, %k heads 3 kv_heads 2 scale 0.5
        : (tensor<?x4xf32>, tensor<?x2xf32>, tensor<?x2xf32>) -> tensor<?x4xf32>
    }
  }
}

// -----

// AttentionOp (C1): positive
qz.model @m attributes {family = "f", layers = 1 : i64, hidden = 4 : i64, vocab = 8 : i64,
  context = 16 : i64, eos = array<i64: 2>, add_bos = false} {
  qz.graph(%t : tensor<?xi32>) -> tensor<?x8xf32> {
    %e = qz.param "e" : tensor<8x4xf32>
    %x = qz.embed %t, %e : tensor<8x4xf32> -> tensor<?x4xf32>
    %y = qz.block 0 (%b = %x) : tensor<?x4xf32> {
      %w0 = qz.param "w0" : tensor<2x4xf32>
      %k = qz.linear k %b, %w0 : (tensor<?x4xf32>, tensor<2x4xf32>) -> tensor<?x2xf32>
      // expected-error @+1 {{has 2 heads, which 0 kv_heads do not divide}}
      %z = qz.attention %b, %k, %k heads 2 kv_heads 0 scale 0.5
        : (tensor<?x4xf32>, tensor<?x2xf32>, tensor<?x2xf32>) -> tensor<?x4xf32>
    }
  }
}

// -----

// AttentionOp (C2): heads divide the columns
qz.model @m attributes {family = "f", layers = 1 : i64, hidden = 4 : i64, vocab = 8 : i64,
  context = 16 : i64, eos = array<i64: 2>, add_bos = false} {
  qz.graph(%t : tensor<?xi32>) -> tensor<?x8xf32> {
    %e = qz.param "e" : tensor<8x4xf32>
    %x = qz.embed %t, %e : tensor<8x4xf32> -> tensor<?x4xf32>
    %y = qz.block 0 (%b = %x) : tensor<?x4xf32> {
      %w0 = qz.param "w0" : tensor<2x4xf32>
      %k = qz.linear k %b, %w0 : (tensor<?x4xf32>, tensor<2x4xf32>) -> tensor<?x2xf32>
      // expected-error @+1 {{cannot split 4 columns into 3 heads}}
      %z = qz.attention %b, %k, %k heads 3 kv_heads 1 scale 0.5
        : (tensor<?x4xf32>, tensor<?x2xf32>, tensor<?x2xf32>) -> tensor<?x4xf32>
    }
  }
}

// -----

// AttentionOp (C3): key heads
qz.model @m attributes {family = "f", layers = 1 : i64, hidden = 4 : i64, vocab = 8 : i64,
  context = 16 : i64, eos = array<i64: 2>, add_bos = false} {
  qz.graph(%t : tensor<?xi32>) -> tensor<?x8xf32> {
    %e = qz.param "e" : tensor<8x4xf32>
    %x = qz.embed %t, %e : tensor<8x4xf32> -> tensor<?x4xf32>
    %y = qz.block 0 (%b = %x) : tensor<?x4xf32> {
      %w0 = qz.param "w0" : tensor<3x4xf32>
      %k = qz.linear k %b, %w0 : (tensor<?x4xf32>, tensor<3x4xf32>) -> tensor<?x3xf32>
      // expected-error @+1 {{has keys or values of 3 columns for 1 heads of 2}}
      %z = qz.attention %b, %k, %k heads 2 kv_heads 1 scale 0.5
        : (tensor<?x4xf32>, tensor<?x3xf32>, tensor<?x3xf32>) -> tensor<?x4xf32>
    }
  }
}

// -----

// AttentionOp (C4): the result
qz.model @m attributes {family = "f", layers = 1 : i64, hidden = 4 : i64, vocab = 8 : i64,
  context = 16 : i64, eos = array<i64: 2>, add_bos = false} {
  qz.graph(%t : tensor<?xi32>) -> tensor<?x8xf32> {
    %e = qz.param "e" : tensor<8x4xf32>
    %x = qz.embed %t, %e : tensor<8x4xf32> -> tensor<?x4xf32>
    %y = qz.block 0 (%b = %x) : tensor<?x4xf32> {
      %w0 = qz.param "w0" : tensor<2x4xf32>
      %k = qz.linear k %b, %w0 : (tensor<?x4xf32>, tensor<2x4xf32>) -> tensor<?x2xf32>
      // expected-error @+1 {{has a result of 'tensor<?x6xf32>' for queries of 'tensor<?x4xf32>'}}
      %z = qz.attention %b, %k, %k heads 2 kv_heads 1 scale 0.5
        : (tensor<?x4xf32>, tensor<?x2xf32>, tensor<?x2xf32>) -> tensor<?x6xf32>
    }
  }
}

// -----

// AttentionOp (C5): scale
qz.model @m attributes {family = "f", layers = 1 : i64, hidden = 4 : i64, vocab = 8 : i64,
  context = 16 : i64, eos = array<i64: 2>, add_bos = false} {
  qz.graph(%t : tensor<?xi32>) -> tensor<?x8xf32> {
    %e = qz.param "e" : tensor<8x4xf32>
    %x = qz.embed %t, %e : tensor<8x4xf32> -> tensor<?x4xf32>
    %y = qz.block 0 (%b = %x) : tensor<?x4xf32> {
      %w0 = qz.param "w0" : tensor<2x4xf32>
      %k = qz.linear k %b, %w0 : (tensor<?x4xf32>, tensor<2x4xf32>) -> tensor<?x2xf32>
      // expected-error @+1 {{needs a finite, positive scale}}
      %z = qz.attention %b, %k, %k heads 2 kv_heads 1 scale 0.0
        : (tensor<?x4xf32>, tensor<?x2xf32>, tensor<?x2xf32>) -> tensor<?x4xf32>
    }
  }
}

// -----

// AttentionOp (C5): scale
qz.model @m attributes {family = "f", layers = 1 : i64, hidden = 4 : i64, vocab = 8 : i64,
  context = 16 : i64, eos = array<i64: 2>, add_bos = false} {
  qz.graph(%t : tensor<?xi32>) -> tensor<?x8xf32> {
    %e = qz.param "e" : tensor<8x4xf32>
    %x = qz.embed %t, %e : tensor<8x4xf32> -> tensor<?x4xf32>
    %y = qz.block 0 (%b = %x) : tensor<?x4xf32> {
      %w0 = qz.param "w0" : tensor<2x4xf32>
      %k = qz.linear k %b, %w0 : (tensor<?x4xf32>, tensor<2x4xf32>) -> tensor<?x2xf32>
      // expected-error @+1 {{needs a finite, positive scale}}
      %z = qz.attention %b, %k, %k heads 2 kv_heads 1 scale 0x7FF8000000000000
        : (tensor<?x4xf32>, tensor<?x2xf32>, tensor<?x2xf32>) -> tensor<?x4xf32>
    }
  }
}

// -----

// AttentionOp (C6): window
qz.model @m attributes {family = "f", layers = 1 : i64, hidden = 4 : i64, vocab = 8 : i64,
  context = 16 : i64, eos = array<i64: 2>, add_bos = false} {
  qz.graph(%t : tensor<?xi32>) -> tensor<?x8xf32> {
    %e = qz.param "e" : tensor<8x4xf32>
    %x = qz.embed %t, %e : tensor<8x4xf32> -> tensor<?x4xf32>
    %y = qz.block 0 (%b = %x) : tensor<?x4xf32> {
      %w0 = qz.param "w0" : tensor<2x4xf32>
      %k = qz.linear k %b, %w0 : (tensor<?x4xf32>, tensor<2x4xf32>) -> tensor<?x2xf32>
      // expected-error @+1 {{needs a positive window, not 0}}
      %z = qz.attention %b, %k, %k heads 2 kv_heads 1 scale 0.5 window 0
        : (tensor<?x4xf32>, tensor<?x2xf32>, tensor<?x2xf32>) -> tensor<?x4xf32>
    }
  }
}

// -----

// AttentionOp (C6): soft_cap
qz.model @m attributes {family = "f", layers = 1 : i64, hidden = 4 : i64, vocab = 8 : i64,
  context = 16 : i64, eos = array<i64: 2>, add_bos = false} {
  qz.graph(%t : tensor<?xi32>) -> tensor<?x8xf32> {
    %e = qz.param "e" : tensor<8x4xf32>
    %x = qz.embed %t, %e : tensor<8x4xf32> -> tensor<?x4xf32>
    %y = qz.block 0 (%b = %x) : tensor<?x4xf32> {
      %w0 = qz.param "w0" : tensor<2x4xf32>
      %k = qz.linear k %b, %w0 : (tensor<?x4xf32>, tensor<2x4xf32>) -> tensor<?x2xf32>
      // expected-error @+1 {{needs a finite, positive soft_cap}}
      %z = qz.attention %b, %k, %k heads 2 kv_heads 1 scale 0.5 soft_cap -1.0
        : (tensor<?x4xf32>, tensor<?x2xf32>, tensor<?x2xf32>) -> tensor<?x4xf32>
    }
  }
}

// -----

// AttentionOp (C6): alibi
qz.model @m attributes {family = "f", layers = 1 : i64, hidden = 4 : i64, vocab = 8 : i64,
  context = 16 : i64, eos = array<i64: 2>, add_bos = false} {
  qz.graph(%t : tensor<?xi32>) -> tensor<?x8xf32> {
    %e = qz.param "e" : tensor<8x4xf32>
    %x = qz.embed %t, %e : tensor<8x4xf32> -> tensor<?x4xf32>
    %y = qz.block 0 (%b = %x) : tensor<?x4xf32> {
      %w0 = qz.param "w0" : tensor<2x4xf32>
      %k = qz.linear k %b, %w0 : (tensor<?x4xf32>, tensor<2x4xf32>) -> tensor<?x2xf32>
      // expected-error @+1 {{needs a finite, positive alibi}}
      %z = qz.attention %b, %k, %k heads 2 kv_heads 1 scale 0.5 alibi -1.0
        : (tensor<?x4xf32>, tensor<?x2xf32>, tensor<?x2xf32>) -> tensor<?x4xf32>
    }
  }
}

// -----

// AttentionOp (C7): rope
qz.model @m attributes {family = "f", layers = 1 : i64, hidden = 4 : i64, vocab = 8 : i64,
  context = 16 : i64, eos = array<i64: 2>, add_bos = false} {
  qz.graph(%t : tensor<?xi32>) -> tensor<?x8xf32> {
    %e = qz.param "e" : tensor<8x4xf32>
    %x = qz.embed %t, %e : tensor<8x4xf32> -> tensor<?x4xf32>
    %y = qz.block 0 (%b = %x) : tensor<?x4xf32> {
      %w0 = qz.param "w0" : tensor<2x4xf32>
      %k = qz.linear k %b, %w0 : (tensor<?x4xf32>, tensor<2x4xf32>) -> tensor<?x2xf32>
      // expected-error @+1 {{turns 4 elements of a head of 2}}
      %z = qz.attention %b, %k, %k rope #qz.rope<dim = 4, theta = 1.0e4, style = half> heads 2 kv_heads 1 scale 0.5
        : (tensor<?x4xf32>, tensor<?x2xf32>, tensor<?x2xf32>) -> tensor<?x4xf32>
    }
  }
}

// -----

// AttentionOp: stands in a block
qz.model @m attributes {family = "f", layers = 1 : i64, hidden = 4 : i64, vocab = 8 : i64,
  context = 16 : i64, eos = array<i64: 2>, add_bos = false} {
  qz.graph(%t : tensor<?xi32>) -> tensor<?x8xf32> {
    %e = qz.param "e" : tensor<8x4xf32>
    %x = qz.embed %t, %e : tensor<8x4xf32> -> tensor<?x4xf32>
    // expected-error @+1 {{expects parent op 'qz.block'}}
    %y = qz.attention %x, %x, %x heads 2 kv_heads 2 scale 0.5
      : (tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x4xf32>
  }
}

// -----

// AddOp: one type
qz.model @m attributes {family = "f", layers = 1 : i64, hidden = 4 : i64, vocab = 8 : i64,
  context = 16 : i64, eos = array<i64: 2>, add_bos = false} {
  qz.graph(%t : tensor<?xi32>) -> tensor<?x8xf32> {
    %e = qz.param "e" : tensor<8x4xf32>
    %x = qz.embed %t, %e : tensor<8x4xf32> -> tensor<?x4xf32>
    %y = qz.block 0 (%b = %x) : tensor<?x4xf32> {
      %w0 = qz.param "w0" : tensor<6x4xf32>
      %k = qz.linear k %b, %w0 : (tensor<?x4xf32>, tensor<6x4xf32>) -> tensor<?x6xf32>
      // expected-error @+1 {{requires the same type for all operands and results}}
      %z = "qz.add"(%b, %k) : (tensor<?x4xf32>, tensor<?x6xf32>) -> tensor<?x4xf32>
    }
  }
}

// -----

// ActivateOp: unknown activation
qz.model @m attributes {family = "f", layers = 1 : i64, hidden = 4 : i64, vocab = 8 : i64,
  context = 16 : i64, eos = array<i64: 2>, add_bos = false} {
  qz.graph(%t : tensor<?xi32>) -> tensor<?x8xf32> {
    %e = qz.param "e" : tensor<8x4xf32>
    %x = qz.embed %t, %e : tensor<8x4xf32> -> tensor<?x4xf32>
    %y = qz.block 0 (%b = %x) : tensor<?x4xf32> {
      // expected-error @+1 {{unknown activation 'swish'; known are none, relu, silu, gelu, gelu_tanh}}
      %z = qz.activate swish %b : tensor<?x4xf32>
    }
  }
}

// -----

// ScaleOp (C1): factor
qz.model @m attributes {family = "f", layers = 1 : i64, hidden = 4 : i64, vocab = 8 : i64,
  context = 16 : i64, eos = array<i64: 2>, add_bos = false} {
  qz.graph(%t : tensor<?xi32>) -> tensor<?x8xf32> {
    %e = qz.param "e" : tensor<8x4xf32>
    %x = qz.embed %t, %e : tensor<8x4xf32> -> tensor<?x4xf32>
    %y = qz.block 0 (%b = %x) : tensor<?x4xf32> {
      // expected-error @+1 {{needs a finite factor}}
      %z = qz.scale %b by 0x7FF0000000000000 : tensor<?x4xf32>
    }
  }
}

// -----

// ClampOp (C1): limit
qz.model @m attributes {family = "f", layers = 1 : i64, hidden = 4 : i64, vocab = 8 : i64,
  context = 16 : i64, eos = array<i64: 2>, add_bos = false} {
  qz.graph(%t : tensor<?xi32>) -> tensor<?x8xf32> {
    %e = qz.param "e" : tensor<8x4xf32>
    %x = qz.embed %t, %e : tensor<8x4xf32> -> tensor<?x4xf32>
    %y = qz.block 0 (%b = %x) : tensor<?x4xf32> {
      // expected-error @+1 {{needs a finite, positive limit}}
      %z = qz.clamp %b limit 0.0 : tensor<?x4xf32>
    }
  }
}

// -----

// ClampOp (C1): limit
qz.model @m attributes {family = "f", layers = 1 : i64, hidden = 4 : i64, vocab = 8 : i64,
  context = 16 : i64, eos = array<i64: 2>, add_bos = false} {
  qz.graph(%t : tensor<?xi32>) -> tensor<?x8xf32> {
    %e = qz.param "e" : tensor<8x4xf32>
    %x = qz.embed %t, %e : tensor<8x4xf32> -> tensor<?x4xf32>
    %y = qz.block 0 (%b = %x) : tensor<?x4xf32> {
      // expected-error @+1 {{needs a finite, positive limit}}
      %z = qz.clamp %b limit -8.0 : tensor<?x4xf32>
    }
  }
}

// -----

// SoftCapOp (C1): cap
qz.model @m attributes {family = "f", layers = 1 : i64, hidden = 4 : i64, vocab = 8 : i64,
  context = 16 : i64, eos = array<i64: 2>, add_bos = false} {
  qz.graph(%t : tensor<?xi32>) -> tensor<?x8xf32> {
    %e = qz.param "e" : tensor<8x4xf32>
    %x = qz.embed %t, %e : tensor<8x4xf32> -> tensor<?x4xf32>
    %y = qz.block 0 (%b = %x) : tensor<?x4xf32> {
      // expected-error @+1 {{needs a finite, positive cap}}
      %z = qz.soft_cap %b cap 0.0 : tensor<?x4xf32>
    }
  }
}
