//===- TinyModel.h - A model that a test can play as a GPU ------*- C++ -*-===//
//
// One attention layer's worth of plan (for caches and rope tables) and kernels
// whose arithmetic is written in the tests. It passes format::verify.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_TEST_UNIT_CUDARUNTIME_TINYMODEL_H
#define QZC_TEST_UNIT_CUDARUNTIME_TINYMODEL_H

#include "qzc/Format/CodeModules.h"
#include "qzc/Format/Manifest.h"
#include "qzc/Runtime/Image.h"

#include <cstddef>
#include <string>
#include <vector>

namespace qzc::test {

inline constexpr int64_t kVocab = 20;
inline constexpr int64_t kHidden = 16;
inline constexpr int64_t kLogitColumns = 32; ///< wider than the vocabulary
inline constexpr int64_t kContext = 64;

inline format::Tensor tinyTensor(std::string name, int64_t rows, int64_t cols,
                                 uint64_t offset) {
  format::Tensor tensor;
  tensor.shape.rows = rows;
  tensor.shape.cols = cols;
  tensor.offset = offset;
  tensor.source.name = std::move(name);
  tensor.source.shape = {rows, cols};
  return tensor;
}

/// Threads of a block of "step" in passes of two or three sequences.
inline constexpr unsigned kBatchThreads = 96;

inline format::CudaLaunch tinyLaunch(std::string kernel,
                                     std::vector<format::CudaArg> args) {
  format::CudaLaunch launch;
  launch.kernel = std::move(kernel);
  launch.blockThreads = 128;
  launch.args = std::move(args);
  return launch;
}

inline format::Manifest tinyManifest() {
  using format::CudaArg;
  using Kind = CudaArg::Kind;
  format::Manifest manifest;
  manifest.producer = "test";
  manifest.nvrtcVersion = "12.9";
  manifest.minimumDriver = 12000;
  manifest.model.name = "tiny";
  manifest.model.family = "test";
  manifest.model.vocab = kVocab;
  manifest.model.hidden = kHidden;
  manifest.model.layers = 1;
  manifest.model.context = kContext;
  manifest.tensors = {tinyTensor("table", kVocab, kHidden, 0)};
  manifest.weightsBytes = format::paddedBytes(manifest.tensors[0].shape);

  format::Plan &plan = manifest.plan;
  format::Rope rope;
  rope.dim = 4;
  rope.inverseFrequencies = {1.0F, 0.25F};
  plan.ropes = {rope};
  plan.buffers = {{kHidden, 0}, {3 * kHidden, kHidden * 4}};
  plan.bytesPerToken = 4 * kHidden * 4;
  plan.hidden = {1, kHidden, kHidden};
  format::Launch embed;
  embed.opcode = format::Opcode::Embed;
  embed.outputs = {{0, 0, kHidden}};
  embed.weights = {0};
  embed.params = format::EmbedParams{};
  format::Launch attention;
  attention.opcode = format::Opcode::Attention;
  attention.inputs = {{0, 0, 16}, {0, 0, 8}, {0, 8, 8}};
  attention.outputs = {{1, kHidden, kHidden}};
  format::AttentionParams params;
  params.heads = 4;
  params.kvHeads = 2;
  params.headDim = 4;
  params.scale = 0.5F;
  params.rope = 0;
  attention.params = params;
  plan.body = {embed, attention};
  plan.headBuffers = {{kLogitColumns, 64}};
  plan.headBytesPerToken = 64 + kLogitColumns * 4;
  format::Launch head;
  head.opcode = format::Opcode::Linear;
  head.inputs = {{format::kHiddenBuffer, 0, kHidden}};
  head.outputs = {{0, 4, kVocab}};
  head.weights = {0};
  head.params = format::LinearParams{};
  plan.head = {head};
  plan.logits = {0, 4, kVocab};

  CudaArg hidden = {Kind::HeadView, format::kHiddenBuffer, 0, 0};
  CudaArg logits = {Kind::HeadView, 0, 4, 0};
  CudaArg state = {Kind::State, 0, 0, 0};
  CudaArg tokens = {Kind::Tokens, 0, 0, 0};
  format::CudaLaunch body =
      tinyLaunch("body", {state, tokens, {Kind::View, 1, kHidden, 0}});
  body.grid = {{{3, 4}, {2, 0}, {1, 0}}};
  body.sharedBytes = 64 * 1024;
  format::CudaLaunch all = tinyLaunch("all", {{Kind::Tensor, 0, 0, 0},
                                              {Kind::Cache, 0, 0, 0},
                                              {Kind::RopeTable, 0, 0, 0},
                                              {Kind::Scratch, 256, 8, 0},
                                              {Kind::Int, -5, 0, 0},
                                              {Kind::Float, 0, 0, 1.5F},
                                              state});
  all.perCacheType = true;
  format::CudaLaunch step =
      tinyLaunch("step", {state, tokens, {Kind::View, 1, kHidden, 0}});
  format::CudaLaunch headLaunch = tinyLaunch("head", {state, hidden, logits});
  headLaunch.grid[0] = {1, 1};
  headLaunch.sharedBytes = 48 * 1024;
  format::CudaLaunch score = tinyLaunch(
      "score",
      {state, logits, {Kind::Targets, 0, 0, 0}, {Kind::Losses, 0, 0, 0}});
  format::CudaLaunch choose = tinyLaunch("choose", {state, logits, tokens});
  format::CudaProgram &cuda = manifest.cuda.emplace_back();
  cuda.archs = {"sm_80", "sm_86", "sm_90a", "compute_80"};
  cuda.memory = manifest.plan;
  // Its buffers lie otherwise.
  cuda.memory.buffers = {{kHidden, 3 * kHidden * 4}, {3 * kHidden, 0}};
  cuda.prefill = {body, all};
  cuda.head = {headLaunch};
  cuda.score = {score};
  cuda.draw = {
      tinyLaunch("draw", {state, logits, tokens, {Kind::Draws, 0, 0, 0}})};
  cuda.decode = {step, headLaunch, choose};
  cuda.decodeBatch = 4;
  format::CudaLaunch together = step;
  together.blockThreads = kBatchThreads;
  cuda.batches = {{3, {together, headLaunch, choose}}};
  cuda.scratchBytes = 512;
  cuda.scratchBytesPerToken = 16;
  return manifest;
}

/// A launch that makes losses of hidden rows.
inline format::CudaLaunch tinyLosses() {
  using Kind = format::CudaArg::Kind;
  return tinyLaunch("losses", {{Kind::State, 0, 0, 0},
                               {Kind::HeadView, format::kHiddenBuffer, 0, 0},
                               {Kind::Targets, 0, 0, 0},
                               {Kind::Losses, 0, 0, 0}});
}

/// An image in memory.
class TinyImage : public runtime::Image {
public:
  explicit TinyImage(format::Manifest manifest)
      : Manifest(std::move(manifest)), Bytes(Manifest.weightsBytes) {
    for (size_t index = 0; index != Bytes.size(); ++index)
      Bytes[index] = static_cast<std::byte>(index * 7 + 1);
    Packed = {packed({"sm80", 5}), packed({"sm86", 5}), packed({"sm90a", 6}),
              packed({"ptx80", 6})};
    Code = {{80, false, false, Packed[0]},
            {86, false, false, Packed[1]},
            {90, true, false, Packed[2]},
            {80, false, true, Packed[3]}};
  }

  const format::Manifest &manifest() const override { return Manifest; }
  std::string_view tokenizerJson() const override { return {}; }
  const std::vector<runtime::DeviceCode> &deviceCode() const override {
    return Code;
  }
  uint64_t fileBytes() const override { return 0; }
  std::vector<InputFile> files() const override { return {}; }
  format::PackedView tensor(int64_t) const override { return {}; }
  const std::byte *weights() const override { return Bytes.data(); }

  /// Code in which each of the tests' kernels is `text`.
  static std::string packed(std::string_view text) {
    std::vector<format::CodeModule> modules;
    for (const char *kernel : {"body", "all", "step", "head", "score", "choose",
                               "draw", "losses", "arrange"})
      modules.push_back({kernel, text});
    return format::packModules(modules);
  }

  format::Manifest Manifest;
  std::vector<std::byte> Bytes;
  std::vector<std::string> Packed;
  std::vector<runtime::DeviceCode> Code;
};

} // namespace qzc::test

#endif // QZC_TEST_UNIT_CUDARUNTIME_TINYMODEL_H
