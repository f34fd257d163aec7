// RUN: %qzc-opt %s -split-input-file -verify-diagnostics | FileCheck %s
// RUN: %qzc-opt %s -split-input-file -verify-diagnostics | %qzc-opt -split-input-file | FileCheck %s

// CHECK-LABEL: qz.model @packed
qz.model @packed attributes {family = "f", layers = 1 : i64, hidden = 64 : i64, vocab = 8 : i64,
  context = 16 : i64, eos = array<i64: 2>, add_bos = false} {
  qz.file @m "m.safetensors" size 16384
    sha256 "9f00000000000000000000000000000000000000000000000000000000000000"
  qz.graph(%t : tensor<?xi32>) -> tensor<?x8xf32> {
    %e = qz.param "e" : tensor<8x64xf32>
    %x = qz.embed %t, %e : tensor<8x64xf32> -> tensor<?x64xf32>
    %y = qz.block 0 (%b = %x) : tensor<?x64xf32> {
      // CHECK: qz.param "l.0.q" packing <layout = "ggml", tensors = {codes = #qz.tensor<"l.0.q", "U8", [64, 36], @m, 8>}> : !qz.packed<64x64, q4_0>
      %q = qz.param "l.0.q" packing <layout = "ggml",
             tensors = {codes = #qz.tensor<"l.0.q", "U8", [64, 36], @m, 8>}>
             : !qz.packed<64x64, q4_0>
      // CHECK: qz.param "l.0.k" packing <layout = "gptq", {{.*}}, offset = 1.000000e+00 : f32> source !qz.packed<64x64, int4, block = 32, asym> : !qz.packed<64x64, nf4, block = 64>
      %k = qz.param "l.0.k" packing <layout = "gptq", tensors = {
               codes = #qz.tensor<"l.0.k.qweight", "I32", [8, 64], @m, 4096>,
               scales = #qz.tensor<"l.0.k.scales", "F16", [2, 64], @m, 8192>,
               zeros = #qz.tensor<"l.0.k.qzeros", "I32", [2, 8], @m, 9216>},
             offset = 1.0 : f32>
             source !qz.packed<64x64, int4, block = 32, asym>
             : !qz.packed<64x64, nf4, block = 64>
      // CHECK: qz.param "l.0.v" packing <layout = "fp8", tensors = {{{.*}}scales = #qz.tensor<"l.0.v.s", "F32", [], @m, 9300>}> : !qz.packed<64x64, fp8>
      %v = qz.param "l.0.v" packing <layout = "fp8", tensors = {
               codes = #qz.tensor<"l.0.v", "F8_E4M3", [64, 64], @m, 8>,
               scales = #qz.tensor<"l.0.v.s", "F32", [], @m, 9300>}>
             : !qz.packed<64x64, fp8>
      // CHECK: qz.param "l.0.o" packing {{.*}} rows {{\[\[}}0, 32], [48, 64]] source tensor<64x64xf32> : tensor<48x64xf32>
      %o = qz.param "l.0.o" packing <layout = "ggml",
             tensors = {codes = #qz.tensor<"l.0.o", "U8", [64, 36], @m, 8>}>
             rows [[0, 32], [48, 64]] source tensor<64x64xf32> : tensor<48x64xf32>
      qz.yield %b : tensor<?x64xf32>
    }
    %l = qz.linear head %y, %e : (tensor<?x64xf32>, tensor<8x64xf32>) -> tensor<?x8xf32>
    qz.return %l : tensor<?x8xf32>
  }
}

// -----

// PackingAttr (C1)
module attributes {
  // expected-error @+1 {{unknown packing 'zip'; known are ggml, bitsandbytes, int8_rows, gptq, awq, compressed_tensors, fp8}}
  qz.a = #qz.packing<layout = "zip", tensors = {}>} {}

// -----

// PackingAttr (C2)
module attributes {
  // expected-error @+1 {{a packing's "codes" is no #qz.tensor}}
  qz.a = #qz.packing<layout = "ggml", tensors = {codes = 1 : i64}>} {}

// -----

// TensorAttr (C1)
module attributes {
  // expected-error @+1 {{a tensor needs a name}}
  qz.a = #qz.tensor<"", "U8", [1], @m, 8>} {}

// -----

// TensorAttr (C2)
module attributes {
  // expected-error @+1 {{tensor "t" has a negative extent or offset}}
  qz.a = #qz.tensor<"t", "U8", [4, -1], @m, 8>} {}

// -----

// TensorAttr (C2)
module attributes {
  // expected-error @+1 {{tensor "t" has a negative extent or offset}}
  qz.a = #qz.tensor<"t", "U8", [4], @m, -8>} {}

// -----

qz.model @errors attributes {family = "f", layers = 1 : i64, hidden = 64 : i64, vocab = 8 : i64,
  context = 16 : i64, eos = array<i64: 2>, add_bos = false} {
  qz.file @m "m.safetensors" size 16384
    sha256 "9f00000000000000000000000000000000000000000000000000000000000000"
  qz.graph(%t : tensor<?xi32>) -> tensor<?x8xf32> {
    // expected-error @+1 {{has a packing, beside which there is no file}}
    %a = qz.param "q" @m[8] packing <layout = "ggml", tensors = {codes = #qz.tensor<"q", "U8", [64, 36], @m, 8>}> : !qz.packed<64x64, q4_0>
  }
}

// -----

qz.model @errors attributes {family = "f", layers = 1 : i64, hidden = 64 : i64, vocab = 8 : i64,
  context = 16 : i64, eos = array<i64: 2>, add_bos = false} {
  qz.graph(%t : tensor<?xi32>) -> tensor<?x8xf32> {
    // expected-error @+1 {{has a packing, beside which there is no file, no transposing and, of a packed source, no rows}}
    %a = qz.param "q" packing <layout = "ggml", tensors = {codes = #qz.tensor<"q", "U8", [64, 36], @m, 8>}> rows [[0, 32]] source !qz.packed<64x64, q4_0> : !qz.packed<32x64, q4_0>
  }
}

// -----

qz.model @errors attributes {family = "f", layers = 1 : i64, hidden = 64 : i64, vocab = 8 : i64,
  context = 16 : i64, eos = array<i64: 2>, add_bos = false} {
  qz.graph(%t : tensor<?xi32>) -> tensor<?x8xf32> {
    // expected-error @+1 {{has a packing, but a source that is neither packed nor a matrix of f32}}
    %a = qz.param "q" packing <layout = "ggml", tensors = {codes = #qz.tensor<"q", "U8", [64, 36], @m, 8>}> : tensor<64x64xf16>
  }
}

// -----

qz.model @errors attributes {family = "f", layers = 1 : i64, hidden = 64 : i64, vocab = 8 : i64,
  context = 16 : i64, eos = array<i64: 2>, add_bos = false} {
  qz.graph(%t : tensor<?xi32>) -> tensor<?x8xf32> {
    // expected-error @+1 {{has a result of shape [32, 64], the source gives [64, 64]}}
    %a = qz.param "q" packing <layout = "ggml", tensors = {codes = #qz.tensor<"q", "U8", [64, 36], @m, 8>}> source !qz.packed<64x64, q4_0> : !qz.packed<32x64, q4_0>
  }
}
