// RUN: %qzc-opt %s --split-input-file --sched-verify-memory --verify-diagnostics

// A plan that holds
sched.program @p attributes {family = "f", vocab = 16 : i64, hidden = 8 : i64, layers = 1 : i64, context = 8 : i64, eos = array<i64: 2>, add_bos = false} {
  %e = sched.tensor "embed" "e" : tensor<16x8xf32> as tensor<16x8xf32>
  sched.body bytes 192 {
    %x = sched.buffer at 0 : !sched.buffer<8>
    sched.launch embed weights(%e : tensor<16x8xf32>) outs(%x : !sched.buffer<8>)
    %y = sched.buffer at 64 : !sched.buffer<8>
    sched.launch scale ins(%x : !sched.buffer<8>) outs(%y : !sched.buffer<8>) with {factor = 2.0 : f32}
    %z = sched.buffer at 128 : !sched.buffer<8>
    sched.launch add ins(%x, %y : !sched.buffer<8>, !sched.buffer<8>) outs(%z : !sched.buffer<8>)
    %u = sched.buffer at 64 : !sched.buffer<8>
    sched.launch scale ins(%z : !sched.buffer<8>) outs(%u : !sched.buffer<8>) with {factor = 2.0 : f32}
    sched.launch scale ins(%u : !sched.buffer<8>) outs(%x : !sched.buffer<8>) with {factor = 2.0 : f32}
    sched.yield %x : !sched.buffer<8>
  }
  sched.head (%h : !sched.view<8>) bytes 64 {
    %l = sched.buffer at 0 : !sched.buffer<16>
    sched.launch linear ins(%h : !sched.view<8>) weights(%e : tensor<16x8xf32>) outs(%l : !sched.buffer<16>)
    sched.yield %l : !sched.buffer<16>
  }
}

// -----

// Overwritten while live
sched.program @p attributes {family = "f", vocab = 16 : i64, hidden = 8 : i64, layers = 1 : i64, context = 8 : i64, eos = array<i64: 2>, add_bos = false} {
  %e = sched.tensor "embed" "e" : tensor<16x8xf32> as tensor<16x8xf32>
  sched.body bytes 192 {
    %x = sched.buffer at 0 : !sched.buffer<8>
    sched.launch embed weights(%e : tensor<16x8xf32>) outs(%x : !sched.buffer<8>)
    %y = sched.buffer at 64 : !sched.buffer<8>
    sched.launch scale ins(%x : !sched.buffer<8>) outs(%y : !sched.buffer<8>) with {factor = 2.0 : f32}
    // expected-note@+1 {{the buffer}}
    %z = sched.buffer at 128 : !sched.buffer<8>
    sched.launch scale ins(%x : !sched.buffer<8>) outs(%z : !sched.buffer<8>) with {factor = 2.0 : f32}
    %u = sched.buffer at 128 : !sched.buffer<8>
    sched.launch scale ins(%y : !sched.buffer<8>) outs(%u : !sched.buffer<8>) with {factor = 2.0 : f32}
    // expected-error@+1 {{reads column 0 of a buffer where it holds no value}}
    sched.launch scale ins(%z : !sched.buffer<8>) outs(%y : !sched.buffer<8>) with {factor = 2.0 : f32}
    sched.yield %x : !sched.buffer<8>
  }
  sched.head (%h : !sched.view<8>) bytes 64 {
    %l = sched.buffer at 0 : !sched.buffer<16>
    sched.launch linear ins(%h : !sched.view<8>) weights(%e : tensor<16x8xf32>) outs(%l : !sched.buffer<16>)
    sched.yield %l : !sched.buffer<16>
  }
}

// -----

// The result is overwritten
sched.program @p attributes {family = "f", vocab = 16 : i64, hidden = 8 : i64, layers = 1 : i64, context = 8 : i64, eos = array<i64: 2>, add_bos = false} {
  %e = sched.tensor "embed" "e" : tensor<16x8xf32> as tensor<16x8xf32>
  %e17 = sched.tensor "embed" "e17" : tensor<16x17xf32> as tensor<16x17xf32>
  sched.body bytes 192 {
    // expected-note@+1 {{the buffer}}
    %x = sched.buffer at 0 : !sched.buffer<8>
    sched.launch embed weights(%e : tensor<16x8xf32>) outs(%x : !sched.buffer<8>)
    %y = sched.buffer at 64 : !sched.buffer<8>
    sched.launch scale ins(%x : !sched.buffer<8>) outs(%y : !sched.buffer<8>) with {factor = 2.0 : f32}
    %z = sched.buffer at 0 : !sched.buffer<17>
    sched.launch embed weights(%e17 : tensor<16x17xf32>) outs(%z : !sched.buffer<17>)
    // expected-error@+1 {{reads column 0 of a buffer where it holds no value}}
    sched.yield %x : !sched.buffer<8>
  }
  sched.head (%h : !sched.view<8>) bytes 64 {
    %l = sched.buffer at 0 : !sched.buffer<16>
    sched.launch linear ins(%h : !sched.view<8>) weights(%e : tensor<16x8xf32>) outs(%l : !sched.buffer<16>)
    sched.yield %l : !sched.buffer<16>
  }
}

// -----

// Never written
sched.program @p attributes {family = "f", vocab = 16 : i64, hidden = 8 : i64, layers = 1 : i64, context = 8 : i64, eos = array<i64: 2>, add_bos = false} {
  %e = sched.tensor "embed" "e" : tensor<16x8xf32> as tensor<16x8xf32>
  sched.body bytes 192 {
    %x = sched.buffer at 0 : !sched.buffer<8>
    sched.launch embed weights(%e : tensor<16x8xf32>) outs(%x : !sched.buffer<8>)
    // expected-note@+1 {{the buffer}}
    %y = sched.buffer at 64 : !sched.buffer<8>
    // expected-error@+1 {{reads column 0 of a buffer where it holds no value}}
    sched.launch scale ins(%y : !sched.buffer<8>) outs(%x : !sched.buffer<8>) with {factor = 2.0 : f32}
    sched.yield %x : !sched.buffer<8>
  }
  sched.head (%h : !sched.view<8>) bytes 64 {
    %l = sched.buffer at 0 : !sched.buffer<16>
    sched.launch linear ins(%h : !sched.view<8>) weights(%e : tensor<16x8xf32>) outs(%l : !sched.buffer<16>)
    sched.yield %l : !sched.buffer<16>
  }
}

// -----

// Written in part
sched.program @p attributes {family = "f", vocab = 16 : i64, hidden = 8 : i64, layers = 1 : i64, context = 8 : i64, eos = array<i64: 2>, add_bos = false} {
  %e = sched.tensor "embed" "e" : tensor<16x8xf32> as tensor<16x8xf32>
  sched.body bytes 192 {
    %x = sched.buffer at 0 : !sched.buffer<8>
    sched.launch embed weights(%e : tensor<16x8xf32>) outs(%x : !sched.buffer<8>)
    // expected-note@+1 {{the buffer}}
    %y = sched.buffer at 64 : !sched.buffer<16>
    %lo = sched.view %y[0, 8] : !sched.buffer<16>
    sched.launch scale ins(%x : !sched.buffer<8>) outs(%lo : !sched.view<8>) with {factor = 2.0 : f32}
    %z = sched.buffer at 128 : !sched.buffer<16>
    // expected-error@+1 {{reads column 8 of a buffer where it holds no value}}
    sched.launch scale ins(%y : !sched.buffer<16>) outs(%z : !sched.buffer<16>) with {factor = 2.0 : f32}
    sched.yield %x : !sched.buffer<8>
  }
  sched.head (%h : !sched.view<8>) bytes 64 {
    %l = sched.buffer at 0 : !sched.buffer<16>
    sched.launch linear ins(%h : !sched.view<8>) weights(%e : tensor<16x8xf32>) outs(%l : !sched.buffer<16>)
    sched.yield %l : !sched.buffer<16>
  }
}

// -----

// A launch writes over what it reads
sched.program @p attributes {family = "f", vocab = 16 : i64, hidden = 8 : i64, layers = 1 : i64, context = 8 : i64, eos = array<i64: 2>, add_bos = false} {
  %e = sched.tensor "embed" "e" : tensor<16x8xf32> as tensor<16x8xf32>
  sched.body bytes 192 {
    // expected-note@+1 {{the other}}
    %x = sched.buffer at 0 : !sched.buffer<8>
    sched.launch embed weights(%e : tensor<16x8xf32>) outs(%x : !sched.buffer<8>)
    %y = sched.buffer at 0 : !sched.buffer<8>
    // expected-error@+1 {{writes a buffer that shares bytes with another of its buffers}}
    sched.launch scale ins(%x : !sched.buffer<8>) outs(%y : !sched.buffer<8>) with {factor = 2.0 : f32}
    sched.yield %x : !sched.buffer<8>
  }
  sched.head (%h : !sched.view<8>) bytes 64 {
    %l = sched.buffer at 0 : !sched.buffer<16>
    sched.launch linear ins(%h : !sched.view<8>) weights(%e : tensor<16x8xf32>) outs(%l : !sched.buffer<16>)
    sched.yield %l : !sched.buffer<16>
  }
}

// -----

// Not planned
sched.program @p attributes {family = "f", vocab = 16 : i64, hidden = 8 : i64, layers = 1 : i64, context = 8 : i64, eos = array<i64: 2>, add_bos = false} {
  %e = sched.tensor "embed" "e" : tensor<16x8xf32> as tensor<16x8xf32>
  // expected-error@+1 {{has no planned memory: run sched-plan-memory}}
  sched.body {
    %x = sched.buffer : !sched.buffer<8>
    sched.launch embed weights(%e : tensor<16x8xf32>) outs(%x : !sched.buffer<8>)
    sched.yield %x : !sched.buffer<8>
  }
  sched.head (%h : !sched.view<8>) {
    %l = sched.buffer : !sched.buffer<16>
    sched.launch linear ins(%h : !sched.view<8>) weights(%e : tensor<16x8xf32>) outs(%l : !sched.buffer<16>)
    sched.yield %l : !sched.buffer<16>
  }
}
