// RUN: %qzc-opt %s --split-input-file --convert-qz-to-sched --verify-diagnostics

// Rope that no attention took
qz.model @m attributes {family = "f", layers = 1 : i64, hidden = 4 : i64, vocab = 4 : i64,
    context = 16 : i64, eos = array<i64: 2>, add_bos = false} {
  qz.graph(%t : tensor<?xi32>) -> tensor<?x4xf32> {
    %e = qz.param "embed" : tensor<4x4xf32>
    %x0 = qz.embed %t, %e : tensor<4x4xf32> -> tensor<?x4xf32>
    %x1 = qz.block 0 (%x = %x0) : tensor<?x4xf32> {
      // expected-error@+1 {{cannot be lowered: it must be fused into the attention that uses it (qz-fuse-rope)}}
      %r = qz.rope %x, #qz.rope<dim = 2, theta = 1.0e4, style = half> heads 2 : tensor<?x4xf32>
      qz.yield %r : tensor<?x4xf32>
    }
    %l = qz.linear head %x1, %e : (tensor<?x4xf32>, tensor<4x4xf32>) -> tensor<?x4xf32>
    qz.return %l : tensor<?x4xf32>
  }
}

// -----

// No head
qz.model @m attributes {family = "f", layers = 1 : i64, hidden = 4 : i64, vocab = 4 : i64,
    context = 16 : i64, eos = array<i64: 2>, add_bos = false} {
  // expected-error@+1 {{cannot be lowered: it has no linear layer of role head}}
  qz.graph(%t : tensor<?xi32>) -> tensor<?x4xf32> {
    %e = qz.param "embed" : tensor<4x4xf32>
    %x0 = qz.embed %t, %e : tensor<4x4xf32> -> tensor<?x4xf32>
    %x1 = qz.block 0 (%x = %x0) : tensor<?x4xf32> {
      qz.yield %x : tensor<?x4xf32>
    }
    qz.return %x1 : tensor<?x4xf32>
  }
}

// -----

// Two heads
qz.model @m attributes {family = "f", layers = 1 : i64, hidden = 4 : i64, vocab = 4 : i64,
    context = 16 : i64, eos = array<i64: 2>, add_bos = false} {
  qz.graph(%t : tensor<?xi32>) -> tensor<?x4xf32> {
    %e = qz.param "embed" : tensor<4x4xf32>
    %x0 = qz.embed %t, %e : tensor<4x4xf32> -> tensor<?x4xf32>
    %x1 = qz.block 0 (%x = %x0) : tensor<?x4xf32> {
      qz.yield %x : tensor<?x4xf32>
    }
    %l = qz.linear head %x1, %e : (tensor<?x4xf32>, tensor<4x4xf32>) -> tensor<?x4xf32>
    // expected-error@+1 {{cannot be lowered: the graph has a head already}}
    %m = qz.linear head %l, %e : (tensor<?x4xf32>, tensor<4x4xf32>) -> tensor<?x4xf32>
    qz.return %m : tensor<?x4xf32>
  }
}

// -----

// The head looks back into the body
qz.model @m attributes {family = "f", layers = 1 : i64, hidden = 4 : i64, vocab = 4 : i64,
    context = 16 : i64, eos = array<i64: 2>, add_bos = false} {
  qz.graph(%t : tensor<?xi32>) -> tensor<?x4xf32> {
    %e = qz.param "embed" : tensor<4x4xf32>
    %x0 = qz.embed %t, %e : tensor<4x4xf32> -> tensor<?x4xf32>
    %x1 = qz.block 0 (%x = %x0) : tensor<?x4xf32> {
      qz.yield %x : tensor<?x4xf32>
    }
    // expected-note@+1 {{this value}}
    %s = qz.scale %x1 by 2.0 : tensor<?x4xf32>
    %l = qz.linear head %x1, %e : (tensor<?x4xf32>, tensor<4x4xf32>) -> tensor<?x4xf32>
    // expected-error@+1 {{cannot be lowered: behind the head's linear layer only that layer's input}}
    %m = qz.add %l, %s : tensor<?x4xf32>
    qz.return %m : tensor<?x4xf32>
  }
}

// -----

// A block behind the head
qz.model @m attributes {family = "f", layers = 1 : i64, hidden = 4 : i64, vocab = 4 : i64,
    context = 16 : i64, eos = array<i64: 2>, add_bos = false} {
  qz.graph(%t : tensor<?xi32>) -> tensor<?x4xf32> {
    %e = qz.param "embed" : tensor<4x4xf32>
    %x0 = qz.embed %t, %e : tensor<4x4xf32> -> tensor<?x4xf32>
    %l = qz.linear head %x0, %e : (tensor<?x4xf32>, tensor<4x4xf32>) -> tensor<?x4xf32>
    // expected-error@+1 {{cannot be lowered: it stands behind the head}}
    %x1 = qz.block 0 (%x = %l) : tensor<?x4xf32> {
      qz.yield %x : tensor<?x4xf32>
    }
    qz.return %x1 : tensor<?x4xf32>
  }
}
