// RUN: %qzc-opt %s -verify-diagnostics -split-input-file | FileCheck %s

// CHECK: a = #qz.gguf<architecture = "llama",
// CHECK-SAME: tensors = {"layers.#.q" = "blk.#.attn_q", norm = "output_norm"},
// CHECK-SAME: metadata = {flag = true, list = array<i32: 1, 0>,
// CHECK-SAME: llama.block_count = 1 : ui32, real = 5.000000e-01 : f32, text = "x"},
// CHECK-SAME: interleaved = {"blk.#.attn_q" = 4 : i64}, incremented = ["output_norm"],
// CHECK-SAME: computed = {t = array<f32: 1.000000e+00>}, warnings = ["w"]>
// CHECK: b = #qz.gguf<architecture = "llama", tensors = {}, metadata = {}>
module attributes {
  qz.a = #qz.gguf<architecture = "llama",
    tensors = {"layers.#.q" = "blk.#.attn_q", "norm" = "output_norm"},
    metadata = {"llama.block_count" = 1 : ui32, "flag" = true, "list" = array<i32: 1, 0>,
      "real" = 0.5 : f32, "text" = "x"},
    interleaved = {"blk.#.attn_q" = 4 : i64}, incremented = ["output_norm"],
    computed = {"t" = array<f32: 1.0>}, warnings = ["w"]>,
  qz.b = #qz.gguf<architecture = "llama", tensors = {}, metadata = {}>} {}

// -----

// GgufAttr (C1): architecture
// expected-error @+1 {{gguf needs an architecture}}
module attributes {qz.a = #qz.gguf<architecture = "", tensors = {}, metadata = {}>} {}

// -----

// GgufAttr (C2): names
// expected-error @+1 {{gguf tensor "a.#" needs a name with as many '#', one at most}}
module attributes {qz.a = #qz.gguf<architecture = "x", tensors = {"a.#" = "b"}, metadata = {}>} {}

// -----

// GgufAttr (C2): strings
// expected-error @+1 {{gguf tensor "a" needs a name}}
module attributes {qz.a = #qz.gguf<architecture = "x", tensors = {"a" = 1 : i64}, metadata = {}>} {}

// -----

// GgufAttr (C3): values
// expected-error @+1 {{gguf metadata "a" is no ui32, f32, boolean, string or array of i32}}
module attributes {qz.a = #qz.gguf<architecture = "x", tensors = {}, metadata = {"a" = 1 : i64}>} {}

// -----

// GgufAttr (C3): reals
// expected-error @+1 {{gguf metadata "a" is no ui32}}
module attributes {qz.a = #qz.gguf<architecture = "x", tensors = {}, metadata = {"a" = 1.0 : f64}>} {}

// -----

// GgufAttr (C4): heads
// expected-error @+1 {{gguf needs a positive i64 for the heads of "a"}}
module attributes {qz.a = #qz.gguf<architecture = "x", tensors = {}, metadata = {}, interleaved = {"a" = 0 : i64}>} {}

// -----

// GgufAttr (C4): texts
// expected-error @+1 {{gguf needs strings in incremented and warnings}}
module attributes {qz.a = #qz.gguf<architecture = "x", tensors = {}, metadata = {}, warnings = [1]>} {}

// -----

// GgufAttr (C5): computed tensors
// expected-error @+1 {{gguf needs an array of f32 for "a"}}
module attributes {qz.a = #qz.gguf<architecture = "x", tensors = {}, metadata = {}, computed = {"a" = array<f32>}>} {}
