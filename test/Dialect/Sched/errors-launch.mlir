// RUN: %qzc-opt %s --split-input-file --verify-diagnostics

// C1
sched.program @p attributes {family = "f", vocab = 16 : i64, hidden = 8 : i64, layers = 1 : i64, context = 8 : i64, eos = array<i64: 2>, add_bos = false} {
  %e = sched.tensor "embed" "e" : tensor<16x8xf32> as tensor<16x8xf32>
  %w = sched.tensor "q" "w" : tensor<8x8xf32> as tensor<8x8xf32>
  %w9 = sched.tensor "q" "w9" : tensor<9x8xf32> as tensor<9x8xf32>
  %g = sched.tensor "norm" "g" : tensor<8xf32> as tensor<8xf32>
  %g9 = sched.tensor "norm" "g9" : tensor<9xf32> as tensor<9xf32>
  sched.body {
    %x = sched.buffer : !sched.buffer<8>
    sched.launch embed weights(%e : tensor<16x8xf32>) outs(%x : !sched.buffer<8>)
    %y = sched.buffer : !sched.buffer<8>
    // expected-error@+1 {{add has 1 inputs where 2 are needed (C1)}}
    sched.launch add ins(%x : !sched.buffer<8>) outs(%y : !sched.buffer<8>)
    sched.yield %x : !sched.buffer<8>
  }
  sched.head (%h : !sched.view<8>) {
    %l = sched.buffer : !sched.buffer<16>
    sched.launch linear ins(%h : !sched.view<8>) weights(%e : tensor<16x8xf32>) outs(%l : !sched.buffer<16>)
    sched.yield %l : !sched.buffer<16>
  }
}

// -----

// C1
sched.program @p attributes {family = "f", vocab = 16 : i64, hidden = 8 : i64, layers = 1 : i64, context = 8 : i64, eos = array<i64: 2>, add_bos = false} {
  %e = sched.tensor "embed" "e" : tensor<16x8xf32> as tensor<16x8xf32>
  %w = sched.tensor "q" "w" : tensor<8x8xf32> as tensor<8x8xf32>
  %w9 = sched.tensor "q" "w9" : tensor<9x8xf32> as tensor<9x8xf32>
  %g = sched.tensor "norm" "g" : tensor<8xf32> as tensor<8xf32>
  %g9 = sched.tensor "norm" "g9" : tensor<9xf32> as tensor<9xf32>
  sched.body {
    %x = sched.buffer : !sched.buffer<8>
    sched.launch embed weights(%e : tensor<16x8xf32>) outs(%x : !sched.buffer<8>)
    %y = sched.buffer : !sched.buffer<8>
    // expected-error@+1 {{linear has 3 inputs where 1 to 2 are needed (C1)}}
    sched.launch linear ins(%x, %x, %x : !sched.buffer<8>, !sched.buffer<8>, !sched.buffer<8>) weights(%w : tensor<8x8xf32>) outs(%y : !sched.buffer<8>)
    sched.yield %x : !sched.buffer<8>
  }
  sched.head (%h : !sched.view<8>) {
    %l = sched.buffer : !sched.buffer<16>
    sched.launch linear ins(%h : !sched.view<8>) weights(%e : tensor<16x8xf32>) outs(%l : !sched.buffer<16>)
    sched.yield %l : !sched.buffer<16>
  }
}

// -----

// C1
sched.program @p attributes {family = "f", vocab = 16 : i64, hidden = 8 : i64, layers = 1 : i64, context = 8 : i64, eos = array<i64: 2>, add_bos = false} {
  %e = sched.tensor "embed" "e" : tensor<16x8xf32> as tensor<16x8xf32>
  %w = sched.tensor "q" "w" : tensor<8x8xf32> as tensor<8x8xf32>
  %w9 = sched.tensor "q" "w9" : tensor<9x8xf32> as tensor<9x8xf32>
  %g = sched.tensor "norm" "g" : tensor<8xf32> as tensor<8xf32>
  %g9 = sched.tensor "norm" "g9" : tensor<9xf32> as tensor<9xf32>
  sched.body {
    %x = sched.buffer : !sched.buffer<8>
    sched.launch embed weights(%e : tensor<16x8xf32>) outs(%x : !sched.buffer<8>)
    %y = sched.buffer : !sched.buffer<8>
    // expected-error@+1 {{embed has 0 weights where 1 are needed (C1)}}
    sched.launch embed outs(%y : !sched.buffer<8>)
    sched.yield %x : !sched.buffer<8>
  }
  sched.head (%h : !sched.view<8>) {
    %l = sched.buffer : !sched.buffer<16>
    sched.launch linear ins(%h : !sched.view<8>) weights(%e : tensor<16x8xf32>) outs(%l : !sched.buffer<16>)
    sched.yield %l : !sched.buffer<16>
  }
}

// -----

// C1
sched.program @p attributes {family = "f", vocab = 16 : i64, hidden = 8 : i64, layers = 1 : i64, context = 8 : i64, eos = array<i64: 2>, add_bos = false} {
  %e = sched.tensor "embed" "e" : tensor<16x8xf32> as tensor<16x8xf32>
  %w = sched.tensor "q" "w" : tensor<8x8xf32> as tensor<8x8xf32>
  %w9 = sched.tensor "q" "w9" : tensor<9x8xf32> as tensor<9x8xf32>
  %g = sched.tensor "norm" "g" : tensor<8xf32> as tensor<8xf32>
  %g9 = sched.tensor "norm" "g9" : tensor<9xf32> as tensor<9xf32>
  sched.body {
    %x = sched.buffer : !sched.buffer<8>
    sched.launch embed weights(%e : tensor<16x8xf32>) outs(%x : !sched.buffer<8>)
    %y = sched.buffer : !sched.buffer<8>
    // expected-error@+1 {{rms_norm has 2 weights where 0 to 1 are needed (C1)}}
    sched.launch rms_norm ins(%x : !sched.buffer<8>) weights(%g, %g : tensor<8xf32>, tensor<8xf32>) outs(%y : !sched.buffer<8>) with {epsilon = 1.0 : f32}
    sched.yield %x : !sched.buffer<8>
  }
  sched.head (%h : !sched.view<8>) {
    %l = sched.buffer : !sched.buffer<16>
    sched.launch linear ins(%h : !sched.view<8>) weights(%e : tensor<16x8xf32>) outs(%l : !sched.buffer<16>)
    sched.yield %l : !sched.buffer<16>
  }
}

// -----

// C2
sched.program @p attributes {family = "f", vocab = 16 : i64, hidden = 8 : i64, layers = 1 : i64, context = 8 : i64, eos = array<i64: 2>, add_bos = false} {
  %e = sched.tensor "embed" "e" : tensor<16x8xf32> as tensor<16x8xf32>
  %w = sched.tensor "q" "w" : tensor<8x8xf32> as tensor<8x8xf32>
  %w9 = sched.tensor "q" "w9" : tensor<9x8xf32> as tensor<9x8xf32>
  %g = sched.tensor "norm" "g" : tensor<8xf32> as tensor<8xf32>
  %g9 = sched.tensor "norm" "g9" : tensor<9xf32> as tensor<9xf32>
  sched.body {
    %x = sched.buffer : !sched.buffer<8>
    sched.launch embed weights(%e : tensor<16x8xf32>) outs(%x : !sched.buffer<8>)
    %y = sched.buffer : !sched.buffer<8>
    // expected-error@+1 {{needs the parameter 'epsilon' (C2)}}
    sched.launch rms_norm ins(%x : !sched.buffer<8>) outs(%y : !sched.buffer<8>)
    sched.yield %x : !sched.buffer<8>
  }
  sched.head (%h : !sched.view<8>) {
    %l = sched.buffer : !sched.buffer<16>
    sched.launch linear ins(%h : !sched.view<8>) weights(%e : tensor<16x8xf32>) outs(%l : !sched.buffer<16>)
    sched.yield %l : !sched.buffer<16>
  }
}

// -----

// C2
sched.program @p attributes {family = "f", vocab = 16 : i64, hidden = 8 : i64, layers = 1 : i64, context = 8 : i64, eos = array<i64: 2>, add_bos = false} {
  %e = sched.tensor "embed" "e" : tensor<16x8xf32> as tensor<16x8xf32>
  %w = sched.tensor "q" "w" : tensor<8x8xf32> as tensor<8x8xf32>
  %w9 = sched.tensor "q" "w9" : tensor<9x8xf32> as tensor<9x8xf32>
  %g = sched.tensor "norm" "g" : tensor<8xf32> as tensor<8xf32>
  %g9 = sched.tensor "norm" "g9" : tensor<9xf32> as tensor<9xf32>
  sched.body {
    %x = sched.buffer : !sched.buffer<8>
    sched.launch embed weights(%e : tensor<16x8xf32>) outs(%x : !sched.buffer<8>)
    %y = sched.buffer : !sched.buffer<8>
    // expected-error@+1 {{has no parameter 'cap' (C2)}}
    sched.launch add ins(%x, %x : !sched.buffer<8>, !sched.buffer<8>) outs(%y : !sched.buffer<8>) with {cap = 1.0 : f32}
    sched.yield %x : !sched.buffer<8>
  }
  sched.head (%h : !sched.view<8>) {
    %l = sched.buffer : !sched.buffer<16>
    sched.launch linear ins(%h : !sched.view<8>) weights(%e : tensor<16x8xf32>) outs(%l : !sched.buffer<16>)
    sched.yield %l : !sched.buffer<16>
  }
}

// -----

// C2
sched.program @p attributes {family = "f", vocab = 16 : i64, hidden = 8 : i64, layers = 1 : i64, context = 8 : i64, eos = array<i64: 2>, add_bos = false} {
  %e = sched.tensor "embed" "e" : tensor<16x8xf32> as tensor<16x8xf32>
  sched.body {
    %x = sched.buffer : !sched.buffer<8>
    sched.launch embed weights(%e : tensor<16x8xf32>) outs(%x : !sched.buffer<8>)
    %y = sched.buffer : !sched.buffer<8>
    // expected-error@+1 {{expects (C2) 'epsilon' to be a finite, positive f32}}
    sched.launch rms_norm ins(%x : !sched.buffer<8>) outs(%y : !sched.buffer<8>) with {epsilon = 1.0 : f64}
    sched.yield %x : !sched.buffer<8>
  }
  sched.head (%h : !sched.view<8>) {
    %l = sched.buffer : !sched.buffer<16>
    sched.launch linear ins(%h : !sched.view<8>) weights(%e : tensor<16x8xf32>) outs(%l : !sched.buffer<16>)
    sched.yield %l : !sched.buffer<16>
  }
}

// -----

// C2
sched.program @p attributes {family = "f", vocab = 16 : i64, hidden = 8 : i64, layers = 1 : i64, context = 8 : i64, eos = array<i64: 2>, add_bos = false} {
  %e = sched.tensor "embed" "e" : tensor<16x8xf32> as tensor<16x8xf32>
  sched.body {
    %x = sched.buffer : !sched.buffer<8>
    sched.launch embed weights(%e : tensor<16x8xf32>) outs(%x : !sched.buffer<8>)
    %y = sched.buffer : !sched.buffer<8>
    // expected-error@+1 {{expects (C2) 'limit' to be a finite, positive f32}}
    sched.launch clamp ins(%x : !sched.buffer<8>) outs(%y : !sched.buffer<8>) with {limit = -1.0 : f32}
    sched.yield %x : !sched.buffer<8>
  }
  sched.head (%h : !sched.view<8>) {
    %l = sched.buffer : !sched.buffer<16>
    sched.launch linear ins(%h : !sched.view<8>) weights(%e : tensor<16x8xf32>) outs(%l : !sched.buffer<16>)
    sched.yield %l : !sched.buffer<16>
  }
}

// -----

// C2
sched.program @p attributes {family = "f", vocab = 16 : i64, hidden = 8 : i64, layers = 1 : i64, context = 8 : i64, eos = array<i64: 2>, add_bos = false} {
  %e = sched.tensor "embed" "e" : tensor<16x8xf32> as tensor<16x8xf32>
  sched.body {
    %x = sched.buffer : !sched.buffer<8>
    sched.launch embed weights(%e : tensor<16x8xf32>) outs(%x : !sched.buffer<8>)
    %y = sched.buffer : !sched.buffer<8>
    // expected-error@+1 {{expects (C2) 'activation' to be the name of an activation}}
    sched.launch activate ins(%x : !sched.buffer<8>) outs(%y : !sched.buffer<8>) with {activation = "tanh"}
    sched.yield %x : !sched.buffer<8>
  }
  sched.head (%h : !sched.view<8>) {
    %l = sched.buffer : !sched.buffer<16>
    sched.launch linear ins(%h : !sched.view<8>) weights(%e : tensor<16x8xf32>) outs(%l : !sched.buffer<16>)
    sched.yield %l : !sched.buffer<16>
  }
}

// -----

// C2
sched.program @p attributes {family = "f", vocab = 16 : i64, hidden = 8 : i64, layers = 1 : i64, context = 8 : i64, eos = array<i64: 2>, add_bos = false} {
  %e = sched.tensor "embed" "e" : tensor<16x8xf32> as tensor<16x8xf32>
  %w = sched.tensor "q" "w" : tensor<8x8xf32> as tensor<8x8xf32>
  %w9 = sched.tensor "q" "w9" : tensor<9x8xf32> as tensor<9x8xf32>
  %g = sched.tensor "norm" "g" : tensor<8xf32> as tensor<8xf32>
  %g9 = sched.tensor "norm" "g9" : tensor<9xf32> as tensor<9xf32>
  sched.body {
    %x = sched.buffer : !sched.buffer<8>
    sched.launch embed weights(%e : tensor<16x8xf32>) outs(%x : !sched.buffer<8>)
    %y = sched.buffer : !sched.buffer<8>
    // expected-error@+1 {{has 1 weights where 2 parts are asked for (C2)}}
    sched.launch linear ins(%x : !sched.buffer<8>) weights(%w : tensor<8x8xf32>) outs(%y : !sched.buffer<8>) with {parts = 2 : i64}
    sched.yield %x : !sched.buffer<8>
  }
  sched.head (%h : !sched.view<8>) {
    %l = sched.buffer : !sched.buffer<16>
    sched.launch linear ins(%h : !sched.view<8>) weights(%e : tensor<16x8xf32>) outs(%l : !sched.buffer<16>)
    sched.yield %l : !sched.buffer<16>
  }
}

// -----

// C2
sched.program @p attributes {family = "f", vocab = 16 : i64, hidden = 8 : i64, layers = 1 : i64, context = 8 : i64, eos = array<i64: 2>, add_bos = false} {
  %e = sched.tensor "embed" "e" : tensor<16x8xf32> as tensor<16x8xf32>
  %w = sched.tensor "q" "w" : tensor<8x8xf32> as tensor<8x8xf32>
  %w9 = sched.tensor "q" "w9" : tensor<9x8xf32> as tensor<9x8xf32>
  %g = sched.tensor "norm" "g" : tensor<8xf32> as tensor<8xf32>
  %g9 = sched.tensor "norm" "g9" : tensor<9xf32> as tensor<9xf32>
  sched.body {
    %x = sched.buffer : !sched.buffer<8>
    sched.launch embed weights(%e : tensor<16x8xf32>) outs(%x : !sched.buffer<8>)
    %y = sched.buffer : !sched.buffer<8>
    // expected-error@+1 {{is gated and has 1 parts instead of 2 (C2)}}
    sched.launch linear ins(%x : !sched.buffer<8>) weights(%w : tensor<8x8xf32>) outs(%y : !sched.buffer<8>) with {gated}
    sched.yield %x : !sched.buffer<8>
  }
  sched.head (%h : !sched.view<8>) {
    %l = sched.buffer : !sched.buffer<16>
    sched.launch linear ins(%h : !sched.view<8>) weights(%e : tensor<16x8xf32>) outs(%l : !sched.buffer<16>)
    sched.yield %l : !sched.buffer<16>
  }
}

// -----

// C2
sched.program @p attributes {family = "f", vocab = 16 : i64, hidden = 8 : i64, layers = 1 : i64, context = 8 : i64, eos = array<i64: 2>, add_bos = false} {
  %e = sched.tensor "embed" "e" : tensor<16x8xf32> as tensor<16x8xf32>
  %w = sched.tensor "q" "w" : tensor<8x8xf32> as tensor<8x8xf32>
  %w9 = sched.tensor "q" "w9" : tensor<9x8xf32> as tensor<9x8xf32>
  %g = sched.tensor "norm" "g" : tensor<8xf32> as tensor<8xf32>
  %g9 = sched.tensor "norm" "g9" : tensor<9xf32> as tensor<9xf32>
  sched.body {
    %x = sched.buffer : !sched.buffer<8>
    sched.launch embed weights(%e : tensor<16x8xf32>) outs(%x : !sched.buffer<8>)
    %y = sched.buffer : !sched.buffer<8>
    // expected-error@+1 {{has a unit_offset but no weight (C2)}}
    sched.launch rms_norm ins(%x : !sched.buffer<8>) outs(%y : !sched.buffer<8>) with {epsilon = 1.0 : f32, unit_offset}
    sched.yield %x : !sched.buffer<8>
  }
  sched.head (%h : !sched.view<8>) {
    %l = sched.buffer : !sched.buffer<16>
    sched.launch linear ins(%h : !sched.view<8>) weights(%e : tensor<16x8xf32>) outs(%l : !sched.buffer<16>)
    sched.yield %l : !sched.buffer<16>
  }
}

// -----

// C2
sched.program @p attributes {family = "f", vocab = 16 : i64, hidden = 8 : i64, layers = 1 : i64, context = 8 : i64, eos = array<i64: 2>, add_bos = false} {
  %e = sched.tensor "embed" "e" : tensor<16x8xf32> as tensor<16x8xf32>
  %w = sched.tensor "q" "w" : tensor<8x8xf32> as tensor<8x8xf32>
  %w9 = sched.tensor "q" "w9" : tensor<9x8xf32> as tensor<9x8xf32>
  %g = sched.tensor "norm" "g" : tensor<8xf32> as tensor<8xf32>
  %g9 = sched.tensor "norm" "g9" : tensor<9xf32> as tensor<9xf32>
  sched.body {
    %x = sched.buffer : !sched.buffer<8>
    sched.launch embed weights(%e : tensor<16x8xf32>) outs(%x : !sched.buffer<8>)
    %y = sched.buffer : !sched.buffer<8>
    // expected-error@+1 {{cannot share 2 kv_heads among 3 heads (C2)}}
    sched.launch attention ins(%x, %x, %x : !sched.buffer<8>, !sched.buffer<8>, !sched.buffer<8>) outs(%y : !sched.buffer<8>) with {layer = 0 : i64, heads = 3 : i64, kv_heads = 2 : i64, head_dim = 4 : i64, scale = 1.0 : f32}
    sched.yield %x : !sched.buffer<8>
  }
  sched.head (%h : !sched.view<8>) {
    %l = sched.buffer : !sched.buffer<16>
    sched.launch linear ins(%h : !sched.view<8>) weights(%e : tensor<16x8xf32>) outs(%l : !sched.buffer<16>)
    sched.yield %l : !sched.buffer<16>
  }
}

// -----

// C2
sched.program @p attributes {family = "f", vocab = 16 : i64, hidden = 8 : i64, layers = 1 : i64, context = 8 : i64, eos = array<i64: 2>, add_bos = false} {
  %e = sched.tensor "embed" "e" : tensor<16x8xf32> as tensor<16x8xf32>
  %w = sched.tensor "q" "w" : tensor<8x8xf32> as tensor<8x8xf32>
  %w9 = sched.tensor "q" "w9" : tensor<9x8xf32> as tensor<9x8xf32>
  %g = sched.tensor "norm" "g" : tensor<8xf32> as tensor<8xf32>
  %g9 = sched.tensor "norm" "g9" : tensor<9xf32> as tensor<9xf32>
  sched.body {
    %x = sched.buffer : !sched.buffer<8>
    sched.launch embed weights(%e : tensor<16x8xf32>) outs(%x : !sched.buffer<8>)
    %y = sched.buffer : !sched.buffer<8>
    // expected-error@+1 {{rotates 8 elements of heads of 4 (C2)}}
    sched.launch attention ins(%x, %x, %x : !sched.buffer<8>, !sched.buffer<8>, !sched.buffer<8>) outs(%y : !sched.buffer<8>) with {layer = 0 : i64, heads = 2 : i64, kv_heads = 2 : i64, head_dim = 4 : i64, scale = 1.0 : f32, rope = #qz.rope<dim = 8, theta = 1.000000e+04, style = half>}
    sched.yield %x : !sched.buffer<8>
  }
  sched.head (%h : !sched.view<8>) {
    %l = sched.buffer : !sched.buffer<16>
    sched.launch linear ins(%h : !sched.view<8>) weights(%e : tensor<16x8xf32>) outs(%l : !sched.buffer<16>)
    sched.yield %l : !sched.buffer<16>
  }
}

// -----

// C3
sched.program @p attributes {family = "f", vocab = 16 : i64, hidden = 8 : i64, layers = 1 : i64, context = 8 : i64, eos = array<i64: 2>, add_bos = false} {
  %e = sched.tensor "embed" "e" : tensor<16x8xf32> as tensor<16x8xf32>
  %w = sched.tensor "q" "w" : tensor<8x8xf32> as tensor<8x8xf32>
  %w9 = sched.tensor "q" "w9" : tensor<9x8xf32> as tensor<9x8xf32>
  %g = sched.tensor "norm" "g" : tensor<8xf32> as tensor<8xf32>
  %g9 = sched.tensor "norm" "g9" : tensor<9xf32> as tensor<9xf32>
  sched.body {
    %x = sched.buffer : !sched.buffer<8>
    sched.launch embed weights(%e : tensor<16x8xf32>) outs(%x : !sched.buffer<8>)
    %y = sched.buffer : !sched.buffer<8>
    %z = sched.buffer : !sched.buffer<9>
    // expected-error@+1 {{an input has 8 columns where 9 are needed (C3)}}
    sched.launch scale ins(%x : !sched.buffer<8>) outs(%z : !sched.buffer<9>) with {factor = 1.0 : f32}
    sched.yield %x : !sched.buffer<8>
  }
  sched.head (%h : !sched.view<8>) {
    %l = sched.buffer : !sched.buffer<16>
    sched.launch linear ins(%h : !sched.view<8>) weights(%e : tensor<16x8xf32>) outs(%l : !sched.buffer<16>)
    sched.yield %l : !sched.buffer<16>
  }
}

// -----

// C3
sched.program @p attributes {family = "f", vocab = 16 : i64, hidden = 8 : i64, layers = 1 : i64, context = 8 : i64, eos = array<i64: 2>, add_bos = false} {
  %e = sched.tensor "embed" "e" : tensor<16x8xf32> as tensor<16x8xf32>
  %w = sched.tensor "q" "w" : tensor<8x8xf32> as tensor<8x8xf32>
  %w9 = sched.tensor "q" "w9" : tensor<9x8xf32> as tensor<9x8xf32>
  %g = sched.tensor "norm" "g" : tensor<8xf32> as tensor<8xf32>
  %g9 = sched.tensor "norm" "g9" : tensor<9xf32> as tensor<9xf32>
  sched.body {
    %x = sched.buffer : !sched.buffer<8>
    sched.launch embed weights(%e : tensor<16x8xf32>) outs(%x : !sched.buffer<8>)
    %y = sched.buffer : !sched.buffer<8>
    // expected-error@+1 {{needs an unquantized vector of 8 where a weight has 1x9 (C3)}}
    sched.launch rms_norm ins(%x : !sched.buffer<8>) weights(%g9 : tensor<9xf32>) outs(%y : !sched.buffer<8>) with {epsilon = 1.0 : f32}
    sched.yield %x : !sched.buffer<8>
  }
  sched.head (%h : !sched.view<8>) {
    %l = sched.buffer : !sched.buffer<16>
    sched.launch linear ins(%h : !sched.view<8>) weights(%e : tensor<16x8xf32>) outs(%l : !sched.buffer<16>)
    sched.yield %l : !sched.buffer<16>
  }
}

// -----

// C3
sched.program @p attributes {family = "f", vocab = 16 : i64, hidden = 8 : i64, layers = 1 : i64, context = 8 : i64, eos = array<i64: 2>, add_bos = false} {
  %e = sched.tensor "embed" "e" : tensor<16x8xf32> as tensor<16x8xf32>
  %w = sched.tensor "q" "w" : tensor<8x8xf32> as tensor<8x8xf32>
  %w9 = sched.tensor "q" "w9" : tensor<9x8xf32> as tensor<9x8xf32>
  %g = sched.tensor "norm" "g" : tensor<8xf32> as tensor<8xf32>
  %g9 = sched.tensor "norm" "g9" : tensor<9xf32> as tensor<9xf32>
  sched.body {
    %x = sched.buffer : !sched.buffer<8>
    sched.launch embed weights(%e : tensor<16x8xf32>) outs(%x : !sched.buffer<8>)
    %y = sched.buffer : !sched.buffer<8>
    // expected-error@+1 {{the output has 8 columns where 9 are needed (C3)}}
    sched.launch linear ins(%x : !sched.buffer<8>) weights(%w9 : tensor<9x8xf32>) outs(%y : !sched.buffer<8>)
    sched.yield %x : !sched.buffer<8>
  }
  sched.head (%h : !sched.view<8>) {
    %l = sched.buffer : !sched.buffer<16>
    sched.launch linear ins(%h : !sched.view<8>) weights(%e : tensor<16x8xf32>) outs(%l : !sched.buffer<16>)
    sched.yield %l : !sched.buffer<16>
  }
}

// -----

// C3
sched.program @p attributes {family = "f", vocab = 16 : i64, hidden = 8 : i64, layers = 1 : i64, context = 8 : i64, eos = array<i64: 2>, add_bos = false} {
  %e = sched.tensor "embed" "e" : tensor<16x8xf32> as tensor<16x8xf32>
  %w = sched.tensor "q" "w" : tensor<8x8xf32> as tensor<8x8xf32>
  %w9 = sched.tensor "q" "w9" : tensor<9x8xf32> as tensor<9x8xf32>
  %g = sched.tensor "norm" "g" : tensor<8xf32> as tensor<8xf32>
  %g9 = sched.tensor "norm" "g9" : tensor<9xf32> as tensor<9xf32>
  sched.body {
    %x = sched.buffer : !sched.buffer<8>
    sched.launch embed weights(%e : tensor<16x8xf32>) outs(%x : !sched.buffer<8>)
    %y = sched.buffer : !sched.buffer<8>
    // expected-error@+1 {{q has 8 columns where 16 are needed (C3)}}
    sched.launch attention ins(%x, %x, %x : !sched.buffer<8>, !sched.buffer<8>, !sched.buffer<8>) outs(%y : !sched.buffer<8>) with {layer = 0 : i64, heads = 4 : i64, kv_heads = 2 : i64, head_dim = 4 : i64, scale = 1.0 : f32}
    sched.yield %x : !sched.buffer<8>
  }
  sched.head (%h : !sched.view<8>) {
    %l = sched.buffer : !sched.buffer<16>
    sched.launch linear ins(%h : !sched.view<8>) weights(%e : tensor<16x8xf32>) outs(%l : !sched.buffer<16>)
    sched.yield %l : !sched.buffer<16>
  }
}

// -----

// C4
sched.program @p attributes {family = "f", vocab = 16 : i64, hidden = 8 : i64, layers = 1 : i64, context = 8 : i64, eos = array<i64: 2>, add_bos = false} {
  %e = sched.tensor "embed" "e" : tensor<16x8xf32> as tensor<16x8xf32>
  %w = sched.tensor "q" "w" : tensor<8x8xf32> as tensor<8x8xf32>
  %w9 = sched.tensor "q" "w9" : tensor<9x8xf32> as tensor<9x8xf32>
  %g = sched.tensor "norm" "g" : tensor<8xf32> as tensor<8xf32>
  %g9 = sched.tensor "norm" "g9" : tensor<9xf32> as tensor<9xf32>
  sched.body {
    %x = sched.buffer : !sched.buffer<8>
    sched.launch embed weights(%e : tensor<16x8xf32>) outs(%x : !sched.buffer<8>)
    %y = sched.buffer : !sched.buffer<8>
    // expected-error@+1 {{reads columns that it writes (C4)}}
    sched.launch add ins(%x, %y : !sched.buffer<8>, !sched.buffer<8>) outs(%y : !sched.buffer<8>)
    sched.yield %x : !sched.buffer<8>
  }
  sched.head (%h : !sched.view<8>) {
    %l = sched.buffer : !sched.buffer<16>
    sched.launch linear ins(%h : !sched.view<8>) weights(%e : tensor<16x8xf32>) outs(%l : !sched.buffer<16>)
    sched.yield %l : !sched.buffer<16>
  }
}

// -----

// An opcode that does not exist
sched.program @p attributes {family = "f", vocab = 16 : i64, hidden = 8 : i64, layers = 1 : i64, context = 8 : i64, eos = array<i64: 2>, add_bos = false} {
  %e = sched.tensor "embed" "e" : tensor<16x8xf32> as tensor<16x8xf32>
  sched.body {
    %x = sched.buffer : !sched.buffer<8>
    sched.launch embed weights(%e : tensor<16x8xf32>) outs(%x : !sched.buffer<8>)
    // expected-error@+1 {{unknown opcode 'conv'}}
    sched.launch conv outs(%x : !sched.buffer<8>)
    sched.yield %x : !sched.buffer<8>
  }
  sched.head (%h : !sched.view<8>) {
    %l = sched.buffer : !sched.buffer<16>
    sched.launch linear ins(%h : !sched.view<8>) weights(%e : tensor<16x8xf32>) outs(%l : !sched.buffer<16>)
    sched.yield %l : !sched.buffer<16>
  }
}

// -----

// C2
sched.program @p attributes {family = "f", vocab = 16 : i64, hidden = 8 : i64, layers = 1 : i64, context = 8 : i64, eos = array<i64: 2>, add_bos = false} {
  %e = sched.tensor "embed" "e" : tensor<16x8xf32> as tensor<16x8xf32>
  %w9 = sched.tensor "q" "w9" : tensor<9x8xf32> as tensor<9x8xf32>
  sched.body {
    %x = sched.buffer : !sched.buffer<8>
    sched.launch embed weights(%e : tensor<16x8xf32>) outs(%x : !sched.buffer<8>)
    %y = sched.buffer : !sched.buffer<8>
    // expected-error@+1 {{expects (C2) 'rows' to be a list of array<i64: first, rows, run, stride>}}
    sched.launch linear ins(%x : !sched.buffer<8>) weights(%w9 : tensor<9x8xf32>) outs(%y : !sched.buffer<8>) with {rows = [array<i64: 0, 8>]}
    sched.yield %x : !sched.buffer<8>
  }
  sched.head (%h : !sched.view<8>) {
    %l = sched.buffer : !sched.buffer<16>
    sched.launch linear ins(%h : !sched.view<8>) weights(%e : tensor<16x8xf32>) outs(%l : !sched.buffer<16>)
    sched.yield %l : !sched.buffer<16>
  }
}

// -----

// C2
sched.program @p attributes {family = "f", vocab = 16 : i64, hidden = 8 : i64, layers = 1 : i64, context = 8 : i64, eos = array<i64: 2>, add_bos = false} {
  %e = sched.tensor "embed" "e" : tensor<16x8xf32> as tensor<16x8xf32>
  %w9 = sched.tensor "q" "w9" : tensor<9x8xf32> as tensor<9x8xf32>
  sched.body {
    %x = sched.buffer : !sched.buffer<8>
    sched.launch embed weights(%e : tensor<16x8xf32>) outs(%x : !sched.buffer<8>)
    %y = sched.buffer : !sched.buffer<8>
    // expected-error@+1 {{expects (C2) 'rows' to be a list of array<i64: first, rows, run, stride>}}
    sched.launch linear ins(%x : !sched.buffer<8>) weights(%w9 : tensor<9x8xf32>) outs(%y : !sched.buffer<8>) with {rows = []}
    sched.yield %x : !sched.buffer<8>
  }
  sched.head (%h : !sched.view<8>) {
    %l = sched.buffer : !sched.buffer<16>
    sched.launch linear ins(%h : !sched.view<8>) weights(%e : tensor<16x8xf32>) outs(%l : !sched.buffer<16>)
    sched.yield %l : !sched.buffer<16>
  }
}

// -----

// C2
sched.program @p attributes {family = "f", vocab = 16 : i64, hidden = 8 : i64, layers = 1 : i64, context = 8 : i64, eos = array<i64: 2>, add_bos = false} {
  %e = sched.tensor "embed" "e" : tensor<16x8xf32> as tensor<16x8xf32>
  %w9 = sched.tensor "q" "w9" : tensor<9x8xf32> as tensor<9x8xf32>
  sched.body {
    %x = sched.buffer : !sched.buffer<8>
    sched.launch embed weights(%e : tensor<16x8xf32>) outs(%x : !sched.buffer<8>)
    %y = sched.buffer : !sched.buffer<8>
    // expected-error@+1 {{expects (C2) 'rows' to be a list of array<i64: first, rows, run, stride>}}
    sched.launch linear ins(%x : !sched.buffer<8>) weights(%w9 : tensor<9x8xf32>) outs(%y : !sched.buffer<8>) with {rows = 3 : i64}
    sched.yield %x : !sched.buffer<8>
  }
  sched.head (%h : !sched.view<8>) {
    %l = sched.buffer : !sched.buffer<16>
    sched.launch linear ins(%h : !sched.view<8>) weights(%e : tensor<16x8xf32>) outs(%l : !sched.buffer<16>)
    sched.yield %l : !sched.buffer<16>
  }
}

// -----

// C2
sched.program @p attributes {family = "f", vocab = 16 : i64, hidden = 8 : i64, layers = 1 : i64, context = 8 : i64, eos = array<i64: 2>, add_bos = false} {
  %e = sched.tensor "embed" "e" : tensor<16x8xf32> as tensor<16x8xf32>
  %w9 = sched.tensor "q" "w9" : tensor<9x8xf32> as tensor<9x8xf32>
  sched.body {
    %x = sched.buffer : !sched.buffer<8>
    sched.launch embed weights(%e : tensor<16x8xf32>) outs(%x : !sched.buffer<8>)
    %y = sched.buffer : !sched.buffer<8>
    // expected-error@+1 {{has rows for 2 parts instead of 1 (C2)}}
    sched.launch linear ins(%x : !sched.buffer<8>) weights(%w9 : tensor<9x8xf32>) outs(%y : !sched.buffer<8>) with {rows = [array<i64: 0, 8, 8, 8>, array<i64: 0, 8, 8, 8>]}
    sched.yield %x : !sched.buffer<8>
  }
  sched.head (%h : !sched.view<8>) {
    %l = sched.buffer : !sched.buffer<16>
    sched.launch linear ins(%h : !sched.view<8>) weights(%e : tensor<16x8xf32>) outs(%l : !sched.buffer<16>)
    sched.yield %l : !sched.buffer<16>
  }
}

// -----

// C3
sched.program @p attributes {family = "f", vocab = 16 : i64, hidden = 8 : i64, layers = 1 : i64, context = 8 : i64, eos = array<i64: 2>, add_bos = false} {
  %e = sched.tensor "embed" "e" : tensor<16x8xf32> as tensor<16x8xf32>
  %w9 = sched.tensor "q" "w9" : tensor<9x8xf32> as tensor<9x8xf32>
  sched.body {
    %x = sched.buffer : !sched.buffer<8>
    sched.launch embed weights(%e : tensor<16x8xf32>) outs(%x : !sched.buffer<8>)
    %y = sched.buffer : !sched.buffer<8>
    // expected-error@+1 {{has rows of part 0 that do not fit: it ends after the weight (C3)}}
    sched.launch linear ins(%x : !sched.buffer<8>) weights(%w9 : tensor<9x8xf32>) outs(%y : !sched.buffer<8>) with {rows = [array<i64: 2, 8, 8, 8>]}
    sched.yield %x : !sched.buffer<8>
  }
  sched.head (%h : !sched.view<8>) {
    %l = sched.buffer : !sched.buffer<16>
    sched.launch linear ins(%h : !sched.view<8>) weights(%e : tensor<16x8xf32>) outs(%l : !sched.buffer<16>)
    sched.yield %l : !sched.buffer<16>
  }
}

// -----

// C3
sched.program @p attributes {family = "f", vocab = 16 : i64, hidden = 8 : i64, layers = 1 : i64, context = 8 : i64, eos = array<i64: 2>, add_bos = false} {
  %e = sched.tensor "embed" "e" : tensor<16x8xf32> as tensor<16x8xf32>
  %w9 = sched.tensor "q" "w9" : tensor<9x8xf32> as tensor<9x8xf32>
  sched.body {
    %x = sched.buffer : !sched.buffer<8>
    sched.launch embed weights(%e : tensor<16x8xf32>) outs(%x : !sched.buffer<8>)
    %y = sched.buffer : !sched.buffer<8>
    // expected-error@+1 {{the output has 8 columns where 6 are needed (C3)}}
    sched.launch linear ins(%x : !sched.buffer<8>) weights(%w9 : tensor<9x8xf32>) outs(%y : !sched.buffer<8>) with {rows = [array<i64: 0, 6, 2, 3>]}
    sched.yield %x : !sched.buffer<8>
  }
  sched.head (%h : !sched.view<8>) {
    %l = sched.buffer : !sched.buffer<16>
    sched.launch linear ins(%h : !sched.view<8>) weights(%e : tensor<16x8xf32>) outs(%l : !sched.buffer<16>)
    sched.yield %l : !sched.buffer<16>
  }
}
