// RUN: %qzc-opt %s --convert-qz-to-sched | FileCheck %s

// Parts of a weight that is stored whole are rows of one tensor.
// CHECK-LABEL: sched.program @m
qz.model @m attributes {family = "f", layers = 1 : i64, hidden = 4 : i64, vocab = 8 : i64,
    context = 16 : i64, eos = array<i64: 2>, add_bos = false} {
  // CHECK: %[[W:.*]] = sched.tensor "q,k,v" block 0 "w" transposed : tensor<4x12xf32> as !qz.packed<12x4, nf4, block = 64, double>
  // CHECK: %[[U:.*]] = sched.tensor "up" block 0 "u" : tensor<12x4xf32> as !qz.packed<12x4, nf4, block = 64>
  // CHECK: %[[G:.*]] = sched.tensor "up" block 0 "g" : tensor<4x4xf32> as !qz.packed<4x4, nf4, block = 64>
  // CHECK-NOT: sched.tensor "k"
  // CHECK: sched.body
  qz.graph(%t : tensor<?xi32>) -> tensor<?x8xf32> {
    %e = qz.param "e" : tensor<8x4xf32>
    %x0 = qz.embed %t, %e : tensor<8x4xf32> -> tensor<?x4xf32>
    %x1 = qz.block 0 (%x = %x0) : tensor<?x4xf32> {
      %w = qz.param "w" transposed source tensor<4x12xf32> : !qz.packed<12x4, nf4, double>
      %wq = qz.rows %w [[0, 4]] : !qz.packed<12x4, nf4, double>
      %wk = qz.rows %w [[4, 6], [8, 10]] : !qz.packed<12x4, nf4, double>
      %wv = qz.rows %w [[6, 8], [10, 12]] : !qz.packed<12x4, nf4, double>
      // CHECK: sched.launch linear {{.*}} weights(%[[W]], %[[W]], %[[W]] : {{.*}} with {parts = 3 : i64, rows = [array<i64: 0, 4, 4, 4>, array<i64: 4, 4, 2, 4>, array<i64: 6, 4, 2, 4>]}
      %q, %k, %v = qz.linear_group %x roles [q, k, v] weights(%wq, %wk, %wv)
        : (tensor<?x4xf32>, !qz.rows<4 of !qz.packed<12x4, nf4, double>>, !qz.rows<4 of !qz.packed<12x4, nf4, double>>, !qz.rows<4 of !qz.packed<12x4, nf4, double>>)
        -> (tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4xf32>)
      %a = qz.add %q, %k : tensor<?x4xf32>
      %b = qz.add %a, %v : tensor<?x4xf32>
      %u = qz.param "u" source tensor<12x4xf32> : !qz.packed<12x4, nf4>
      %wu = qz.rows %u [[4, 8]] : !qz.packed<12x4, nf4>
      // CHECK: sched.launch linear {{.*}} weights(%[[U]] : {{.*}} with {rows = [array<i64: 4, 4, 4, 4>]}
      %c = qz.linear up %b, %wu : (tensor<?x4xf32>, !qz.rows<4 of !qz.packed<12x4, nf4>>) -> tensor<?x4xf32>
      // Of a weight of its own, all rows are said.
      %g = qz.param "g" source tensor<4x4xf32> : !qz.packed<4x4, nf4>
      // CHECK: sched.launch linear {{.*}} weights(%[[U]], %[[G]] : {{.*}} with {parts = 2 : i64, rows = [array<i64: 4, 4, 4, 4>, array<i64: 0, 4, 4, 4>]}
      %r, %s = qz.linear_group %c roles [gate, up] weights(%wu, %g)
        : (tensor<?x4xf32>, !qz.rows<4 of !qz.packed<12x4, nf4>>, !qz.packed<4x4, nf4>) -> (tensor<?x4xf32>, tensor<?x4xf32>)
      %y = qz.mul %r, %s : tensor<?x4xf32>
      qz.yield %y : tensor<?x4xf32>
    }
    %l = qz.linear head %x1, %e : (tensor<?x4xf32>, tensor<8x4xf32>) -> tensor<?x8xf32>
    qz.return %l : tensor<?x8xf32>
  }
}
