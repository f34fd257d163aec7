// RUN: %qzc-opt %s --split-input-file --verify-diagnostics

// Program C1
// expected-error@+1 {{must hold one sched.body and then one sched.head (C1)}}
sched.program @p attributes {family = "f", vocab = 16 : i64, hidden = 8 : i64, layers = 1 : i64, context = 8 : i64, eos = array<i64: 2>, add_bos = false} {
}

// -----

// Program C2
sched.program @p attributes {family = "f", vocab = 16 : i64, hidden = 8 : i64, layers = 1 : i64, context = 8 : i64, eos = array<i64: 2>, add_bos = false} {
  %e = sched.tensor "embed" "e" : tensor<16x8xf32> as tensor<16x8xf32>
  sched.body {
    %x = sched.buffer : !sched.buffer<8>
    sched.launch embed weights(%e : tensor<16x8xf32>) outs(%x : !sched.buffer<8>)
    sched.yield %x : !sched.buffer<8>
  }
  // expected-error@+1 {{takes 9 columns, but the body yields 8 (C2)}}
  sched.head (%h : !sched.view<9>) {
    %l = sched.buffer : !sched.buffer<16>
    sched.yield %l : !sched.buffer<16>
  }
}

// -----

// Program C2
sched.program @p attributes {family = "f", vocab = 16 : i64, hidden = 8 : i64, layers = 1 : i64, context = 8 : i64, eos = array<i64: 2>, add_bos = false} {
  %e = sched.tensor "embed" "e" : tensor<16x8xf32> as tensor<16x8xf32>
  sched.body {
    %x = sched.buffer : !sched.buffer<8>
    sched.launch embed weights(%e : tensor<16x8xf32>) outs(%x : !sched.buffer<8>)
    sched.yield %x : !sched.buffer<8>
  }
  // expected-error@+1 {{yields 15 columns, but the vocabulary has 16 tokens (C2)}}
  sched.head (%h : !sched.view<8>) {
    %l = sched.buffer : !sched.buffer<15>
    sched.yield %l : !sched.buffer<15>
  }
}

// -----

// Program C3
// expected-error@+1 {{names a tokenizer file @t that it does not hold (C3)}}
sched.program @p attributes {family = "f", vocab = 16 : i64, hidden = 8 : i64, layers = 1 : i64, context = 8 : i64, eos = array<i64: 2>, add_bos = false, tokenizer = @t} {
  %e = sched.tensor "embed" "e" : tensor<16x8xf32> as tensor<16x8xf32>
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

// -----

// Program C4
// expected-error@+1 {{has an eos token 16 outside its vocabulary of 16 (C4)}}
sched.program @p attributes {family = "f", vocab = 16 : i64, hidden = 8 : i64, layers = 1 : i64, context = 8 : i64, eos = array<i64: 16>, add_bos = false} {
  %e = sched.tensor "embed" "e" : tensor<16x8xf32> as tensor<16x8xf32>
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

// -----

// Program C4
// expected-error@+1 {{has a bos token 17 outside its vocabulary of 16 (C4)}}
sched.program @p attributes {family = "f", vocab = 16 : i64, hidden = 8 : i64, layers = 1 : i64, context = 8 : i64, eos = array<i64: 2>, add_bos = false, bos = 17 : i64} {
  %e = sched.tensor "embed" "e" : tensor<16x8xf32> as tensor<16x8xf32>
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

// -----

// Program C5
sched.program @p attributes {family = "f", vocab = 16 : i64, hidden = 8 : i64, layers = 1 : i64, context = 8 : i64, eos = array<i64: 2>, add_bos = false} {
  %e = sched.tensor "embed" "e" : tensor<16x8xf32> as tensor<16x8xf32>
  // expected-note@+1 {{first here}}
  %a = sched.tensor "q" "a" : tensor<8xf32> as tensor<8xf32>
  // expected-error@+1 {{is in the table twice (C5)}}
  %b = sched.tensor "k" "a" : tensor<8xf32> as tensor<8xf32>
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

// -----

// File C1
sched.program @p attributes {family = "f", vocab = 16 : i64, hidden = 8 : i64, layers = 1 : i64, context = 8 : i64, eos = array<i64: 2>, add_bos = false} {
  %e = sched.tensor "embed" "e" : tensor<16x8xf32> as tensor<16x8xf32>
  // expected-error@+1 {{needs a sha256 of 64 lower-case hexadecimal digits (C1)}}
  sched.file @f "x" size 4 sha256 "AB"
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

// -----

// Tensor C1
sched.program @p attributes {family = "f", vocab = 16 : i64, hidden = 8 : i64, layers = 1 : i64, context = 8 : i64, eos = array<i64: 2>, add_bos = false} {
  %e = sched.tensor "embed" "e" : tensor<16x8xf32> as tensor<16x8xf32>
  // expected-error@+1 {{has a type that is no stored weight: 'tensor<?x8xf32>' (C1)}}
  %t = sched.tensor "q" "a" : tensor<8x8xf32> as tensor<?x8xf32>
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

// -----

// Tensor C1
sched.program @p attributes {family = "f", vocab = 16 : i64, hidden = 8 : i64, layers = 1 : i64, context = 8 : i64, eos = array<i64: 2>, add_bos = false} {
  %e = sched.tensor "embed" "e" : tensor<16x8xf32> as tensor<16x8xf32>
  // expected-error@+1 {{has a source that is no weight: 'tensor<8x8xi32>' (C1)}}
  %t = sched.tensor "q" "a" : tensor<8x8xi32> as tensor<8x8xf32>
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

// -----

// Tensor C2
sched.program @p attributes {family = "f", vocab = 16 : i64, hidden = 8 : i64, layers = 1 : i64, context = 8 : i64, eos = array<i64: 2>, add_bos = false} {
  %e = sched.tensor "embed" "e" : tensor<16x8xf32> as tensor<16x8xf32>
  // expected-error@+1 {{has row ranges that are not in rising order inside 8 rows (C2)}}
  %t = sched.tensor "q" "a" rows [4, 8, 0, 4] : tensor<8x8xf32> as tensor<8x8xf32>
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

// -----

// Tensor C2
sched.program @p attributes {family = "f", vocab = 16 : i64, hidden = 8 : i64, layers = 1 : i64, context = 8 : i64, eos = array<i64: 2>, add_bos = false} {
  %e = sched.tensor "embed" "e" : tensor<16x8xf32> as tensor<16x8xf32>
  // expected-error@+1 {{has row ranges that are not in rising order inside 8 rows (C2)}}
  %t = sched.tensor "q" "a" rows [4, 9] : tensor<8x8xf32> as tensor<5x8xf32>
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

// -----

// Tensor C3
sched.program @p attributes {family = "f", vocab = 16 : i64, hidden = 8 : i64, layers = 1 : i64, context = 8 : i64, eos = array<i64: 2>, add_bos = false} {
  %e = sched.tensor "embed" "e" : tensor<16x8xf32> as tensor<16x8xf32>
  // expected-error@+1 {{stores 4x8 but its source gives 8x4 (C3)}}
  %t = sched.tensor "q" "a" transposed : tensor<4x8xf32> as tensor<4x8xf32>
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

// -----

// Tensor C3
sched.program @p attributes {family = "f", vocab = 16 : i64, hidden = 8 : i64, layers = 1 : i64, context = 8 : i64, eos = array<i64: 2>, add_bos = false} {
  %e = sched.tensor "embed" "e" : tensor<16x8xf32> as tensor<16x8xf32>
  // expected-error@+1 {{transposes a vector (C3)}}
  %t = sched.tensor "q" "a" transposed : tensor<8xf32> as tensor<8xf32>
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

// -----

// Tensor C3
sched.program @p attributes {family = "f", vocab = 16 : i64, hidden = 8 : i64, layers = 1 : i64, context = 8 : i64, eos = array<i64: 2>, add_bos = false} {
  %e = sched.tensor "embed" "e" : tensor<16x8xf32> as tensor<16x8xf32>
  // expected-error@+1 {{stores 1x8 but its source gives 1x4 (C3)}}
  %t = sched.tensor "q" "a" rows [0, 4] : tensor<8xf32> as tensor<8xf32>
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

// -----

// Tensor C4
sched.program @p attributes {family = "f", vocab = 16 : i64, hidden = 8 : i64, layers = 1 : i64, context = 8 : i64, eos = array<i64: 2>, add_bos = false} {
  %e = sched.tensor "embed" "e" : tensor<16x8xf32> as tensor<16x8xf32>
  sched.file @f "x" size 100 sha256 "0000000000000000000000000000000000000000000000000000000000000000"
  // expected-error@+1 {{needs 32 bytes at 72 of @f, which has 100 (C4)}}
  %t = sched.tensor "q" "a" : tensor<8xf32> in @f at 72 as tensor<8xf32>
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

// -----

// Tensor C4
sched.program @p attributes {family = "f", vocab = 16 : i64, hidden = 8 : i64, layers = 1 : i64, context = 8 : i64, eos = array<i64: 2>, add_bos = false} {
  %e = sched.tensor "embed" "e" : tensor<16x8xf32> as tensor<16x8xf32>
  sched.file @f "x" size 100 sha256 "0000000000000000000000000000000000000000000000000000000000000000"
  // expected-error@+1 {{needs an offset, of 0 or more, with its file (C4)}}
  %t = sched.tensor "q" "a" : tensor<8xf32> in @f at -1 as tensor<8xf32>
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

// -----

// Tensor C5
sched.program @p attributes {family = "f", vocab = 16 : i64, hidden = 8 : i64, layers = 1 : i64, context = 8 : i64, eos = array<i64: 2>, add_bos = false} {
  %e = sched.tensor "embed" "e" : tensor<16x8xf32> as tensor<16x8xf32>
  // expected-error@+1 {{has a negative block (C5)}}
  %t = sched.tensor "q" block -1 "a" : tensor<8xf32> as tensor<8xf32>
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

// -----

// Tensor C6
sched.program @p attributes {family = "f", vocab = 16 : i64, hidden = 8 : i64, layers = 1 : i64, context = 8 : i64, eos = array<i64: 2>, add_bos = false} {
  %e = sched.tensor "embed" "e" : tensor<16x8xf32> as tensor<16x8xf32>
  // expected-error@+1 {{names the file @g, unknown (C6)}}
  %t = sched.tensor "q" "a" : tensor<8xf32> in @g at 0 as tensor<8xf32>
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

// -----

// Body C1
sched.program @p attributes {family = "f", vocab = 16 : i64, hidden = 8 : i64, layers = 1 : i64, context = 8 : i64, eos = array<i64: 2>, add_bos = false} {
  %e = sched.tensor "embed" "e" : tensor<16x8xf32> as tensor<16x8xf32>
  sched.body {
    %x = sched.buffer : !sched.buffer<8>
    sched.launch embed weights(%e : tensor<16x8xf32>) outs(%x : !sched.buffer<8>)
    // expected-error@+1 {{must have an offset exactly where its sched.body has bytes (C1)}}
    %y = sched.buffer at 64 : !sched.buffer<8>
    sched.yield %x : !sched.buffer<8>
  }
  sched.head (%h : !sched.view<8>) {
    %l = sched.buffer : !sched.buffer<16>
    sched.launch linear ins(%h : !sched.view<8>) weights(%e : tensor<16x8xf32>) outs(%l : !sched.buffer<16>)
    sched.yield %l : !sched.buffer<16>
  }
}

// -----

// Body C2
sched.program @p attributes {family = "f", vocab = 16 : i64, hidden = 8 : i64, layers = 1 : i64, context = 8 : i64, eos = array<i64: 2>, add_bos = false} {
  %e = sched.tensor "embed" "e" : tensor<16x8xf32> as tensor<16x8xf32>
  // expected-error@+1 {{has 96 bytes, no multiple of 64 (C2)}}
  sched.body bytes 96 {
    %x = sched.buffer at 0 : !sched.buffer<8>
    sched.launch embed weights(%e : tensor<16x8xf32>) outs(%x : !sched.buffer<8>)
    sched.yield %x : !sched.buffer<8>
  }
  sched.head (%h : !sched.view<8>) {
    %l = sched.buffer : !sched.buffer<16>
    sched.launch linear ins(%h : !sched.view<8>) weights(%e : tensor<16x8xf32>) outs(%l : !sched.buffer<16>)
    sched.yield %l : !sched.buffer<16>
  }
}

// -----

// Body C3
sched.program @p attributes {family = "f", vocab = 16 : i64, hidden = 8 : i64, layers = 1 : i64, context = 8 : i64, eos = array<i64: 2>, add_bos = false} {
  %e = sched.tensor "embed" "e" : tensor<16x8xf32> as tensor<16x8xf32>
  sched.body bytes 128 {
    %x = sched.buffer at 0 : !sched.buffer<8>
    sched.launch embed weights(%e : tensor<16x8xf32>) outs(%x : !sched.buffer<8>)
    // expected-error@+1 {{of 128 bytes at 64 lies outside the 128 bytes of its sched.body (C3)}}
    %y = sched.buffer at 64 : !sched.buffer<17>
    sched.yield %x : !sched.buffer<8>
  }
  sched.head (%h : !sched.view<8>) {
    %l = sched.buffer : !sched.buffer<16>
    sched.launch linear ins(%h : !sched.view<8>) weights(%e : tensor<16x8xf32>) outs(%l : !sched.buffer<16>)
    sched.yield %l : !sched.buffer<16>
  }
}

// -----

// Head C4
sched.program @p attributes {family = "f", vocab = 16 : i64, hidden = 8 : i64, layers = 1 : i64, context = 8 : i64, eos = array<i64: 2>, add_bos = false} {
  %e = sched.tensor "embed" "e" : tensor<16x8xf32> as tensor<16x8xf32>
  sched.body {
    %x = sched.buffer : !sched.buffer<8>
    sched.launch embed weights(%e : tensor<16x8xf32>) outs(%x : !sched.buffer<8>)
    sched.yield %x : !sched.buffer<8>
  }
  // expected-error@+1 {{must have one argument, a view (C4)}}
  sched.head (%h : !sched.buffer<8>) {
    sched.yield %h : !sched.buffer<8>
  }
}

// -----

// Head C5
sched.program @p attributes {family = "f", vocab = 16 : i64, hidden = 8 : i64, layers = 1 : i64, context = 8 : i64, eos = array<i64: 2>, add_bos = false} {
  %e = sched.tensor "embed" "e" : tensor<16x8xf32> as tensor<16x8xf32>
  sched.body {
    %x = sched.buffer : !sched.buffer<8>
    sched.launch embed weights(%e : tensor<16x8xf32>) outs(%x : !sched.buffer<8>)
    sched.yield %x : !sched.buffer<8>
  }
  sched.head (%h : !sched.view<8>) {
    %l = sched.buffer : !sched.buffer<8>
    // expected-error@+1 {{writes to the hidden states (C5)}}
    sched.launch scale ins(%l : !sched.buffer<8>) outs(%h : !sched.view<8>) with {factor = 2.0 : f32}
    sched.yield %l : !sched.buffer<8>
  }
}

// -----

// Buffer C1
sched.program @p attributes {family = "f", vocab = 16 : i64, hidden = 8 : i64, layers = 1 : i64, context = 8 : i64, eos = array<i64: 2>, add_bos = false} {
  %e = sched.tensor "embed" "e" : tensor<16x8xf32> as tensor<16x8xf32>
  sched.body bytes 128 {
    %x = sched.buffer at 0 : !sched.buffer<8>
    sched.launch embed weights(%e : tensor<16x8xf32>) outs(%x : !sched.buffer<8>)
    // expected-error@+1 {{has an offset of 32, no multiple of 64 (C1)}}
    %y = sched.buffer at 32 : !sched.buffer<8>
    sched.yield %x : !sched.buffer<8>
  }
  sched.head (%h : !sched.view<8>) {
    %l = sched.buffer : !sched.buffer<16>
    sched.launch linear ins(%h : !sched.view<8>) weights(%e : tensor<16x8xf32>) outs(%l : !sched.buffer<16>)
    sched.yield %l : !sched.buffer<16>
  }
}

// -----

// View C1
sched.program @p attributes {family = "f", vocab = 16 : i64, hidden = 8 : i64, layers = 1 : i64, context = 8 : i64, eos = array<i64: 2>, add_bos = false} {
  %e = sched.tensor "embed" "e" : tensor<16x8xf32> as tensor<16x8xf32>
  sched.body {
    %x = sched.buffer : !sched.buffer<8>
    sched.launch embed weights(%e : tensor<16x8xf32>) outs(%x : !sched.buffer<8>)
    // expected-error@+1 {{of 4 columns from 5 lies outside the buffer's 8 (C1)}}
    %y = sched.view %x[5, 4] : !sched.buffer<8>
    sched.yield %x : !sched.buffer<8>
  }
  sched.head (%h : !sched.view<8>) {
    %l = sched.buffer : !sched.buffer<16>
    sched.launch linear ins(%h : !sched.view<8>) weights(%e : tensor<16x8xf32>) outs(%l : !sched.buffer<16>)
    sched.yield %l : !sched.buffer<16>
  }
}

// -----

// Types
sched.program @p attributes {family = "f", vocab = 16 : i64, hidden = 8 : i64, layers = 1 : i64, context = 8 : i64, eos = array<i64: 2>, add_bos = false} {
  %e = sched.tensor "embed" "e" : tensor<16x8xf32> as tensor<16x8xf32>
  sched.body {
    %x = sched.buffer : !sched.buffer<8>
    sched.launch embed weights(%e : tensor<16x8xf32>) outs(%x : !sched.buffer<8>)
    // expected-error@+1 {{columns must be in 1 to 2147483648, not 0}}
    %y = sched.buffer : !sched.buffer<0>
    sched.yield %x : !sched.buffer<8>
  }
  sched.head (%h : !sched.view<8>) {
    %l = sched.buffer : !sched.buffer<16>
    sched.launch linear ins(%h : !sched.view<8>) weights(%e : tensor<16x8xf32>) outs(%l : !sched.buffer<16>)
    sched.yield %l : !sched.buffer<16>
  }
}
