// RUN: %qzc-opt %s | %qzc-opt | FileCheck %s
// RUN: %qzc-opt %s --cse --canonicalize | FileCheck %s --check-prefix=KEEP

// CHECK: #[[ROPE:.*]] = #qz.rope<
#rope = #qz.rope<dim = 4, theta = 1.000000e+04, style = half>

// CHECK-LABEL: sched.program @tiny attributes
// CHECK-SAME: context = 32
// CHECK-SAME: special_tokens = {eos_token = "</s>"}
// CHECK-SAME: tokenizer = @tok
sched.program @tiny attributes {
    family = "llama", vocab = 50 : i64, hidden = 8 : i64, layers = 1 : i64,
    context = 32 : i64, bos = 1 : i64, eos = array<i64: 2, 3>, add_bos = true,
    chat_template = "{{ x }}", special_tokens = {eos_token = "</s>"}, tokenizer = @tok} {
  // CHECK: sched.file @tok "tokenizer.json" size 10 sha256 "0000
  sched.file @tok "tokenizer.json" size 10 sha256 "0000000000000000000000000000000000000000000000000000000000000000"
  sched.file @w "model.safetensors" size 4096 sha256 "0000000000000000000000000000000000000000000000000000000000000000"
  // CHECK: sched.tensor "embed" "wte" : tensor<50x8xbf16> in @w at 100 as tensor<50x8xbf16>
  %embed = sched.tensor "embed" "wte" : tensor<50x8xbf16> in @w at 100 as tensor<50x8xbf16>
  // CHECK: sched.tensor "q" block 0 "qkv" transposed rows [0, 8] : tensor<8x24xf32> as !qz.packed<8x8, nf4, block = 64>
  %q = sched.tensor "q" block 0 "qkv" transposed rows [0, 8] : tensor<8x24xf32> as !qz.packed<8x8, nf4, block = 64>
  %k = sched.tensor "k" block 0 "qkv" transposed rows [8, 16] : tensor<8x24xf32> as !qz.packed<8x8, nf4, block = 64>
  %v = sched.tensor "v" block 0 "qkv" transposed rows [16, 24] : tensor<8x24xf32> as !qz.packed<8x8, nf4, block = 64>
  %g = sched.tensor "norm" "g" : tensor<8xf32> as tensor<8xf32>
  // CHECK: sched.body bytes 320 {
  // KEEP: sched.body
  sched.body bytes 320 {
    // CHECK: %[[X:.*]] = sched.buffer at 0 : !sched.buffer<8>
    %x = sched.buffer at 0 : !sched.buffer<8>
    // CHECK: sched.launch embed weights(%{{.*}} : tensor<50x8xbf16>) outs(%[[X]] : !sched.buffer<8>)
    sched.launch embed weights(%embed : tensor<50x8xbf16>) outs(%x : !sched.buffer<8>)
    // KEEP: sched.buffer at 64 : !sched.buffer<24>
    %qkv = sched.buffer at 64 : !sched.buffer<24>
    // CHECK: sched.launch linear ins(%[[X]] : !sched.buffer<8>)
    // CHECK-SAME: with {parts = 3 : i64}
    sched.launch linear ins(%x : !sched.buffer<8>)
      weights(%q, %k, %v : !qz.packed<8x8, nf4, block = 64>, !qz.packed<8x8, nf4, block = 64>, !qz.packed<8x8, nf4, block = 64>)
      outs(%qkv : !sched.buffer<24>) with {parts = 3 : i64}
    // CHECK: sched.view %{{.*}}[0, 8] : !sched.buffer<24>
    %qv = sched.view %qkv[0, 8] : !sched.buffer<24>
    %kv = sched.view %qkv[8, 8] : !sched.buffer<24>
    %vv = sched.view %qkv[16, 8] : !sched.buffer<24>
    // Two buffers of one type stay two.
    // KEEP: sched.buffer at 192 : !sched.buffer<8>
    // KEEP: sched.buffer at 256 : !sched.buffer<8>
    %a = sched.buffer at 192 : !sched.buffer<8>
    %n = sched.buffer at 256 : !sched.buffer<8>
    // CHECK: sched.launch attention
    // CHECK-SAME: with {head_dim = 4 : i64, heads = 2 : i64, kv_heads = 2 : i64, layer = 0 : i64, rope = #[[ROPE]], scale = 5.000000e-01 : f32}
    sched.launch attention ins(%qv, %kv, %vv : !sched.view<8>, !sched.view<8>, !sched.view<8>)
      outs(%a : !sched.buffer<8>)
      with {layer = 0 : i64, heads = 2 : i64, kv_heads = 2 : i64, head_dim = 4 : i64, scale = 0.5 : f32, rope = #rope}
    // KEEP-COUNT-2: sched.launch rms_norm
    sched.launch rms_norm ins(%a : !sched.buffer<8>) weights(%g : tensor<8xf32>) outs(%n : !sched.buffer<8>) with {epsilon = 1.0e-5 : f32}
    sched.launch rms_norm ins(%a : !sched.buffer<8>) weights(%g : tensor<8xf32>) outs(%n : !sched.buffer<8>) with {epsilon = 1.0e-5 : f32}
    // CHECK: sched.yield %{{.*}} : !sched.buffer<8>
    sched.yield %n : !sched.buffer<8>
  }
  // CHECK: sched.head (%[[H:.*]]: !sched.view<8>) bytes 512 {
  sched.head (%h : !sched.view<8>) bytes 512 {
    %l = sched.buffer at 0 : !sched.buffer<50>
    sched.launch linear ins(%h : !sched.view<8>) weights(%embed : tensor<50x8xbf16>) outs(%l : !sched.buffer<50>)
    %c = sched.buffer at 256 : !sched.buffer<50>
    // CHECK: sched.launch soft_cap {{.*}} with {cap = 3.000000e+01 : f32}
    sched.launch soft_cap ins(%l : !sched.buffer<50>) outs(%c : !sched.buffer<50>) with {cap = 30.0 : f32}
    sched.yield %c : !sched.buffer<50>
  }
}
