// RUN: %qzc-opt %s --sched-plan-memory --sched-verify-memory | FileCheck %s

sched.program @p attributes {family = "f", vocab = 16 : i64, hidden = 8 : i64, layers = 1 : i64, context = 8 : i64, eos = array<i64: 2>, add_bos = false} {
  %e = sched.tensor "embed" "e" : tensor<16x8xf32> as tensor<16x8xf32>
  %w = sched.tensor "q" "w" : tensor<40x8xf32> as tensor<40x8xf32>
  // The result lives to the end: it shares nothing.
  // CHECK: sched.body bytes 384
  sched.body {
    // CHECK: sched.buffer at 320 : !sched.buffer<8>
    %x = sched.buffer : !sched.buffer<8>
    sched.launch embed weights(%e : tensor<16x8xf32>) outs(%x : !sched.buffer<8>)
    // The second buffer meets the first and the third; the third takes the
    // place of the first, which is dead by then.
    // CHECK: sched.buffer at 0 : !sched.buffer<40>
    %a = sched.buffer : !sched.buffer<40>
    sched.launch linear ins(%x : !sched.buffer<8>) weights(%w : tensor<40x8xf32>) outs(%a : !sched.buffer<40>)
    // CHECK: sched.buffer at 192 : !sched.buffer<20>
    %b = sched.buffer : !sched.buffer<20>
    %al = sched.view %a[3, 20] : !sched.buffer<40>
    sched.launch scale ins(%al : !sched.view<20>) outs(%b : !sched.buffer<20>) with {factor = 2.0 : f32}
    // CHECK: sched.buffer at 0 : !sched.buffer<20>
    %c = sched.buffer : !sched.buffer<20>
    sched.launch scale ins(%b : !sched.buffer<20>) outs(%c : !sched.buffer<20>) with {factor = 2.0 : f32}
    // Nothing touches this one.
    // CHECK-NOT: !sched.buffer<30>
    %d = sched.buffer : !sched.buffer<30>
    %dv = sched.view %d[0, 4] : !sched.buffer<30>
    sched.yield %x : !sched.buffer<8>
  }
  // CHECK: sched.head {{.*}} bytes 64
  sched.head (%h : !sched.view<8>) {
    %l = sched.buffer : !sched.buffer<16>
    sched.launch linear ins(%h : !sched.view<8>) weights(%e : tensor<16x8xf32>) outs(%l : !sched.buffer<16>)
    sched.yield %l : !sched.buffer<16>
  }
}
