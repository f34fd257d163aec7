// RUN: %qzc-opt %s --qz-method="method=awq" --qz-scale-inputs | FileCheck %s
// RUN: %qzc-opt %s --qz-method="method=awq" --qz-scale-inputs --qz-fuse --convert-qz-to-sched | FileCheck %s --check-prefix=SCHED

// A norm, of 1 + weight, goes into the layers after it; what is divided becomes f32.
// CHECK: qz.param "n0" source tensor<64xbf16> {scaling = #qz.scaling<rows = 0, unit_offset = true>} : tensor<64xf32>
// CHECK: qz.param "q" source tensor<64x64xbf16> {method = "awq", scaling = #qz.scaling<columns = 0>} :
// CHECK: qz.param "k" source tensor<32x64xbf16> {method = "awq", scaling = #qz.scaling<columns = 0>} :
// Values go into what attention makes of them, by heads that share them; biases
// of layers beside stay of one type.
// CHECK: qz.param "v" source tensor<32x64xbf16> {method = "awq", scaling = #qz.scaling<columns = 0, rows = 1, width = 16, repeats = 2>} :
// CHECK: qz.param "bv" source tensor<32xbf16> {scaling = #qz.scaling<rows = 1, width = 16, repeats = 2>} : tensor<32xf32>
// CHECK: qz.param "bk" source tensor<32xbf16> : tensor<32xf32>
// CHECK: qz.param "o" source tensor<64x64xbf16> {method = "awq", scaling = #qz.scaling<columns = 1>} :
// A residual beside the layers: nothing of the norm can be divided.
// CHECK: qz.param "n1" : tensor<64xbf16>
// CHECK: qz.param "gate" source tensor<64x64xbf16> {method = "mse"} :
// CHECK: qz.param "up" source tensor<64x64xbf16> {method = "mse", scaling = #qz.scaling<rows = 2>} :
// The product of both takes what divides one of them.
// CHECK: qz.param "down" source tensor<64x64xbf16> {method = "awq", scaling = #qz.scaling<columns = 2>} :
// A norm without a weight.
// CHECK: qz.param "q1" source tensor<64x64xbf16> {method = "mse"} : !qz.packed<64x64, q4_0>
// A layer that is kept, and has too few bits to be scaled.
// CHECK: qz.param "n2" : tensor<64xbf16>
// CHECK: qz.param "k1" source tensor<64x64xbf16> {method = "mse"} :
// CHECK: qz.param "v1" : tensor<64x64xbf16>
// What f32 keeps is scaled with the others; relu lets a factor through.
// CHECK: qz.param "n3" source tensor<64xbf16> {scaling = #qz.scaling<rows = 3>} : tensor<64xf32>
// CHECK: qz.param "b3" source tensor<64xbf16> {scaling = #qz.scaling<rows = 3>} : tensor<64xf32>
// CHECK: qz.param "up1" source tensor<64x64xbf16> {method = "awq", scaling = #qz.scaling<columns = 3, rows = 4>} :
// CHECK: qz.param "gate1" source tensor<64x64xbf16> {scaling = #qz.scaling<columns = 3>} : tensor<64x64xf32>
// CHECK: qz.param "down1" source tensor<64x64xbf16> {method = "awq", scaling = #qz.scaling<columns = 4>} :
// A table that is the head's weight as well.
// CHECK: qz.param "n4" : tensor<64xbf16>
// CHECK: qz.param "embed" source tensor<8x64xbf16> {method = "mse"} : !qz.packed<8x64, int4, block = 64>

// SCHED: sched.tensor "norm" block 0 "n0" : tensor<64xbf16> {scaling = #qz.scaling<rows = 0, unit_offset = true>} as tensor<64xf32>
// SCHED: sched.tensor "v" block 0 "v" : {{.*}} {method = "awq", scaling = #qz.scaling<columns = 0, rows = 1, width = 16, repeats = 2>} as
qz.model @m attributes {family = "f", layers = 2 : i64, hidden = 64 : i64, vocab = 8 : i64,
    context = 16 : i64, eos = array<i64: 2>, add_bos = false} {
  qz.graph(%t : tensor<?xi32>) -> tensor<?x8xf32> {
    %e = qz.param "embed" : tensor<8x64xbf16>
    %x0 = qz.embed %t, %e : tensor<8x64xbf16> -> tensor<?x64xf32>
    %x1 = qz.block 0 (%x = %x0) : tensor<?x64xf32> {
      %n0 = qz.param "n0" : tensor<64xbf16>
      %h0 = qz.rms_norm %x, %n0 unit_offset eps 1.0e-05 : tensor<?x64xf32>, tensor<64xbf16>
      %wq = qz.param "q" source tensor<64x64xbf16> : !qz.packed<64x64, nf4>
      %wk = qz.param "k" source tensor<32x64xbf16> : !qz.packed<32x64, nf4>
      %wv = qz.param "v" source tensor<32x64xbf16> : !qz.packed<32x64, nf4>
      %bv = qz.param "bv" : tensor<32xbf16>
      %bk = qz.param "bk" : tensor<32xbf16>
      %q = qz.linear q %h0, %wq : (tensor<?x64xf32>, !qz.packed<64x64, nf4>) -> tensor<?x64xf32>
      %k = qz.linear k %h0, %wk bias %bk : (tensor<?x64xf32>, !qz.packed<32x64, nf4>, tensor<32xbf16>) -> tensor<?x32xf32>
      %v = qz.linear v %h0, %wv bias %bv : (tensor<?x64xf32>, !qz.packed<32x64, nf4>, tensor<32xbf16>) -> tensor<?x32xf32>
      %a = qz.attention %q, %k, %v heads 4 kv_heads 2 scale 0.25
             : (tensor<?x64xf32>, tensor<?x32xf32>, tensor<?x32xf32>) -> tensor<?x64xf32>
      %wo = qz.param "o" source tensor<64x64xbf16> : !qz.packed<64x64, int3>
      %o = qz.linear o %a, %wo : (tensor<?x64xf32>, !qz.packed<64x64, int3>) -> tensor<?x64xf32>
      %n1 = qz.param "n1" : tensor<64xbf16>
      %h1 = qz.rms_norm %o, %n1 eps 1.0e-05 : tensor<?x64xf32>, tensor<64xbf16>
      %wg = qz.param "gate" source tensor<64x64xbf16> : !qz.packed<64x64, nf4>
      %wu = qz.param "up" source tensor<64x64xbf16> : !qz.packed<64x64, nf4>
      %g = qz.linear gate %h1, %wg : (tensor<?x64xf32>, !qz.packed<64x64, nf4>) -> tensor<?x64xf32>
      %u = qz.linear up %h1, %wu : (tensor<?x64xf32>, !qz.packed<64x64, nf4>) -> tensor<?x64xf32>
      %s = qz.activate silu %g : tensor<?x64xf32>
      %p = qz.mul %s, %u : tensor<?x64xf32>
      %wd = qz.param "down" source tensor<64x64xbf16> : !qz.packed<64x64, int4>
      %d = qz.linear down %p, %wd : (tensor<?x64xf32>, !qz.packed<64x64, int4>) -> tensor<?x64xf32>
      %y = qz.add %d, %h1 : tensor<?x64xf32>
      qz.yield %y : tensor<?x64xf32>
    }
    %x2 = qz.block 1 (%x = %x1) : tensor<?x64xf32> {
      %h0 = qz.rms_norm %x eps 1.0e-05 : tensor<?x64xf32>
      %wq = qz.param "q1" source tensor<64x64xbf16> : !qz.packed<64x64, q4_0>
      %q = qz.linear q %h0, %wq : (tensor<?x64xf32>, !qz.packed<64x64, q4_0>) -> tensor<?x64xf32>
      %n2 = qz.param "n2" : tensor<64xbf16>
      %h2 = qz.rms_norm %x, %n2 eps 1.0e-05 : tensor<?x64xf32>, tensor<64xbf16>
      %wk = qz.param "k1" source tensor<64x64xbf16> : !qz.packed<64x64, nf4>
      %wv = qz.param "v1" : tensor<64x64xbf16>
      %k = qz.linear k %h2, %wk : (tensor<?x64xf32>, !qz.packed<64x64, nf4>) -> tensor<?x64xf32>
      %v = qz.linear v %h2, %wv : (tensor<?x64xf32>, tensor<64x64xbf16>) -> tensor<?x64xf32>
      %a = qz.attention %q, %k, %v heads 4 kv_heads 4 scale 0.25
             : (tensor<?x64xf32>, tensor<?x64xf32>, tensor<?x64xf32>) -> tensor<?x64xf32>
      %n3 = qz.param "n3" : tensor<64xbf16>
      %b3 = qz.param "b3" : tensor<64xbf16>
      %h3 = qz.layer_norm %a, %n3 bias %b3 eps 1.0e-05 : tensor<?x64xf32>, tensor<64xbf16>, tensor<64xbf16>
      %wu = qz.param "up1" source tensor<64x64xbf16> : !qz.packed<64x64, nf4>
      %u = qz.linear up %h3, %wu : (tensor<?x64xf32>, !qz.packed<64x64, nf4>) -> tensor<?x64xf32>
      %wg = qz.param "gate1" source tensor<64x64xbf16> : tensor<64x64xf32>
      %g = qz.linear gate %h3, %wg : (tensor<?x64xf32>, tensor<64x64xf32>) -> tensor<?x64xf32>
      %r = qz.activate relu %u : tensor<?x64xf32>
      %wd = qz.param "down1" source tensor<64x64xbf16> : !qz.packed<64x64, fp4>
      %d = qz.linear down %r, %wd : (tensor<?x64xf32>, !qz.packed<64x64, fp4>) -> tensor<?x64xf32>
      %y = qz.add %d, %g : tensor<?x64xf32>
      qz.yield %y : tensor<?x64xf32>
    }
    %n4 = qz.param "n4" : tensor<64xbf16>
    %h4 = qz.rms_norm %x2, %n4 eps 1.0e-05 : tensor<?x64xf32>, tensor<64xbf16>
    %wh = qz.param "embed" source tensor<8x64xbf16> : !qz.packed<8x64, int4>
    %l = qz.linear head %h4, %wh : (tensor<?x64xf32>, !qz.packed<8x64, int4>) -> tensor<?x8xf32>
    qz.return %l : tensor<?x8xf32>
  }
}
