// RUN: %qzc-opt %s --qz-quantize="mix=q4_k_m" | FileCheck %s --check-prefixes=ALL,M
// RUN: %qzc-opt %s --qz-quantize="mix=q4_k_s" | FileCheck %s --check-prefixes=ALL,S
// RUN: %qzc-opt %s --qz-quantize="mix=q5_k_m rules=embed=none,0.q=int8" | FileCheck %s --check-prefix=RULES
// RUN: not %qzc-opt %s --qz-quantize="mix=q3_k_m" 2>&1 | FileCheck %s --check-prefix=UNKNOWN
// UNKNOWN: error: unknown mix 'q3_k_m'; known are q4_k_s, q4_k_m, q5_k_s, q5_k_m
// RUN: not %qzc-opt %s --qz-quantize="mix=q4_k_m components=q" 2>&1 | FileCheck %s --check-prefix=ALONE
// RUN: not %qzc-opt %s --qz-quantize="mix=q4_k_m scheme=nf4" 2>&1 | FileCheck %s --check-prefix=ALONE
// ALONE: error: a mix chooses for every layer

// The embeddings are the head, too.
// ALL: qz.param "embed" {{.*}} : !qz.packed<8x256, q6_k>
// Of eight blocks the first and the last get more bits, and each third between.
// M: qz.param "0.q" {{.*}} : !qz.packed<256x256, q4_k>
// M: qz.param "0.v" {{.*}} : !qz.packed<256x256, q6_k>
// S: qz.param "0.v" {{.*}} : !qz.packed<256x256, q5_k>
// M: qz.param "0.down" {{.*}} : !qz.packed<256x256, q6_k>
// S: qz.param "0.down" {{.*}} : !qz.packed<256x256, q5_k>
// M: qz.param "1.v" {{.*}} : !qz.packed<256x256, q4_k>
// S: qz.param "1.v" {{.*}} : !qz.packed<256x256, q5_k>
// ALL: qz.param "1.down" {{.*}} : !qz.packed<256x256, q4_k>
// M: qz.param "3.v" {{.*}} : !qz.packed<256x256, q6_k>
// S: qz.param "3.v" {{.*}} : !qz.packed<256x256, q5_k>
// Rows that 256 does not divide, and rows that 32 does not.
// M: qz.param "3.up" {{.*}} : !qz.packed<36x256, q4_k>
// M: qz.param "3.down" {{.*}} : tensor<256x36xf16>
// M: qz.param "4.up" {{.*}} : !qz.packed<96x256, q4_k>
// ALL: qz.param "4.down" {{.*}} : !qz.packed<256x96, q5_0>

// RULES: qz.param "embed" : tensor<8x256xbf16>
// RULES: qz.param "0.q" {{.*}} : !qz.packed<256x256, int8>
// RULES: qz.param "1.down" {{.*}} : !qz.packed<256x256, q5_k>
// RULES: qz.param "4.down" {{.*}} : !qz.packed<256x96, q5_1>

qz.model @m attributes {family = "f", layers = 8 : i64, hidden = 256 : i64, vocab = 8 : i64,
    context = 16 : i64, eos = array<i64: 2>, add_bos = false} {
  qz.graph(%t : tensor<?xi32>) -> tensor<?x8xf32> {
    %e = qz.param "embed" : tensor<8x256xbf16>
    %x0 = qz.embed %t, %e : tensor<8x256xbf16> -> tensor<?x256xf32>
    %x1 = qz.block 0 (%x = %x0) : tensor<?x256xf32> {
      %wq = qz.param "0.q" : tensor<256x256xf16>
      %q = qz.linear q %x, %wq : (tensor<?x256xf32>, tensor<256x256xf16>) -> tensor<?x256xf32>
      %wv = qz.param "0.v" : tensor<256x256xf16>
      %v = qz.linear v %q, %wv : (tensor<?x256xf32>, tensor<256x256xf16>) -> tensor<?x256xf32>
      %wd = qz.param "0.down" : tensor<256x256xf16>
      %d = qz.linear down %v, %wd : (tensor<?x256xf32>, tensor<256x256xf16>) -> tensor<?x256xf32>
      qz.yield %d : tensor<?x256xf32>
    }
    %x2 = qz.block 1 (%x = %x1) : tensor<?x256xf32> {
      %wv = qz.param "1.v" : tensor<256x256xf16>
      %v = qz.linear v %x, %wv : (tensor<?x256xf32>, tensor<256x256xf16>) -> tensor<?x256xf32>
      %wd = qz.param "1.down" : tensor<256x256xf16>
      %d = qz.linear down %v, %wd : (tensor<?x256xf32>, tensor<256x256xf16>) -> tensor<?x256xf32>
      qz.yield %d : tensor<?x256xf32>
    }
    %x3 = qz.block 2 (%x = %x2) : tensor<?x256xf32> {
      qz.yield %x : tensor<?x256xf32>
    }
    %x4 = qz.block 3 (%x = %x3) : tensor<?x256xf32> {
      %wv = qz.param "3.v" : tensor<256x256xf16>
      %v = qz.linear v %x, %wv : (tensor<?x256xf32>, tensor<256x256xf16>) -> tensor<?x256xf32>
      %wu = qz.param "3.up" : tensor<36x256xf32>
      %u = qz.linear up %v, %wu : (tensor<?x256xf32>, tensor<36x256xf32>) -> tensor<?x36xf32>
      %wd = qz.param "3.down" : tensor<256x36xf32>
      %d = qz.linear down %u, %wd : (tensor<?x36xf32>, tensor<256x36xf32>) -> tensor<?x256xf32>
      qz.yield %d : tensor<?x256xf32>
    }
    %x5 = qz.block 4 (%x = %x4) : tensor<?x256xf32> {
      %wu = qz.param "4.up" : tensor<96x256xf32>
      %u = qz.linear up %x, %wu : (tensor<?x256xf32>, tensor<96x256xf32>) -> tensor<?x96xf32>
      %wd = qz.param "4.down" : tensor<256x96xf32>
      %d = qz.linear down %u, %wd : (tensor<?x96xf32>, tensor<256x96xf32>) -> tensor<?x256xf32>
      qz.yield %d : tensor<?x256xf32>
    }
    %x6 = qz.block 5 (%x = %x5) : tensor<?x256xf32> {
      qz.yield %x : tensor<?x256xf32>
    }
    %x7 = qz.block 6 (%x = %x6) : tensor<?x256xf32> {
      qz.yield %x : tensor<?x256xf32>
    }
    %x8 = qz.block 7 (%x = %x7) : tensor<?x256xf32> {
      qz.yield %x : tensor<?x256xf32>
    }
    %l = qz.linear head %x8, %e : (tensor<?x256xf32>, tensor<8x256xbf16>) -> tensor<?x8xf32>
    qz.return %l : tensor<?x8xf32>
  }
}
