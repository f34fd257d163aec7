// RUN: %qzc-opt %s -verify-diagnostics -split-input-file
// expected-error@+1 {{a scaling that has an offset, but rows that are not scaled}}
#0 = #qz.scaling<columns = 0, unit_offset = true>

// -----

// expected-error@+1 {{a scaling that makes its own input}}
#0 = #qz.scaling<columns = 1, rows = 1>

// -----

// expected-error@+1 {{a scaling of nothing}}
#0 = #qz.scaling<columns = 0, width = 4, repeats = 2>

// -----

// expected-error@+1 {{a scaling that has rows that are no whole heads}}
#0 = #qz.scaling<rows = 0, repeats = 2>

// -----

// expected-error@+1 {{a scaling that has a scale that has no number}}
#0 = #qz.scaling<columns = 0, rows = -7>

// -----

qz.model @m attributes {family = "f", layers = 1 : i64, hidden = 4 : i64, vocab = 8 : i64,
    context = 16 : i64, eos = array<i64: 2>, add_bos = false} {
  qz.graph(%t : tensor<?xi32>) -> tensor<?x8xf32> {
    // expected-error@+1 {{has rows that are no whole heads}}
    %w = qz.param "w" source tensor<10x4xbf16> {scaling = #qz.scaling<rows = 0, width = 4, repeats = 2>} : tensor<10x4xf32>
  }
}

// -----

qz.model @m attributes {family = "f", layers = 1 : i64, hidden = 4 : i64, vocab = 8 : i64,
    context = 16 : i64, eos = array<i64: 2>, add_bos = false} {
  qz.graph(%t : tensor<?xi32>) -> tensor<?x8xf32> {
    // expected-error@+1 {{is a vector with scaled columns}}
    %w = qz.param "w" {scaling = #qz.scaling<columns = 0>} : tensor<4xf32>
  }
}

// -----

qz.model @m attributes {family = "f", layers = 1 : i64, hidden = 4 : i64, vocab = 8 : i64,
    context = 16 : i64, eos = array<i64: 2>, add_bos = false} {
  qz.graph(%t : tensor<?xi32>) -> tensor<?x8xf32> {
    // expected-error@+1 {{is scaled, but stored neither packed nor as f32}}
    %w = qz.param "w" {scaling = #qz.scaling<columns = 0>} : tensor<8x4xbf16>
  }
}
