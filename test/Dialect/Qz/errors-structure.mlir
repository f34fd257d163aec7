// RUN: %qzc-opt %s -verify-diagnostics -split-input-file

// ModelOp: facts are required
// expected-error @+1 {{requires attribute 'family'}}
qz.model @m attributes {layers = 1 : i64, hidden = 4 : i64, vocab = 8 : i64,
  context = 16 : i64, eos = array<i64: 2>, add_bos = false} {
  qz.graph(%t : tensor<?xi32>) -> tensor<?x8xf32> {
    %e = qz.param "e" : tensor<8x4xf32>
    %x = qz.embed %t, %e : tensor<8x4xf32> -> tensor<?x4xf32>
    %y = qz.block 0 (%b = %x) : tensor<?x4xf32> {
      qz.yield %b : tensor<?x4xf32>
    }
    %l = qz.linear head %y, %e : (tensor<?x4xf32>, tensor<8x4xf32>) -> tensor<?x8xf32>
    qz.return %l : tensor<?x8xf32>
  }
}

// -----

// ModelOp: facts have their type
// expected-error @+1 {{attribute 'family' failed to satisfy constraint: string attribute}}
qz.model @m attributes {family = 3, layers = 1 : i64, hidden = 4 : i64, vocab = 8 : i64,
  context = 16 : i64, eos = array<i64: 2>, add_bos = false} {
  qz.graph(%t : tensor<?xi32>) -> tensor<?x8xf32> {
    %e = qz.param "e" : tensor<8x4xf32>
    %x = qz.embed %t, %e : tensor<8x4xf32> -> tensor<?x4xf32>
    %y = qz.block 0 (%b = %x) : tensor<?x4xf32> {
      qz.yield %b : tensor<?x4xf32>
    }
    %l = qz.linear head %y, %e : (tensor<?x4xf32>, tensor<8x4xf32>) -> tensor<?x8xf32>
    qz.return %l : tensor<?x8xf32>
  }
}

// -----

// ModelOp (C1): layers
// expected-error @+1 {{attribute 'special_tokens' failed to satisfy constraint: dictionary of named attribute values of strings}}
qz.model @m attributes {family = "f", layers = 1 : i64, hidden = 4 : i64, vocab = 8 : i64,
  context = 16 : i64, eos = array<i64: 2>, add_bos = false, special_tokens = {bos_token = 1 : i64}} {
  qz.graph(%t : tensor<?xi32>) -> tensor<?x8xf32> {
    %e = qz.param "e" : tensor<8x4xf32>
    %x = qz.embed %t, %e : tensor<8x4xf32> -> tensor<?x4xf32>
    %y = qz.block 0 (%b = %x) : tensor<?x4xf32> {
      qz.yield %b : tensor<?x4xf32>
    }
    %l = qz.linear head %y, %e : (tensor<?x4xf32>, tensor<8x4xf32>) -> tensor<?x8xf32>
    qz.return %l : tensor<?x8xf32>
  }
}

// -----

// expected-error @+1 {{needs layers in [1, 2^31), not 0}}
qz.model @m attributes {family = "f", layers = 0 : i64, hidden = 4 : i64, vocab = 8 : i64,
  context = 16 : i64, eos = array<i64: 2>, add_bos = false} {
  qz.graph(%t : tensor<?xi32>) -> tensor<?x8xf32> {
    %e = qz.param "e" : tensor<8x4xf32>
    %x = qz.embed %t, %e : tensor<8x4xf32> -> tensor<?x4xf32>
    %y = qz.block 0 (%b = %x) : tensor<?x4xf32> {
      qz.yield %b : tensor<?x4xf32>
    }
    %l = qz.linear head %y, %e : (tensor<?x4xf32>, tensor<8x4xf32>) -> tensor<?x8xf32>
    qz.return %l : tensor<?x8xf32>
  }
}

// -----

// ModelOp (C1): hidden
// expected-error @+1 {{needs hidden in [1, 2^31), not -4}}
qz.model @m attributes {family = "f", layers = 1 : i64, hidden = -4 : i64, vocab = 8 : i64,
  context = 16 : i64, eos = array<i64: 2>, add_bos = false} {
  qz.graph(%t : tensor<?xi32>) -> tensor<?x8xf32> {
    %e = qz.param "e" : tensor<8x4xf32>
    %x = qz.embed %t, %e : tensor<8x4xf32> -> tensor<?x4xf32>
    %y = qz.block 0 (%b = %x) : tensor<?x4xf32> {
      qz.yield %b : tensor<?x4xf32>
    }
    %l = qz.linear head %y, %e : (tensor<?x4xf32>, tensor<8x4xf32>) -> tensor<?x8xf32>
    qz.return %l : tensor<?x8xf32>
  }
}

// -----

// ModelOp (C1): vocab
// expected-error @+1 {{needs vocab in [1, 2^31), not 2147483648}}
qz.model @m attributes {family = "f", layers = 1 : i64, hidden = 4 : i64, vocab = 2147483648 : i64,
  context = 16 : i64, eos = array<i64: 2>, add_bos = false} {
  qz.graph(%t : tensor<?xi32>) -> tensor<?x8xf32> {
    %e = qz.param "e" : tensor<8x4xf32>
    %x = qz.embed %t, %e : tensor<8x4xf32> -> tensor<?x4xf32>
    %y = qz.block 0 (%b = %x) : tensor<?x4xf32> {
      qz.yield %b : tensor<?x4xf32>
    }
    %l = qz.linear head %y, %e : (tensor<?x4xf32>, tensor<8x4xf32>) -> tensor<?x8xf32>
    qz.return %l : tensor<?x8xf32>
  }
}

// -----

// ModelOp (C1): context
// expected-error @+1 {{needs context in [1, 2^31), not 0}}
qz.model @m attributes {family = "f", layers = 1 : i64, hidden = 4 : i64, vocab = 8 : i64,
  context = 0 : i64, eos = array<i64: 2>, add_bos = false} {
  qz.graph(%t : tensor<?xi32>) -> tensor<?x8xf32> {
    %e = qz.param "e" : tensor<8x4xf32>
    %x = qz.embed %t, %e : tensor<8x4xf32> -> tensor<?x4xf32>
    %y = qz.block 0 (%b = %x) : tensor<?x4xf32> {
      qz.yield %b : tensor<?x4xf32>
    }
    %l = qz.linear head %y, %e : (tensor<?x4xf32>, tensor<8x4xf32>) -> tensor<?x8xf32>
    qz.return %l : tensor<?x8xf32>
  }
}

// -----

// ModelOp (C2): bos
// expected-error @+1 {{bos 8 is not in the vocabulary of 8}}
qz.model @m attributes {family = "f", layers = 1 : i64, hidden = 4 : i64, vocab = 8 : i64,
  context = 16 : i64, eos = array<i64: 2>, add_bos = false, bos = 8 : i64} {
  qz.graph(%t : tensor<?xi32>) -> tensor<?x8xf32> {
    %e = qz.param "e" : tensor<8x4xf32>
    %x = qz.embed %t, %e : tensor<8x4xf32> -> tensor<?x4xf32>
    %y = qz.block 0 (%b = %x) : tensor<?x4xf32> {
      qz.yield %b : tensor<?x4xf32>
    }
    %l = qz.linear head %y, %e : (tensor<?x4xf32>, tensor<8x4xf32>) -> tensor<?x8xf32>
    qz.return %l : tensor<?x8xf32>
  }
}

// -----

// ModelOp (C2): eos
// expected-error @+1 {{eos -1 is not in the vocabulary of 8}}
qz.model @m attributes {family = "f", layers = 1 : i64, hidden = 4 : i64, vocab = 8 : i64,
  context = 16 : i64, eos = array<i64: 2, -1>, add_bos = false} {
  qz.graph(%t : tensor<?xi32>) -> tensor<?x8xf32> {
    %e = qz.param "e" : tensor<8x4xf32>
    %x = qz.embed %t, %e : tensor<8x4xf32> -> tensor<?x4xf32>
    %y = qz.block 0 (%b = %x) : tensor<?x4xf32> {
      qz.yield %b : tensor<?x4xf32>
    }
    %l = qz.linear head %y, %e : (tensor<?x4xf32>, tensor<8x4xf32>) -> tensor<?x8xf32>
    qz.return %l : tensor<?x8xf32>
  }
}

// -----

// ModelOp (C3): one graph
qz.model @m attributes {family = "f", layers = 1 : i64, hidden = 4 : i64, vocab = 8 : i64,
  context = 16 : i64, eos = array<i64: 2>, add_bos = false} {
  qz.graph(%t : tensor<?xi32>) -> tensor<?x8xf32> {
    %e = qz.param "e" : tensor<8x4xf32>
    %x = qz.embed %t, %e : tensor<8x4xf32> -> tensor<?x4xf32>
    %y = qz.block 0 (%b = %x) : tensor<?x4xf32> {
      qz.yield %b : tensor<?x4xf32>
    }
    %l = qz.linear head %y, %e : (tensor<?x4xf32>, tensor<8x4xf32>) -> tensor<?x8xf32>
    qz.return %l : tensor<?x8xf32>
  }
  // expected-error @+1 {{is the second graph of its model}}
  qz.graph(%t : tensor<?xi32>) -> tensor<?x8xf32> {
    %e = qz.param "e" : tensor<8x4xf32>
    %x = qz.embed %t, %e : tensor<8x4xf32> -> tensor<?x4xf32>
    %y = qz.block 0 (%b = %x) : tensor<?x4xf32> {
      qz.yield %b : tensor<?x4xf32>
    }
    %l = qz.linear head %y, %e : (tensor<?x4xf32>, tensor<8x4xf32>) -> tensor<?x8xf32>
    qz.return %l : tensor<?x8xf32>
  }
}

// -----

// ModelOp (C3): a graph
// expected-error @+1 {{has no qz.graph}}
qz.model @m attributes {family = "f", layers = 1 : i64, hidden = 4 : i64, vocab = 8 : i64,
  context = 16 : i64, eos = array<i64: 2>, add_bos = false} {
  qz.file @a "a" size 1 sha256 "0000000000000000000000000000000000000000000000000000000000000000"
}

// -----

// ModelOp (C3): nothing else
qz.model @m attributes {family = "f", layers = 1 : i64, hidden = 4 : i64, vocab = 8 : i64,
  context = 16 : i64, eos = array<i64: 2>, add_bos = false} {
  // expected-error @+1 {{cannot stand directly in a qz.model}}
  builtin.module {}
  qz.graph(%t : tensor<?xi32>) -> tensor<?x8xf32> {
    %e = qz.param "e" : tensor<8x4xf32>
    %x = qz.embed %t, %e : tensor<8x4xf32> -> tensor<?x4xf32>
    %y = qz.block 0 (%b = %x) : tensor<?x4xf32> {
      qz.yield %b : tensor<?x4xf32>
    }
    %l = qz.linear head %y, %e : (tensor<?x4xf32>, tensor<8x4xf32>) -> tensor<?x8xf32>
    qz.return %l : tensor<?x8xf32>
  }
}

// -----

// ModelOp (C4): the tokenizer
// expected-error @+1 {{tokenizer @t is not a qz.file of this model}}
qz.model @m attributes {family = "f", layers = 1 : i64, hidden = 4 : i64, vocab = 8 : i64,
  context = 16 : i64, eos = array<i64: 2>, add_bos = false, tokenizer = @t} {
  qz.graph(%t : tensor<?xi32>) -> tensor<?x8xf32> {
    %e = qz.param "e" : tensor<8x4xf32>
    %x = qz.embed %t, %e : tensor<8x4xf32> -> tensor<?x4xf32>
    %y = qz.block 0 (%b = %x) : tensor<?x4xf32> {
      qz.yield %b : tensor<?x4xf32>
    }
    %l = qz.linear head %y, %e : (tensor<?x4xf32>, tensor<8x4xf32>) -> tensor<?x8xf32>
    qz.return %l : tensor<?x8xf32>
  }
}

// -----

// ModelOp (C5): numbers
qz.model @m attributes {family = "f", layers = 1 : i64, hidden = 4 : i64, vocab = 8 : i64,
  context = 16 : i64, eos = array<i64: 2>, add_bos = false} {
  qz.graph(%t : tensor<?xi32>) -> tensor<?x8xf32> {
    %e = qz.param "e" : tensor<8x4xf32>
    %x = qz.embed %t, %e : tensor<8x4xf32> -> tensor<?x4xf32>
    // expected-error @+1 {{has number 1 where 0 is due}}
    %y = qz.block 1 (%b = %x) : tensor<?x4xf32> {
      qz.yield %b : tensor<?x4xf32>
    }
    %l = qz.linear head %y, %e : (tensor<?x4xf32>, tensor<8x4xf32>) -> tensor<?x8xf32>
    qz.return %l : tensor<?x8xf32>
  }
}

// -----

// ModelOp (C5): as many as layers
// expected-error @+1 {{has 1 blocks, not layers = 2}}
qz.model @m attributes {family = "f", layers = 2 : i64, hidden = 4 : i64, vocab = 8 : i64,
  context = 16 : i64, eos = array<i64: 2>, add_bos = false} {
  qz.graph(%t : tensor<?xi32>) -> tensor<?x8xf32> {
    %e = qz.param "e" : tensor<8x4xf32>
    %x = qz.embed %t, %e : tensor<8x4xf32> -> tensor<?x4xf32>
    %y = qz.block 0 (%b = %x) : tensor<?x4xf32> {
      qz.yield %b : tensor<?x4xf32>
    }
    %l = qz.linear head %y, %e : (tensor<?x4xf32>, tensor<8x4xf32>) -> tensor<?x8xf32>
    qz.return %l : tensor<?x8xf32>
  }
}

// -----

// ModelOp (C6): features of a block
qz.model @m attributes {family = "f", layers = 1 : i64, hidden = 6 : i64, vocab = 8 : i64,
  context = 16 : i64, eos = array<i64: 2>, add_bos = false} {
  qz.graph(%t : tensor<?xi32>) -> tensor<?x8xf32> {
    %e = qz.param "e" : tensor<8x4xf32>
    %x = qz.embed %t, %e : tensor<8x4xf32> -> tensor<?x4xf32>
    // expected-error @+1 {{carries 4 features, the model has 6}}
    %y = qz.block 0 (%b = %x) : tensor<?x4xf32> {
      qz.yield %b : tensor<?x4xf32>
    }
    %l = qz.linear head %y, %e : (tensor<?x4xf32>, tensor<8x4xf32>) -> tensor<?x8xf32>
    qz.return %l : tensor<?x8xf32>
  }
}

// -----

// ModelOp (C7): logits
qz.model @m attributes {family = "f", layers = 1 : i64, hidden = 4 : i64, vocab = 7 : i64,
  context = 16 : i64, eos = array<i64: 2>, add_bos = false} {
  // expected-error @+1 {{returns 8 logits a token, the vocabulary has 7}}
  qz.graph(%t : tensor<?xi32>) -> tensor<?x8xf32> {
    %e = qz.param "e" : tensor<8x4xf32>
    %x = qz.embed %t, %e : tensor<8x4xf32> -> tensor<?x4xf32>
    %y = qz.block 0 (%b = %x) : tensor<?x4xf32> {
      qz.yield %b : tensor<?x4xf32>
    }
    %l = qz.linear head %y, %e : (tensor<?x4xf32>, tensor<8x4xf32>) -> tensor<?x8xf32>
    qz.return %l : tensor<?x8xf32>
  }
}

// -----

// ModelOp (C8): family
// expected-error @+1 {{needs a family}}
qz.model @m attributes {family = "", layers = 1 : i64, hidden = 4 : i64, vocab = 8 : i64,
  context = 16 : i64, eos = array<i64: 2>, add_bos = false} {
  qz.graph(%t : tensor<?xi32>) -> tensor<?x8xf32> {
    %e = qz.param "e" : tensor<8x4xf32>
    %x = qz.embed %t, %e : tensor<8x4xf32> -> tensor<?x4xf32>
    %y = qz.block 0 (%b = %x) : tensor<?x4xf32> {
      qz.yield %b : tensor<?x4xf32>
    }
    %l = qz.linear head %y, %e : (tensor<?x4xf32>, tensor<8x4xf32>) -> tensor<?x8xf32>
    qz.return %l : tensor<?x8xf32>
  }
}

// -----

// ModelOp (C9): add_bos
// expected-error @+1 {{sets add_bos without bos}}
qz.model @m attributes {family = "f", layers = 1 : i64, hidden = 4 : i64, vocab = 8 : i64,
  context = 16 : i64, eos = array<i64: 2>, add_bos = true} {
  qz.graph(%t : tensor<?xi32>) -> tensor<?x8xf32> {
    %e = qz.param "e" : tensor<8x4xf32>
    %x = qz.embed %t, %e : tensor<8x4xf32> -> tensor<?x4xf32>
    %y = qz.block 0 (%b = %x) : tensor<?x4xf32> {
      qz.yield %b : tensor<?x4xf32>
    }
    %l = qz.linear head %y, %e : (tensor<?x4xf32>, tensor<8x4xf32>) -> tensor<?x8xf32>
    qz.return %l : tensor<?x8xf32>
  }
}

// -----

// FileOp (C1): absolute
qz.model @m attributes {family = "f", layers = 1 : i64, hidden = 4 : i64, vocab = 8 : i64,
  context = 16 : i64, eos = array<i64: 2>, add_bos = false} {
  // expected-error @+1 {{needs a relative path}}
  qz.file @a "/etc/passwd" size 1 sha256 "0000000000000000000000000000000000000000000000000000000000000000"
  qz.graph(%t : tensor<?xi32>) -> tensor<?x8xf32> {
    %e = qz.param "e" : tensor<8x4xf32>
    %x = qz.embed %t, %e : tensor<8x4xf32> -> tensor<?x4xf32>
    %y = qz.block 0 (%b = %x) : tensor<?x4xf32> {
      qz.yield %b : tensor<?x4xf32>
    }
    %l = qz.linear head %y, %e : (tensor<?x4xf32>, tensor<8x4xf32>) -> tensor<?x8xf32>
    qz.return %l : tensor<?x8xf32>
  }
}

// -----

// FileOp (C1): empty
qz.model @m attributes {family = "f", layers = 1 : i64, hidden = 4 : i64, vocab = 8 : i64,
  context = 16 : i64, eos = array<i64: 2>, add_bos = false} {
  // expected-error @+1 {{needs a relative path}}
  qz.file @a "" size 1 sha256 "0000000000000000000000000000000000000000000000000000000000000000"
  qz.graph(%t : tensor<?xi32>) -> tensor<?x8xf32> {
    %e = qz.param "e" : tensor<8x4xf32>
    %x = qz.embed %t, %e : tensor<8x4xf32> -> tensor<?x4xf32>
    %y = qz.block 0 (%b = %x) : tensor<?x4xf32> {
      qz.yield %b : tensor<?x4xf32>
    }
    %l = qz.linear head %y, %e : (tensor<?x4xf32>, tensor<8x4xf32>) -> tensor<?x8xf32>
    qz.return %l : tensor<?x8xf32>
  }
}

// -----

// FileOp (C2): size
qz.model @m attributes {family = "f", layers = 1 : i64, hidden = 4 : i64, vocab = 8 : i64,
  context = 16 : i64, eos = array<i64: 2>, add_bos = false} {
  // expected-error @+1 {{needs a positive size, not 0}}
  qz.file @a "a" size 0 sha256 "0000000000000000000000000000000000000000000000000000000000000000"
  qz.graph(%t : tensor<?xi32>) -> tensor<?x8xf32> {
    %e = qz.param "e" : tensor<8x4xf32>
    %x = qz.embed %t, %e : tensor<8x4xf32> -> tensor<?x4xf32>
    %y = qz.block 0 (%b = %x) : tensor<?x4xf32> {
      qz.yield %b : tensor<?x4xf32>
    }
    %l = qz.linear head %y, %e : (tensor<?x4xf32>, tensor<8x4xf32>) -> tensor<?x8xf32>
    qz.return %l : tensor<?x8xf32>
  }
}

// -----

// FileOp (C3): length of the hash
qz.model @m attributes {family = "f", layers = 1 : i64, hidden = 4 : i64, vocab = 8 : i64,
  context = 16 : i64, eos = array<i64: 2>, add_bos = false} {
  // expected-error @+1 {{needs a SHA-256 of 64 lower-case hexadecimal digits}}
  qz.file @a "a" size 1 sha256 "000000000000000000000000000000000000000000000000000000000000000"
  qz.graph(%t : tensor<?xi32>) -> tensor<?x8xf32> {
    %e = qz.param "e" : tensor<8x4xf32>
    %x = qz.embed %t, %e : tensor<8x4xf32> -> tensor<?x4xf32>
    %y = qz.block 0 (%b = %x) : tensor<?x4xf32> {
      qz.yield %b : tensor<?x4xf32>
    }
    %l = qz.linear head %y, %e : (tensor<?x4xf32>, tensor<8x4xf32>) -> tensor<?x8xf32>
    qz.return %l : tensor<?x8xf32>
  }
}

// -----

// FileOp (C3): digits of the hash
qz.model @m attributes {family = "f", layers = 1 : i64, hidden = 4 : i64, vocab = 8 : i64,
  context = 16 : i64, eos = array<i64: 2>, add_bos = false} {
  // expected-error @+1 {{needs a SHA-256 of 64 lower-case hexadecimal digits}}
  qz.file @a "a" size 1 sha256 "A000000000000000000000000000000000000000000000000000000000000000"
  qz.graph(%t : tensor<?xi32>) -> tensor<?x8xf32> {
    %e = qz.param "e" : tensor<8x4xf32>
    %x = qz.embed %t, %e : tensor<8x4xf32> -> tensor<?x4xf32>
    %y = qz.block 0 (%b = %x) : tensor<?x4xf32> {
      qz.yield %b : tensor<?x4xf32>
    }
    %l = qz.linear head %y, %e : (tensor<?x4xf32>, tensor<8x4xf32>) -> tensor<?x8xf32>
    qz.return %l : tensor<?x8xf32>
  }
}

// -----

// GraphOp (C1): the argument
qz.model @m attributes {family = "f", layers = 1 : i64, hidden = 4 : i64, vocab = 8 : i64,
  context = 16 : i64, eos = array<i64: 2>, add_bos = false} {
  // expected-error @+1 {{needs one argument, tensor<?xi32>}}
  qz.graph(%t : tensor<?xi64>) -> tensor<?x8xf32> {
    %e = qz.param "e" : tensor<8x4xf32>
  }
}

// -----

// GraphOp (C2): the result
qz.model @m attributes {family = "f", layers = 1 : i64, hidden = 4 : i64, vocab = 8 : i64,
  context = 16 : i64, eos = array<i64: 2>, add_bos = false} {
  // expected-error @+1 {{needs a result tensor<?xNxf32>, not 'tensor<?x8xf16>'}}
  qz.graph(%t : tensor<?xi32>) -> tensor<?x8xf16> {
    %e = qz.param "e" : tensor<8x4xf32>
  }
}

// -----

// GraphOp (C3): the terminator
qz.model @m attributes {family = "f", layers = 1 : i64, hidden = 4 : i64, vocab = 8 : i64,
  context = 16 : i64, eos = array<i64: 2>, add_bos = false} {
  qz.graph(%t : tensor<?xi32>) -> tensor<?x8xf32> {
    // expected-error @+1 {{block with no terminator}}
    %e = qz.param "e" : tensor<8x4xf32>
  }
}

// -----

// GraphOp (C3): its type
qz.model @m attributes {family = "f", layers = 1 : i64, hidden = 4 : i64, vocab = 8 : i64,
  context = 16 : i64, eos = array<i64: 2>, add_bos = false} {
  qz.graph(%t : tensor<?xi32>) -> tensor<?x8xf32> {
    %e = qz.param "e" : tensor<8x4xf32>
    %x = qz.embed %t, %e : tensor<8x4xf32> -> tensor<?x4xf32>
    // expected-error @+1 {{returns 'tensor<?x4xf32>', the graph's result is 'tensor<?x8xf32>'}}
    qz.return %x : tensor<?x4xf32>
  }
}

// -----

// BlockOp (C1): the number
qz.model @m attributes {family = "f", layers = 1 : i64, hidden = 4 : i64, vocab = 8 : i64,
  context = 16 : i64, eos = array<i64: 2>, add_bos = false} {
  qz.graph(%t : tensor<?xi32>) -> tensor<?x8xf32> {
    %e = qz.param "e" : tensor<8x4xf32>
    %x = qz.embed %t, %e : tensor<8x4xf32> -> tensor<?x4xf32>
    // expected-error @+1 {{needs a number from 0 on, not -1}}
    %y = qz.block -1 (%b = %x) : tensor<?x4xf32> {
      qz.yield %b : tensor<?x4xf32>
    }
  }
}

// -----

// BlockOp (C2): one type
qz.model @m attributes {family = "f", layers = 1 : i64, hidden = 4 : i64, vocab = 8 : i64,
  context = 16 : i64, eos = array<i64: 2>, add_bos = false} {
  qz.graph(%t : tensor<?xi32>) -> tensor<?x8xf32> {
    %e = qz.param "e" : tensor<8x4xf32>
    %x = qz.embed %t, %e : tensor<8x4xf32> -> tensor<?x4xf32>
    // expected-error @+1 {{needs one region argument, and it, input and output of one type}}
    %y = "qz.block"(%x) <{index = 0 : i64}> ({
    ^bb0(%b : tensor<?x6xf32>):
      qz.yield %b : tensor<?x6xf32>
    }) : (tensor<?x4xf32>) -> tensor<?x4xf32>
  }
}

// -----

// BlockOp (C3): the terminator
qz.model @m attributes {family = "f", layers = 1 : i64, hidden = 4 : i64, vocab = 8 : i64,
  context = 16 : i64, eos = array<i64: 2>, add_bos = false} {
  qz.graph(%t : tensor<?xi32>) -> tensor<?x8xf32> {
    %e = qz.param "e" : tensor<8x4xf32>
    %x = qz.embed %t, %e : tensor<8x4xf32> -> tensor<?x4xf32>
    %y = qz.block 0 (%b = %x) : tensor<?x4xf32> {
      // expected-error @+1 {{block with no terminator}}
      %c = qz.add %b, %b : tensor<?x4xf32>
    }
  }
}

// -----

// BlockOp (C3): its type
qz.model @m attributes {family = "f", layers = 1 : i64, hidden = 4 : i64, vocab = 8 : i64,
  context = 16 : i64, eos = array<i64: 2>, add_bos = false} {
  qz.graph(%t : tensor<?xi32>) -> tensor<?x8xf32> {
    %e = qz.param "e" : tensor<8x4xf32>
    %x = qz.embed %t, %e : tensor<8x4xf32> -> tensor<?x4xf32>
    %y = qz.block 0 (%b = %x) : tensor<?x4xf32> {
      %w = qz.param "w" : tensor<6x4xf32>
      %c = qz.linear up %b, %w : (tensor<?x4xf32>, tensor<6x4xf32>) -> tensor<?x6xf32>
      // expected-error @+1 {{yields 'tensor<?x6xf32>', the block's type is 'tensor<?x4xf32>'}}
      qz.yield %c : tensor<?x6xf32>
    }
  }
}

// -----

// BlockOp: stands in a graph
qz.model @m attributes {family = "f", layers = 1 : i64, hidden = 4 : i64, vocab = 8 : i64,
  context = 16 : i64, eos = array<i64: 2>, add_bos = false} {
  qz.graph(%t : tensor<?xi32>) -> tensor<?x8xf32> {
    %e = qz.param "e" : tensor<8x4xf32>
    %x = qz.embed %t, %e : tensor<8x4xf32> -> tensor<?x4xf32>
    %y = qz.block 0 (%b = %x) : tensor<?x4xf32> {
      // expected-error @+1 {{expects parent op 'qz.graph'}}
      %y0 = qz.block 0 (%c = %b) : tensor<?x4xf32> {
        qz.yield %c : tensor<?x4xf32>
      }
      qz.yield %y0 : tensor<?x4xf32>
    }
  }
}

// -----

// ParamOp (C1): a name
qz.model @m attributes {family = "f", layers = 1 : i64, hidden = 4 : i64, vocab = 8 : i64,
  context = 16 : i64, eos = array<i64: 2>, add_bos = false} {
  qz.graph(%t : tensor<?xi32>) -> tensor<?x8xf32> {
    // expected-error @+1 {{needs the tensor's name}}
    %p = qz.param "" : tensor<4xf32>
  }
}

// -----

// ParamOp (C2): file without offset
qz.model @m attributes {family = "f", layers = 1 : i64, hidden = 4 : i64, vocab = 8 : i64,
  context = 16 : i64, eos = array<i64: 2>, add_bos = false} {
  qz.file @a "a" size 100 sha256 "0000000000000000000000000000000000000000000000000000000000000000"
  qz.graph(%t : tensor<?xi32>) -> tensor<?x8xf32> {
    // expected-error @+1 {{needs both a file and a byte offset, or neither}}
    %p = "qz.param"() <{name = "p", file = @a}> : () -> tensor<4xf32>
  }
}

// -----

// ParamOp (C2): an unknown file
qz.model @m attributes {family = "f", layers = 1 : i64, hidden = 4 : i64, vocab = 8 : i64,
  context = 16 : i64, eos = array<i64: 2>, add_bos = false} {
  qz.file @a "a" size 100 sha256 "0000000000000000000000000000000000000000000000000000000000000000"
  qz.graph(%t : tensor<?xi32>) -> tensor<?x8xf32> {
    %e = qz.param "e" : tensor<8x4xf32>
    %x = qz.embed %t, %e : tensor<8x4xf32> -> tensor<?x4xf32>
    // expected-error @+1 {{file @b is not a qz.file of the model}}
    %p = qz.param "p" @b[0] : tensor<4xf32>
    %y = qz.block 0 (%b = %x) : tensor<?x4xf32> {
      qz.yield %b : tensor<?x4xf32>
    }
    %l = qz.linear head %y, %e : (tensor<?x4xf32>, tensor<8x4xf32>) -> tensor<?x8xf32>
    qz.return %l : tensor<?x8xf32>
  }
}

// -----

// ParamOp (C3): element type
qz.model @m attributes {family = "f", layers = 1 : i64, hidden = 4 : i64, vocab = 8 : i64,
  context = 16 : i64, eos = array<i64: 2>, add_bos = false} {
  qz.file @a "a" size 100 sha256 "0000000000000000000000000000000000000000000000000000000000000000"
  qz.graph(%t : tensor<?xi32>) -> tensor<?x8xf32> {
    // expected-error @+1 {{needs a source matrix or vector of f32, f16 or bf16, not 'tensor<4xf64>'}}
    %p = qz.param "p" source tensor<4xf64> : tensor<4xf32>
  }
}

// -----

// ParamOp (C3): static
qz.model @m attributes {family = "f", layers = 1 : i64, hidden = 4 : i64, vocab = 8 : i64,
  context = 16 : i64, eos = array<i64: 2>, add_bos = false} {
  qz.file @a "a" size 100 sha256 "0000000000000000000000000000000000000000000000000000000000000000"
  qz.graph(%t : tensor<?xi32>) -> tensor<?x8xf32> {
    // expected-error @+1 {{needs a source matrix or vector of f32, f16 or bf16, not 'tensor<?xf32>'}}
    %p = qz.param "p" source tensor<?xf32> : tensor<4xf32>
  }
}

// -----

// ParamOp (C3): no tensor
qz.model @m attributes {family = "f", layers = 1 : i64, hidden = 4 : i64, vocab = 8 : i64,
  context = 16 : i64, eos = array<i64: 2>, add_bos = false} {
  qz.file @a "a" size 100 sha256 "0000000000000000000000000000000000000000000000000000000000000000"
  qz.graph(%t : tensor<?xi32>) -> tensor<?x8xf32> {
    // expected-error @+1 {{needs a source matrix or vector of f32, f16 or bf16, not 'i32'}}
    %p = qz.param "p" source i32 : tensor<4xf32>
  }
}

// -----

// ParamOp (C3): rank
qz.model @m attributes {family = "f", layers = 1 : i64, hidden = 4 : i64, vocab = 8 : i64,
  context = 16 : i64, eos = array<i64: 2>, add_bos = false} {
  qz.file @a "a" size 100 sha256 "0000000000000000000000000000000000000000000000000000000000000000"
  qz.graph(%t : tensor<?xi32>) -> tensor<?x8xf32> {
    // expected-error @+1 {{must be a weight}}
    %p = qz.param "p" : tensor<4x4x4xf32>
  }
}

// -----

// ParamOp (C3): positive extents
qz.model @m attributes {family = "f", layers = 1 : i64, hidden = 4 : i64, vocab = 8 : i64,
  context = 16 : i64, eos = array<i64: 2>, add_bos = false} {
  qz.file @a "a" size 100 sha256 "0000000000000000000000000000000000000000000000000000000000000000"
  qz.graph(%t : tensor<?xi32>) -> tensor<?x8xf32> {
    // expected-error @+1 {{must be a weight}}
    %p = qz.param "p" : tensor<0x4xf32>
  }
}

// -----

// ParamOp (C3): bytes
qz.model @m attributes {family = "f", layers = 1 : i64, hidden = 4 : i64, vocab = 8 : i64,
  context = 16 : i64, eos = array<i64: 2>, add_bos = false} {
  qz.file @a "a" size 100 sha256 "0000000000000000000000000000000000000000000000000000000000000000"
  qz.graph(%t : tensor<?xi32>) -> tensor<?x8xf32> {
    // expected-error @+1 {{has a source of 2^62 bytes or more}}
    %p = qz.param "p" : tensor<4294967296x4294967296xf32>
  }
}

// -----

// ParamOp (C4): past the end
qz.model @m attributes {family = "f", layers = 1 : i64, hidden = 4 : i64, vocab = 8 : i64,
  context = 16 : i64, eos = array<i64: 2>, add_bos = false} {
  qz.file @a "a" size 100 sha256 "0000000000000000000000000000000000000000000000000000000000000000"
  qz.graph(%t : tensor<?xi32>) -> tensor<?x8xf32> {
    %e = qz.param "e" : tensor<8x4xf32>
    %x = qz.embed %t, %e : tensor<8x4xf32> -> tensor<?x4xf32>
    // expected-error @+1 {{"p" of 16 bytes at 85 lies outside @a of 100 bytes}}
    %p = qz.param "p" @a[85] : tensor<4xf32>
    %y = qz.block 0 (%b = %x) : tensor<?x4xf32> {
      qz.yield %b : tensor<?x4xf32>
    }
    %l = qz.linear head %y, %e : (tensor<?x4xf32>, tensor<8x4xf32>) -> tensor<?x8xf32>
    qz.return %l : tensor<?x8xf32>
  }
}

// -----

// ParamOp (C4): before the start
qz.model @m attributes {family = "f", layers = 1 : i64, hidden = 4 : i64, vocab = 8 : i64,
  context = 16 : i64, eos = array<i64: 2>, add_bos = false} {
  qz.file @a "a" size 100 sha256 "0000000000000000000000000000000000000000000000000000000000000000"
  qz.graph(%t : tensor<?xi32>) -> tensor<?x8xf32> {
    %e = qz.param "e" : tensor<8x4xf32>
    %x = qz.embed %t, %e : tensor<8x4xf32> -> tensor<?x4xf32>
    // expected-error @+1 {{"p" of 16 bytes at -1 lies outside @a of 100 bytes}}
    %p = qz.param "p" @a[-1] : tensor<4xf32>
    %y = qz.block 0 (%b = %x) : tensor<?x4xf32> {
      qz.yield %b : tensor<?x4xf32>
    }
    %l = qz.linear head %y, %e : (tensor<?x4xf32>, tensor<8x4xf32>) -> tensor<?x8xf32>
    qz.return %l : tensor<?x8xf32>
  }
}

// -----

// ParamOp (C4): an offset near the limit
qz.model @m attributes {family = "f", layers = 1 : i64, hidden = 4 : i64, vocab = 8 : i64,
  context = 16 : i64, eos = array<i64: 2>, add_bos = false} {
  qz.file @a "a" size 100 sha256 "0000000000000000000000000000000000000000000000000000000000000000"
  qz.graph(%t : tensor<?xi32>) -> tensor<?x8xf32> {
    %e = qz.param "e" : tensor<8x4xf32>
    %x = qz.embed %t, %e : tensor<8x4xf32> -> tensor<?x4xf32>
    // expected-error @+1 {{"p" of 16 bytes at 9223372036854775807 lies outside @a of 100 bytes}}
    %p = qz.param "p" @a[9223372036854775807] : tensor<4xf32>
    %y = qz.block 0 (%b = %x) : tensor<?x4xf32> {
      qz.yield %b : tensor<?x4xf32>
    }
    %l = qz.linear head %y, %e : (tensor<?x4xf32>, tensor<8x4xf32>) -> tensor<?x8xf32>
    qz.return %l : tensor<?x8xf32>
  }
}

// -----

// ParamOp (C4): the source counts, not the result
qz.model @m attributes {family = "f", layers = 1 : i64, hidden = 4 : i64, vocab = 8 : i64,
  context = 16 : i64, eos = array<i64: 2>, add_bos = false} {
  qz.file @a "a" size 100 sha256 "0000000000000000000000000000000000000000000000000000000000000000"
  qz.graph(%t : tensor<?xi32>) -> tensor<?x8xf32> {
    %e = qz.param "e" : tensor<8x4xf32>
    %x = qz.embed %t, %e : tensor<8x4xf32> -> tensor<?x4xf32>
    // expected-error @+1 {{"p" of 104 bytes at 0 lies outside @a of 100 bytes}}
    %p = qz.param "p" @a[0] rows [[0, 2]] source tensor<26xf32> : tensor<2xf32>
    %y = qz.block 0 (%b = %x) : tensor<?x4xf32> {
      qz.yield %b : tensor<?x4xf32>
    }
    %l = qz.linear head %y, %e : (tensor<?x4xf32>, tensor<8x4xf32>) -> tensor<?x8xf32>
    qz.return %l : tensor<?x8xf32>
  }
}

// -----

// ParamOp (C5): a vector
qz.model @m attributes {family = "f", layers = 1 : i64, hidden = 4 : i64, vocab = 8 : i64,
  context = 16 : i64, eos = array<i64: 2>, add_bos = false} {
  qz.file @a "a" size 100 sha256 "0000000000000000000000000000000000000000000000000000000000000000"
  qz.graph(%t : tensor<?xi32>) -> tensor<?x8xf32> {
    // expected-error @+1 {{cannot transpose a vector}}
    %p = qz.param "p" transposed : tensor<4xf32>
  }
}

// -----

// ParamOp (C6): past the end
qz.model @m attributes {family = "f", layers = 1 : i64, hidden = 4 : i64, vocab = 8 : i64,
  context = 16 : i64, eos = array<i64: 2>, add_bos = false} {
  qz.file @a "a" size 100 sha256 "0000000000000000000000000000000000000000000000000000000000000000"
  qz.graph(%t : tensor<?xi32>) -> tensor<?x8xf32> {
    // expected-error @+1 {{rows [4, 9] are not ascending, disjoint and inside the source's 8}}
    %p = qz.param "p" rows [[4, 9]] source tensor<8x2xf32> : tensor<5x2xf32>
  }
}

// -----

// ParamOp (C6): empty
qz.model @m attributes {family = "f", layers = 1 : i64, hidden = 4 : i64, vocab = 8 : i64,
  context = 16 : i64, eos = array<i64: 2>, add_bos = false} {
  qz.file @a "a" size 100 sha256 "0000000000000000000000000000000000000000000000000000000000000000"
  qz.graph(%t : tensor<?xi32>) -> tensor<?x8xf32> {
    // expected-error @+1 {{rows [4, 4] are not ascending, disjoint and inside the source's 8}}
    %p = qz.param "p" rows [[4, 4]] source tensor<8x2xf32> : tensor<4x2xf32>
  }
}

// -----

// ParamOp (C6): negative
qz.model @m attributes {family = "f", layers = 1 : i64, hidden = 4 : i64, vocab = 8 : i64,
  context = 16 : i64, eos = array<i64: 2>, add_bos = false} {
  qz.file @a "a" size 100 sha256 "0000000000000000000000000000000000000000000000000000000000000000"
  qz.graph(%t : tensor<?xi32>) -> tensor<?x8xf32> {
    // expected-error @+1 {{rows [-1, 4] are not ascending, disjoint and inside the source's 8}}
    %p = qz.param "p" rows [[-1, 4]] source tensor<8x2xf32> : tensor<5x2xf32>
  }
}

// -----

// ParamOp (C6): overlapping
qz.model @m attributes {family = "f", layers = 1 : i64, hidden = 4 : i64, vocab = 8 : i64,
  context = 16 : i64, eos = array<i64: 2>, add_bos = false} {
  qz.file @a "a" size 100 sha256 "0000000000000000000000000000000000000000000000000000000000000000"
  qz.graph(%t : tensor<?xi32>) -> tensor<?x8xf32> {
    // expected-error @+1 {{rows [3, 6] are not ascending, disjoint and inside the source's 8}}
    %p = qz.param "p" rows [[0, 4], [3, 6]] source tensor<8x2xf32> : tensor<7x2xf32>
  }
}

// -----

// ParamOp (C6): descending
qz.model @m attributes {family = "f", layers = 1 : i64, hidden = 4 : i64, vocab = 8 : i64,
  context = 16 : i64, eos = array<i64: 2>, add_bos = false} {
  qz.file @a "a" size 100 sha256 "0000000000000000000000000000000000000000000000000000000000000000"
  qz.graph(%t : tensor<?xi32>) -> tensor<?x8xf32> {
    // expected-error @+1 {{rows [0, 2] are not ascending, disjoint and inside the source's 8}}
    %p = qz.param "p" rows [[4, 6], [0, 2]] source tensor<8x2xf32> : tensor<4x2xf32>
  }
}

// -----

// ParamOp (C6): rows of a transposed source
qz.model @m attributes {family = "f", layers = 1 : i64, hidden = 4 : i64, vocab = 8 : i64,
  context = 16 : i64, eos = array<i64: 2>, add_bos = false} {
  qz.file @a "a" size 100 sha256 "0000000000000000000000000000000000000000000000000000000000000000"
  qz.graph(%t : tensor<?xi32>) -> tensor<?x8xf32> {
    // expected-error @+1 {{rows [0, 3] are not ascending, disjoint and inside the source's 2}}
    %p = qz.param "p" transposed rows [[0, 3]] source tensor<8x2xf32> : tensor<3x8xf32>
  }
}

// -----

// ParamOp (C6): none
qz.model @m attributes {family = "f", layers = 1 : i64, hidden = 4 : i64, vocab = 8 : i64,
  context = 16 : i64, eos = array<i64: 2>, add_bos = false} {
  qz.file @a "a" size 100 sha256 "0000000000000000000000000000000000000000000000000000000000000000"
  qz.graph(%t : tensor<?xi32>) -> tensor<?x8xf32> {
    // expected-error @+1 {{needs rows as pairs [lo, hi]}}
    %p = qz.param "p" rows [] source tensor<8x2xf32> : tensor<8x2xf32>
  }
}

// -----

// ParamOp (C6): half a pair
qz.model @m attributes {family = "f", layers = 1 : i64, hidden = 4 : i64, vocab = 8 : i64,
  context = 16 : i64, eos = array<i64: 2>, add_bos = false} {
  qz.file @a "a" size 100 sha256 "0000000000000000000000000000000000000000000000000000000000000000"
  qz.graph(%t : tensor<?xi32>) -> tensor<?x8xf32> {
    // expected-error @+1 {{needs rows as pairs [lo, hi]}}
    %p = "qz.param"() <{name = "p", rows = array<i64: 1>}> : () -> tensor<4xf32>
  }
}

// -----

// ParamOp (C7): rows
qz.model @m attributes {family = "f", layers = 1 : i64, hidden = 4 : i64, vocab = 8 : i64,
  context = 16 : i64, eos = array<i64: 2>, add_bos = false} {
  qz.file @a "a" size 100 sha256 "0000000000000000000000000000000000000000000000000000000000000000"
  qz.graph(%t : tensor<?xi32>) -> tensor<?x8xf32> {
    // expected-error @+1 {{has a result of shape [8, 2], the source gives [4, 2]}}
    %p = qz.param "p" rows [[0, 4]] source tensor<8x2xf32> : tensor<8x2xf32>
  }
}

// -----

// ParamOp (C7): transposed
qz.model @m attributes {family = "f", layers = 1 : i64, hidden = 4 : i64, vocab = 8 : i64,
  context = 16 : i64, eos = array<i64: 2>, add_bos = false} {
  qz.file @a "a" size 100 sha256 "0000000000000000000000000000000000000000000000000000000000000000"
  qz.graph(%t : tensor<?xi32>) -> tensor<?x8xf32> {
    // expected-error @+1 {{has a result of shape [8, 2], the source gives [2, 8]}}
    %p = qz.param "p" transposed source tensor<8x2xf32> : tensor<8x2xf32>
  }
}

// -----

// ParamOp (C7): packed
qz.model @m attributes {family = "f", layers = 1 : i64, hidden = 4 : i64, vocab = 8 : i64,
  context = 16 : i64, eos = array<i64: 2>, add_bos = false} {
  qz.file @a "a" size 100 sha256 "0000000000000000000000000000000000000000000000000000000000000000"
  qz.graph(%t : tensor<?xi32>) -> tensor<?x8xf32> {
    // expected-error @+1 {{has a result of shape [4, 2], the source gives [8, 2]}}
    %p = qz.param "p" source tensor<8x2xf32> : !qz.packed<4x2, int8>
  }
}

// -----

// ParamOp (C7): a packed vector
qz.model @m attributes {family = "f", layers = 1 : i64, hidden = 4 : i64, vocab = 8 : i64,
  context = 16 : i64, eos = array<i64: 2>, add_bos = false} {
  qz.file @a "a" size 100 sha256 "0000000000000000000000000000000000000000000000000000000000000000"
  qz.graph(%t : tensor<?xi32>) -> tensor<?x8xf32> {
    // expected-error @+1 {{has a result of shape [1, 8], the source gives [8]}}
    %p = qz.param "p" source tensor<8xf32> : !qz.packed<1x8, int8>
  }
}

// -----

// ParamOp (C8): packed without a source
qz.model @m attributes {family = "f", layers = 1 : i64, hidden = 4 : i64, vocab = 8 : i64,
  context = 16 : i64, eos = array<i64: 2>, add_bos = false} {
  qz.file @a "a" size 100 sha256 "0000000000000000000000000000000000000000000000000000000000000000"
  qz.graph(%t : tensor<?xi32>) -> tensor<?x8xf32> {
    // expected-error @+1 {{needs the source's type beside a packed one}}
    %p = qz.param "p" : !qz.packed<4x2, int8>
  }
}

// -----

// RowsOp (C1): no rows
qz.model @m attributes {family = "f", layers = 1 : i64, hidden = 4 : i64, vocab = 8 : i64,
  context = 16 : i64, eos = array<i64: 2>, add_bos = false} {
  qz.graph(%t : tensor<?xi32>) -> tensor<?x8xf32> {
    %w = qz.param "w" source tensor<8x4xf32> : !qz.packed<8x4, int8>
    // expected-error @+1 {{needs rows as pairs [lo, hi]}}
    %r = qz.rows %w [] : !qz.packed<8x4, int8>
  }
}

// -----

// RowsOp (C1): descending
qz.model @m attributes {family = "f", layers = 1 : i64, hidden = 4 : i64, vocab = 8 : i64,
  context = 16 : i64, eos = array<i64: 2>, add_bos = false} {
  qz.graph(%t : tensor<?xi32>) -> tensor<?x8xf32> {
    %w = qz.param "w" source tensor<8x4xf32> : !qz.packed<8x4, int8>
    // expected-error @+1 {{rows [0, 1] are not ascending, disjoint and inside the weight's 8}}
    %r = qz.rows %w [[2, 4], [0, 1]] : !qz.packed<8x4, int8>
  }
}

// -----

// RowsOp (C1): empty
qz.model @m attributes {family = "f", layers = 1 : i64, hidden = 4 : i64, vocab = 8 : i64,
  context = 16 : i64, eos = array<i64: 2>, add_bos = false} {
  qz.graph(%t : tensor<?xi32>) -> tensor<?x8xf32> {
    %w = qz.param "w" source tensor<8x4xf32> : !qz.packed<8x4, int8>
    // expected-error @+1 {{rows [4, 4] are not ascending}}
    %r = qz.rows %w [[4, 4]] : !qz.packed<8x4, int8>
  }
}

// -----

// RowsOp (C1): beyond the weight
qz.model @m attributes {family = "f", layers = 1 : i64, hidden = 4 : i64, vocab = 8 : i64,
  context = 16 : i64, eos = array<i64: 2>, add_bos = false} {
  qz.graph(%t : tensor<?xi32>) -> tensor<?x8xf32> {
    %w = qz.param "w" source tensor<8x4xf32> : !qz.packed<8x4, int8>
    // expected-error @+1 {{rows [4, 9] are not ascending, disjoint and inside the weight's 8}}
    %r = qz.rows %w [[4, 9]] : !qz.packed<8x4, int8>
  }
}

// -----

// RowsOp (C2): lengths
qz.model @m attributes {family = "f", layers = 1 : i64, hidden = 4 : i64, vocab = 8 : i64,
  context = 16 : i64, eos = array<i64: 2>, add_bos = false} {
  qz.graph(%t : tensor<?xi32>) -> tensor<?x8xf32> {
    %w = qz.param "w" source tensor<8x4xf32> : !qz.packed<8x4, int8>
    // expected-error @+1 {{needs rows of one length and one distance}}
    %r = qz.rows %w [[0, 1], [2, 4]] : !qz.packed<8x4, int8>
  }
}

// -----

// RowsOp (C2): distances
qz.model @m attributes {family = "f", layers = 1 : i64, hidden = 4 : i64, vocab = 8 : i64,
  context = 16 : i64, eos = array<i64: 2>, add_bos = false} {
  qz.graph(%t : tensor<?xi32>) -> tensor<?x8xf32> {
    %w = qz.param "w" source tensor<8x4xf32> : !qz.packed<8x4, int8>
    // expected-error @+1 {{needs rows of one length and one distance}}
    %r = qz.rows %w [[0, 1], [2, 3], [5, 6]] : !qz.packed<8x4, int8>
  }
}

// -----

// RowsOp: an odd list of bounds
qz.model @m attributes {family = "f", layers = 1 : i64, hidden = 4 : i64, vocab = 8 : i64,
  context = 16 : i64, eos = array<i64: 2>, add_bos = false} {
  qz.graph(%t : tensor<?xi32>) -> tensor<?x8xf32> {
    %w = qz.param "w" source tensor<8x4xf32> : !qz.packed<8x4, int8>
    // expected-error @+2 {{needs rows as pairs [lo, hi]}}
    // expected-error @+1 {{failed to infer returned types}}
    %r = "qz.rows"(%w) {rows = array<i64: 0, 1, 2>} : (!qz.packed<8x4, int8>) -> !qz.rows<1 of !qz.packed<8x4, int8>>
  }
}

// -----

// RowsOp: another type than its rows have
qz.model @m attributes {family = "f", layers = 1 : i64, hidden = 4 : i64, vocab = 8 : i64,
  context = 16 : i64, eos = array<i64: 2>, add_bos = false} {
  qz.graph(%t : tensor<?xi32>) -> tensor<?x8xf32> {
    %w = qz.param "w" source tensor<8x4xf32> : !qz.packed<8x4, int8>
    // expected-error @+2 {{'qz.rows' op inferred type(s) '!qz.rows<2 of !qz.packed<8x4, int8>>' are incompatible}}
    // expected-error @+1 {{failed to infer returned types}}
    %r = "qz.rows"(%w) {rows = array<i64: 0, 2>} : (!qz.packed<8x4, int8>) -> !qz.rows<1 of !qz.packed<8x4, int8>>
  }
}

// -----

// RowsOp: an embedding table is stored as it is
qz.model @m attributes {family = "f", layers = 1 : i64, hidden = 4 : i64, vocab = 8 : i64,
  context = 16 : i64, eos = array<i64: 2>, add_bos = false} {
  qz.graph(%t : tensor<?xi32>) -> tensor<?x8xf32> {
    %w = qz.param "w" source tensor<16x4xf32> : !qz.packed<16x4, int8>
    %r = qz.rows %w [[0, 8]] : !qz.packed<16x4, int8>
    // expected-error @+1 {{must be tensor<OUTxIN> of f32, f16 or bf16, or !qz.packed}}
    %x = "qz.embed"(%t, %r) : (tensor<?xi32>, !qz.rows<8 of !qz.packed<16x4, int8>>) -> tensor<?x4xf32>
  }
}
