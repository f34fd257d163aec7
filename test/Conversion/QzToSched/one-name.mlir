// RUN: %qzc-opt %s --convert-qz-to-sched | FileCheck %s

// Weights of one name from different places are not one weight.
// CHECK-LABEL: sched.program @m
qz.model @m attributes {family = "f", layers = 1 : i64, hidden = 4 : i64, vocab = 8 : i64,
    context = 16 : i64, eos = array<i64: 2>, add_bos = false} {
  qz.file @a "a.safetensors" size 500 sha256 "0000000000000000000000000000000000000000000000000000000000000000"
  qz.file @b "b.safetensors" size 500 sha256 "0000000000000000000000000000000000000000000000000000000000000000"
  // CHECK: %[[A:.*]] = sched.tensor "embed" "w" : tensor<8x4xbf16> in @a at 100 as tensor<8x4xbf16>
  // CHECK: %[[N:.*]] = sched.tensor "norm" block 0 "n" : tensor<4xf32> in @a at 0 as tensor<4xf32>
  // CHECK: %[[M:.*]] = sched.tensor "norm" block 0 "n" : tensor<4xf16> in @a at 0 as tensor<4xf32>
  // CHECK: %[[T:.*]] = sched.tensor "q" block 0 "w" : tensor<4x4xbf16> in @a at 200 as tensor<4x4xbf16>
  // CHECK: %[[U:.*]] = sched.tensor "q" block 0 "w" transposed : tensor<4x4xbf16> in @a at 200 as tensor<4x4xbf16>
  // CHECK: %[[B:.*]] = sched.tensor "head" "w" : tensor<8x4xbf16> in @b at 100 as tensor<8x4xbf16>
  // CHECK-NOT: sched.tensor
  // CHECK: sched.body
  qz.graph(%t : tensor<?xi32>) -> tensor<?x8xf32> {
    %e = qz.param "w" @a[100] : tensor<8x4xbf16>
    // CHECK: sched.launch embed weights(%[[A]] :
    %x0 = qz.embed %t, %e : tensor<8x4xbf16> -> tensor<?x4xf32>
    %x1 = qz.block 0 (%x = %x0) : tensor<?x4xf32> {
      %n = qz.param "n" @a[0] : tensor<4xf32>
      %m = qz.param "n" @a[0] source tensor<4xf16> : tensor<4xf32>
      // CHECK: sched.launch rms_norm {{.*}} weights(%[[N]] :
      %y = qz.rms_norm %x, %n eps 1.0e-5 : tensor<?x4xf32>, tensor<4xf32>
      // CHECK: sched.launch rms_norm {{.*}} weights(%[[M]] :
      %z = qz.rms_norm %y, %m eps 1.0e-5 : tensor<?x4xf32>, tensor<4xf32>
      %w = qz.param "w" @a[200] : tensor<4x4xbf16>
      %u = qz.param "w" @a[200] transposed source tensor<4x4xbf16> : tensor<4x4xbf16>
      // CHECK: sched.launch linear {{.*}} weights(%[[T]] :
      %q = qz.linear q %z, %w : (tensor<?x4xf32>, tensor<4x4xbf16>) -> tensor<?x4xf32>
      // CHECK: sched.launch linear {{.*}} weights(%[[U]] :
      %r = qz.linear q %q, %u : (tensor<?x4xf32>, tensor<4x4xbf16>) -> tensor<?x4xf32>
      qz.yield %r : tensor<?x4xf32>
    }
    %h = qz.param "w" @b[100] : tensor<8x4xbf16>
    // CHECK: sched.launch linear {{.*}} weights(%[[B]] :
    %l = qz.linear head %x1, %h : (tensor<?x4xf32>, tensor<8x4xbf16>) -> tensor<?x8xf32>
    qz.return %l : tensor<?x8xf32>
  }
}
