// RUN: %qzc-opt %s --qz-verify-fused -verify-diagnostics -split-input-file

// (C1): no rotary embedding is left.
qz.model @m attributes {family = "f", layers = 1 : i64, hidden = 4 : i64, vocab = 8 : i64,
    context = 16 : i64, eos = array<i64: 2>, add_bos = false} {
  qz.graph(%t : tensor<?xi32>) -> tensor<?x8xf32> {
    %e = qz.param "embed" : tensor<8x4xbf16>
    %x0 = qz.embed %t, %e : tensor<8x4xbf16> -> tensor<?x4xf32>
    %x1 = qz.block 0 (%x = %x0) : tensor<?x4xf32> {
      // expected-error @+1 {{'qz.rope' op is left}}
      %r = qz.rope %x, #qz.rope<dim = 4, theta = 1.0e4, style = half> heads 1 : tensor<?x4xf32>
      qz.yield %r : tensor<?x4xf32>
    }
    %l = qz.linear head %x1, %e : (tensor<?x4xf32>, tensor<8x4xbf16>) -> tensor<?x8xf32>
    qz.return %l : tensor<?x8xf32>
  }
}

// -----

// (C2): a block has an attention.
qz.model @m attributes {family = "f", layers = 1 : i64, hidden = 4 : i64, vocab = 8 : i64,
    context = 16 : i64, eos = array<i64: 2>, add_bos = false} {
  qz.graph(%t : tensor<?xi32>) -> tensor<?x8xf32> {
    %e = qz.param "embed" : tensor<8x4xbf16>
    %x0 = qz.embed %t, %e : tensor<8x4xbf16> -> tensor<?x4xf32>
    // expected-error @+1 {{'qz.block' op 0 has no qz.attention}}
    %x1 = qz.block 0 (%x = %x0) : tensor<?x4xf32> {
      qz.yield %x : tensor<?x4xf32>
    }
    %l = qz.linear head %x1, %e : (tensor<?x4xf32>, tensor<8x4xbf16>) -> tensor<?x8xf32>
    qz.return %l : tensor<?x8xf32>
  }
}

// -----

// (C2): and no second one.
qz.model @m attributes {family = "f", layers = 1 : i64, hidden = 4 : i64, vocab = 8 : i64,
    context = 16 : i64, eos = array<i64: 2>, add_bos = false} {
  qz.graph(%t : tensor<?xi32>) -> tensor<?x8xf32> {
    %e = qz.param "embed" : tensor<8x4xbf16>
    %x0 = qz.embed %t, %e : tensor<8x4xbf16> -> tensor<?x4xf32>
    %x1 = qz.block 0 (%x = %x0) : tensor<?x4xf32> {
      %a = qz.attention %x, %x, %x heads 1 kv_heads 1 scale 0.5
        : (tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x4xf32>
      // expected-error @+1 {{'qz.attention' op is the second in block 0}}
      %b = qz.attention %a, %a, %a heads 1 kv_heads 1 scale 0.5
        : (tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x4xf32>
      qz.yield %b : tensor<?x4xf32>
    }
    %l = qz.linear head %x1, %e : (tensor<?x4xf32>, tensor<8x4xbf16>) -> tensor<?x8xf32>
    qz.return %l : tensor<?x8xf32>
  }
}

// -----

// (C3): one embedding.
qz.model @m attributes {family = "f", layers = 1 : i64, hidden = 4 : i64, vocab = 8 : i64,
    context = 16 : i64, eos = array<i64: 2>, add_bos = false} {
  // expected-error @+1 {{needs one qz.embed and one qz.linear head, and has 2 and 1}}
  qz.graph(%t : tensor<?xi32>) -> tensor<?x8xf32> {
    %e = qz.param "embed" : tensor<8x4xbf16>
    %x0 = qz.embed %t, %e : tensor<8x4xbf16> -> tensor<?x4xf32>
    %x2 = qz.embed %t, %e : tensor<8x4xbf16> -> tensor<?x4xf32>
    %x3 = qz.add %x0, %x2 : tensor<?x4xf32>
    %x1 = qz.block 0 (%x = %x3) : tensor<?x4xf32> {
      %a = qz.attention %x, %x, %x heads 1 kv_heads 1 scale 0.5
        : (tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x4xf32>
      qz.yield %a : tensor<?x4xf32>
    }
    %l = qz.linear head %x1, %e : (tensor<?x4xf32>, tensor<8x4xbf16>) -> tensor<?x8xf32>
    qz.return %l : tensor<?x8xf32>
  }
}
