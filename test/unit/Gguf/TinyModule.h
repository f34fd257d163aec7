//===- TinyModule.h - A llama and a GPT-2 of one block ----------*- C++ -*-===//

#ifndef QZC_TEST_UNIT_GGUF_TINYMODULE_H
#define QZC_TEST_UNIT_GGUF_TINYMODULE_H

#include "qzc/Dialect/Qz/IR/QzDialect.h"
#include "qzc/Support/Error.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"

#include <string>
#include <utility>
#include <vector>

namespace qzc::gguf {

/// 2 heads of 4 elements, 1 for keys and values; 12 tokens; tied.
inline const char *const kLlamaText = R"(
#rope = #qz.rope<dim = 4, theta = 10000.0, style = half>
qz.model @tiny attributes {family = "llama", layers = 1 : i64, hidden = 8 : i64,
    vocab = 12 : i64, context = 16 : i64, bos = 1 : i64, eos = array<i64: 2, 3>,
    add_bos = true, chat_template = "{{ x }}", tokenizer = @tokenizer,
    gguf = #qz.gguf<architecture = "llama",
      tensors = {"embed_tokens" = "token_embd", "norm" = "output_norm",
        "lm_head" = "output", "layers.#.input_layernorm" = "blk.#.attn_norm",
        "layers.#.self_attn.q_proj" = "blk.#.attn_q",
        "layers.#.self_attn.k_proj" = "blk.#.attn_k",
        "layers.#.self_attn.v_proj" = "blk.#.attn_v",
        "layers.#.self_attn.o_proj" = "blk.#.attn_output",
        "layers.#.post_attention_layernorm" = "blk.#.ffn_norm",
        "layers.#.mlp.gate_proj" = "blk.#.ffn_gate",
        "layers.#.mlp.up_proj" = "blk.#.ffn_up",
        "layers.#.mlp.down_proj" = "blk.#.ffn_down"},
      metadata = {"llama.block_count" = 1 : ui32, "x.flag" = true,
        "x.list" = array<i32: 1, 0>, "x.real" = 1.0e-5 : f32, "x.text" = "a"},
      interleaved = {"blk.#.attn_q" = 2 : i64, "blk.#.attn_k" = 1 : i64}>} {
  qz.file @model "weights.safetensors" size 100000 sha256 "0000000000000000000000000000000000000000000000000000000000000000"
  qz.file @tokenizer "tokenizer.json" size 10 sha256 "1111111111111111111111111111111111111111111111111111111111111111"
  qz.graph(%t : tensor<?xi32>) -> tensor<?x12xf32> {
    %e = qz.param "model.embed_tokens.weight" @model[0] : tensor<12x8xbf16>
    %x0 = qz.embed %t, %e : tensor<12x8xbf16> -> tensor<?x8xf32>
    %x1 = qz.block 0 (%x = %x0) : tensor<?x8xf32> {
      %g = qz.param "model.layers.0.input_layernorm.weight" @model[256] : tensor<8xbf16>
      %n = qz.rms_norm %x, %g eps 1.0e-5 : tensor<?x8xf32>, tensor<8xbf16>
      %wq = qz.param "model.layers.0.self_attn.q_proj.weight" @model[512] : tensor<8x8xbf16>
      %bq = qz.param "model.layers.0.self_attn.q_proj.bias" @model[768] : tensor<8xbf16>
      %q = qz.linear q %n, %wq bias %bq : (tensor<?x8xf32>, tensor<8x8xbf16>, tensor<8xbf16>) -> tensor<?x8xf32>
      %wk = qz.param "model.layers.0.self_attn.k_proj.weight" @model[1024] : tensor<4x8xbf16>
      %k = qz.linear k %n, %wk : (tensor<?x8xf32>, tensor<4x8xbf16>) -> tensor<?x4xf32>
      %wv = qz.param "model.layers.0.self_attn.v_proj.weight" @model[1280] : tensor<4x8xbf16>
      %v = qz.linear v %n, %wv : (tensor<?x8xf32>, tensor<4x8xbf16>) -> tensor<?x4xf32>
      %qr = qz.rope %q, #rope heads 2 : tensor<?x8xf32>
      %kr = qz.rope %k, #rope heads 1 : tensor<?x4xf32>
      %a = qz.attention %qr, %kr, %v heads 2 kv_heads 1 scale 0.5 : (tensor<?x8xf32>, tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x8xf32>
      %wo = qz.param "model.layers.0.self_attn.o_proj.weight" @model[1536] : tensor<8x8xbf16>
      %o = qz.linear o %a, %wo : (tensor<?x8xf32>, tensor<8x8xbf16>) -> tensor<?x8xf32>
      %h = qz.add %x, %o : tensor<?x8xf32>
      %g1 = qz.param "model.layers.0.post_attention_layernorm.weight" @model[1792] : tensor<8xbf16>
      %m = qz.rms_norm %h, %g1 eps 1.0e-5 : tensor<?x8xf32>, tensor<8xbf16>
      %wg = qz.param "model.layers.0.mlp.gate_proj.weight" @model[2048] : tensor<16x8xbf16>
      %gate = qz.linear gate %m, %wg : (tensor<?x8xf32>, tensor<16x8xbf16>) -> tensor<?x16xf32>
      %act = qz.activate silu %gate : tensor<?x16xf32>
      %wu = qz.param "model.layers.0.mlp.up_proj.weight" @model[2560] : tensor<16x8xbf16>
      %up = qz.linear up %m, %wu : (tensor<?x8xf32>, tensor<16x8xbf16>) -> tensor<?x16xf32>
      %p = qz.mul %act, %up : tensor<?x16xf32>
      %wd = qz.param "model.layers.0.mlp.down_proj.weight" @model[3072] : tensor<8x16xbf16>
      %d = qz.linear down %p, %wd : (tensor<?x16xf32>, tensor<8x16xbf16>) -> tensor<?x8xf32>
      %y = qz.add %h, %d : tensor<?x8xf32>
      qz.yield %y : tensor<?x8xf32>
    }
    %gf = qz.param "model.norm.weight" @model[3584] : tensor<8xbf16>
    %nf = qz.rms_norm %x1, %gf eps 1.0e-5 : tensor<?x8xf32>, tensor<8xbf16>
    %l = qz.linear head %nf, %e : (tensor<?x8xf32>, tensor<12x8xbf16>) -> tensor<?x12xf32>
    qz.return %l : tensor<?x12xf32>
  }
})";

/// 2 heads of 16 elements; 12 tokens; tied; f32.
inline const char *const kGpt2Text = R"(
qz.model @tiny attributes {family = "gpt2", layers = 1 : i64, hidden = 32 : i64,
    vocab = 12 : i64, context = 6 : i64, eos = array<i64>, add_bos = false,
    gguf = #qz.gguf<architecture = "gpt2",
      tensors = {"wte" = "token_embd", "wpe" = "position_embd",
        "ln_f" = "output_norm", "h.#.ln_1" = "blk.#.attn_norm",
        "h.#.attn.c_attn" = "blk.#.attn_qkv",
        "h.#.attn.c_proj" = "blk.#.attn_output", "h.#.ln_2" = "blk.#.ffn_norm",
        "h.#.mlp.c_fc" = "blk.#.ffn_up", "h.#.mlp.c_proj" = "blk.#.ffn_down"},
      metadata = {}, computed = {"rope_freqs.weight" = array<f32: 1.0, 8.0>},
      warnings = ["mind this"]>} {
  qz.file @model "weights.safetensors" size 1000000 sha256 "0000000000000000000000000000000000000000000000000000000000000000"
  qz.graph(%t : tensor<?xi32>) -> tensor<?x12xf32> {
    %e = qz.param "wte.weight" @model[0] : tensor<12x32xf32>
    %x00 = qz.embed %t, %e : tensor<12x32xf32> -> tensor<?x32xf32>
    %pos = qz.param "wpe.weight" @model[4096] : tensor<6x32xf32>
    %x0 = qz.add_positions %x00, %pos : tensor<?x32xf32>, tensor<6x32xf32>
    %x1 = qz.block 0 (%x = %x0) : tensor<?x32xf32> {
      %g = qz.param "h.0.ln_1.weight" @model[8192] : tensor<32xf32>
      %b = qz.param "h.0.ln_1.bias" @model[8448] : tensor<32xf32>
      %n = qz.layer_norm %x, %g bias %b eps 1.0e-5 : tensor<?x32xf32>, tensor<32xf32>, tensor<32xf32>
      %wq = qz.param "h.0.attn.c_attn.weight" @model[12288] transposed rows [[0, 32]] source tensor<32x96xf32> : tensor<32x32xf32>
      %bq = qz.param "h.0.attn.c_attn.bias" @model[28672] rows [[0, 32]] source tensor<96xf32> : tensor<32xf32>
      %q = qz.linear q %n, %wq bias %bq : (tensor<?x32xf32>, tensor<32x32xf32>, tensor<32xf32>) -> tensor<?x32xf32>
      %wk = qz.param "h.0.attn.c_attn.weight" @model[12288] transposed rows [[32, 64]] source tensor<32x96xf32> : tensor<32x32xf32>
      %bk = qz.param "h.0.attn.c_attn.bias" @model[28672] rows [[32, 64]] source tensor<96xf32> : tensor<32xf32>
      %k = qz.linear k %n, %wk bias %bk : (tensor<?x32xf32>, tensor<32x32xf32>, tensor<32xf32>) -> tensor<?x32xf32>
      %wv = qz.param "h.0.attn.c_attn.weight" @model[12288] transposed rows [[64, 96]] source tensor<32x96xf32> : tensor<32x32xf32>
      %bv = qz.param "h.0.attn.c_attn.bias" @model[28672] rows [[64, 96]] source tensor<96xf32> : tensor<32xf32>
      %v = qz.linear v %n, %wv bias %bv : (tensor<?x32xf32>, tensor<32x32xf32>, tensor<32xf32>) -> tensor<?x32xf32>
      %a = qz.attention %q, %k, %v heads 2 kv_heads 2 scale 0.25 : (tensor<?x32xf32>, tensor<?x32xf32>, tensor<?x32xf32>) -> tensor<?x32xf32>
      %wo = qz.param "h.0.attn.c_proj.weight" @model[40960] transposed : tensor<32x32xf32>
      %o = qz.linear o %a, %wo : (tensor<?x32xf32>, tensor<32x32xf32>) -> tensor<?x32xf32>
      %h = qz.add %x, %o : tensor<?x32xf32>
      %g2 = qz.param "h.0.ln_2.weight" @model[53248] : tensor<32xf32>
      %m = qz.layer_norm %h, %g2 eps 1.0e-5 : tensor<?x32xf32>, tensor<32xf32>
      %wu = qz.param "h.0.mlp.c_fc.weight" @model[57344] transposed source tensor<32x64xf32> : tensor<64x32xf32>
      %up = qz.linear up %m, %wu : (tensor<?x32xf32>, tensor<64x32xf32>) -> tensor<?x64xf32>
      %act = qz.activate gelu_tanh %up : tensor<?x64xf32>
      %wd = qz.param "h.0.mlp.c_proj.weight" @model[69632] transposed source tensor<64x32xf32> : tensor<32x64xf32>
      %d = qz.linear down %act, %wd : (tensor<?x64xf32>, tensor<32x64xf32>) -> tensor<?x32xf32>
      %y = qz.add %h, %d : tensor<?x32xf32>
      qz.yield %y : tensor<?x32xf32>
    }
    %gf = qz.param "ln_f.weight" @model[81920] : tensor<32xf32>
    %nf = qz.layer_norm %x1, %gf eps 1.0e-5 : tensor<?x32xf32>, tensor<32xf32>
    %l = qz.linear head %nf, %e : (tensor<?x32xf32>, tensor<12x32xf32>) -> tensor<?x12xf32>
    qz.return %l : tensor<?x12xf32>
  }
})";

/// A text with each first text of a pair replaced, everywhere, by the second.
inline std::string
changed(std::string text,
        const std::vector<std::pair<std::string, std::string>> &changes) {
  for (const auto &[from, to] : changes) {
    size_t at = text.find(from);
    if (at == text.npos)
      throw Error("'" + from + "' is not in the module");
    for (; at != text.npos; at = text.find(from, at + to.size()))
      text.replace(at, from.size(), to);
  }
  return text;
}

/// A module that parses.
class TinyModule {
public:
  explicit TinyModule(const std::string &text) {
    Context.loadDialect<qz::QzDialect>();
    Module = mlir::parseSourceString<mlir::ModuleOp>(text, &Context);
    if (!Module)
      throw Error("the module does not parse");
  }
  mlir::ModuleOp operator*() const { return *Module; }
  mlir::ModuleOp *operator->() const { return Module.operator->(); }

private:
  mlir::MLIRContext Context;
  mutable mlir::OwningOpRef<mlir::ModuleOp> Module;
};

} // namespace qzc::gguf

#endif // QZC_TEST_UNIT_GGUF_TINYMODULE_H
