// RUN: %qzc-opt %s | %qzc-opt | FileCheck %s
// RUN: %qzc-opt %s --cse --canonicalize | FileCheck %s --check-prefix=KEEP

// CHECK: cuda.program for #cuda.gpu<processors = 132, cluster_blocks = 8, shared_bytes = 232448, l2_bytes = 52428800, warpgroups>
// CHECK-SAME: ["sm_90a"] attributes {body_bytes = 4608 : i64, decode_batch = 64 : i64, decode_bytes = 64 : i64, head_bytes = 256 : i64,
// CHECK-SAME: scratch_bytes = 4608 : i64, scratch_bytes_per_token = 48 : i64,
// KEEP: cuda.program
cuda.program for #cuda.gpu<processors = 132, cluster_blocks = 8, shared_bytes = 232448, l2_bytes = 52428800, warpgroups> ["sm_90a"] attributes {
    decode_batch = 64 : i64, tile_queries = 64 : i64, page_positions = 64 : i64,
    body_bytes = 4608 : i64, head_bytes = 256 : i64, decode_bytes = 64 : i64,
    scratch_bytes = 4608 : i64, scratch_bytes_per_token = 48 : i64} {
  // CHECK: %[[X:.*]] = cuda.buffer body columns 576 at 0
  // KEEP: %[[X:.*]] = cuda.buffer body columns 576 at 0
  %x = cuda.buffer body columns 576 at 0
  // KEEP: cuda.buffer body columns 576 at 2304
  %y = cuda.buffer body columns 576 at 2304
  // CHECK: %[[L:.*]] = cuda.buffer head columns 64 at 0
  %l = cuda.buffer head columns 64 at 0
  // CHECK: cuda.buffer decode columns 16 at 0
  %d = cuda.buffer decode columns 16 at 0
  // CHECK: %[[H:.*]] = cuda.hidden %{{.*}}[16, 560]
  %h = cuda.hidden %y[16, 560]
  // CHECK: cuda.logits %[[L]][0, 50]
  // KEEP: cuda.logits
  cuda.logits %l[0, 50]
  // CHECK: %[[A:.*]] = cuda.scratch "sums" bytes 300 at 4096
  %a = cuda.scratch "sums" bytes 300 at 4096
  // CHECK: %[[B:.*]] = cuda.scratch "rows" bytes 40 per_token at 0
  %b = cuda.scratch "rows" bytes 40 per_token at 0
  // CHECK: cuda.kernel @norm_1 "norm" of "NormRows" in "Elementwise.cuh" config "NormRows::Config{.columns = 576}"
  // CHECK-SAME: ["const float *", "int", "const void *", "const void *", "float", "float *", "int"] threads 256
  cuda.kernel @norm_1 "norm" of "NormRows" in "Elementwise.cuh" config "NormRows::Config{.columns = 576}"
    ["const float *", "int", "const void *", "const void *", "float", "float *", "int"] threads 256
  // CHECK: cuda.kernel @attend_2 "attend" of "Attend" in "Attention.cuh" config "Attend::Config{}"
  // CHECK-SAME: threads 128 min_blocks 2 cluster_blocks 4 per_cache_type
  cuda.kernel @attend_2 "attend" of "Attend" in "Attention.cuh" config "Attend::Config{}"
    ["qzc::CacheView", "const float *", "const qzc::QueryTile *", "float *", "const qzc::TokenRow *", "qzc::DeviceState *", "void *", "const int *", "float *"]
    threads 128 min_blocks 2 cluster_blocks 4 per_cache_type
  // CHECK: cuda.kernel @arrange_3
  cuda.kernel @arrange_3 "arrange" of "Arrange" in "Arrange.cuh" config "Arrange::Config{}" ["void *", "int"] threads 256
  // CHECK: cuda.list arrange {
  cuda.list arrange {
    // CHECK: cuda.launch @arrange_3 [<4>] shared 512 (#cuda.tensor<3, 1>, 2 : i32)
    cuda.launch @arrange_3 [<4>] shared 512 (#cuda.tensor<3, 1>, 2 : i32)
  }
  // CHECK: cuda.list decode {
  cuda.list decode {
    // CHECK: cuda.launch @norm_1 [<1 per 1>] (%[[X]][0], 576 : i32, #cuda.tensor<3, 0>, #cuda.unused, 9.99999974E-6 : f32, %{{.*}}[0], 576 : i32)
    // KEEP: cuda.launch @norm_1
    cuda.launch @norm_1 [<1 per 1>] (%x[0], 576 : i32, #cuda.tensor<3, 0>, #cuda.unused, 1.0e-5 : f32, %y[0], 576 : i32)
  }
  // CHECK: cuda.list batch of 8 {
  cuda.list batch of 8 {
  }
  // CHECK: cuda.list prefill {
  cuda.list prefill {
    // CHECK: cuda.launch @attend_2 [<1 per tile>, <4>, <2 per 8>] shared 1024
    // CHECK-SAME: (#cuda.cache<1>, #cuda.rope_table<0>, #cuda.given<tiles>, %[[X]][8], #cuda.given<tokens>, #cuda.given<state>, %[[B]][0], #cuda.given<targets>, #cuda.given<losses>)
    cuda.launch @attend_2 [<1 per tile>, <4>, <2 per 8>] shared 1024 (#cuda.cache<1>, #cuda.rope_table<0>, #cuda.given<tiles>, %x[8],
      #cuda.given<tokens>, #cuda.given<state>, %b[0], #cuda.given<targets>, #cuda.given<losses>)
  }
  // CHECK: cuda.list head {
  cuda.list head {
    // CHECK: cuda.launch @norm_1 [] (%[[H]][4], 576 : i32, #cuda.unused, #cuda.unused, 0.000000e+00 : f32, %[[L]][0], 64 : i32)
    cuda.launch @norm_1 [] (%h[4], 576 : i32, #cuda.unused, #cuda.unused, 0.0 : f32, %l[0], 64 : i32)
    cuda.launch @norm_1 [] (%a[0], 576 : i32, #cuda.unused, #cuda.unused, 0.0 : f32, %l[0], 64 : i32)
  }
  // CHECK: cuda.list score {
  cuda.list score {
  }
  // CHECK: cuda.list losses {
  cuda.list losses {
  }
  // CHECK: cuda.list draw {
  cuda.list draw {
  }
}
