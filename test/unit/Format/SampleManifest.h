//===- SampleManifest.h - A small sound manifest for tests ------*- C++ -*-===//

#ifndef QZC_TEST_UNIT_FORMAT_SAMPLEMANIFEST_H
#define QZC_TEST_UNIT_FORMAT_SAMPLEMANIFEST_H

#include "qzc/Format/Manifest.h"

namespace qzc::test {

/// One decoder block of width 16 with two heads, a vocabulary of 10; every kind
/// of launch and of CUDA argument.
inline format::Manifest sampleManifest() {
  using namespace format;
  Manifest m;
  m.producer = "qzc 0.1.0";
  m.model = {"tiny",
             "llama",
             10,
             16,
             1,
             32,
             1,
             {2, 3},
             true,
             "{{ \"ä\" }}",
             {{"bos_token", "<s>"}}};
  m.selection = "nf4";
  m.syntheticSeed = UINT64_MAX;
  m.nvrtcVersion = "12.9";
  m.minimumDriver = 12000;

  const auto add = [&](PackedShape shape, std::string role, int64_t block,
                       TensorSource source) {
    Tensor tensor;
    tensor.shape = shape;
    tensor.offset = m.weightsBytes;
    tensor.role = std::move(role);
    tensor.block = block;
    tensor.source = std::move(source);
    m.tensors.push_back(tensor);
    m.weightsBytes += paddedBytes(shape);
    return static_cast<int32_t>(m.tensors.size() - 1);
  };
  const PackedShape vector = {Scheme::None, DType::BF16, 1, 16, 0};
  const int32_t embed = add({Scheme::None, DType::BF16, 10, 16, 0}, "embed", -1,
                            {"embed", {10, 16}, DType::BF16, false, {}});
  const int32_t norm = add({Scheme::None, DType::F32, 1, 16, 0}, "norm", 0,
                           {"norm", {16}, DType::BF16, false, {}});
  const int32_t bias =
      add(vector, "bias", 0, {"bias", {48}, DType::BF16, false, {{16, 32}}});
  const int32_t q =
      add({Scheme::Nf4, DType::F32, 16, 16, 64, ScaleCodec::Double}, "q", 0,
          {"qkv", {16, 48}, DType::F16, true, {{0, 16}}});
  const int32_t k = add({Scheme::Int8, DType::F32, 8, 16, 0}, "k", 0,
                        {"qkv", {16, 48}, DType::F16, true, {{16, 24}}});
  const int32_t table = add({Scheme::None, DType::F32, 40, 16, 0}, "position",
                            -1, {"table", {40, 16}, DType::F32, false, {}});
  m.tensors[3].f16Exponent = 2;
  m.sources = {{"a.safetensors", 4096, std::string(64, 'a')},
               {"b.safetensors", 8192, std::string(64, '0')}};
  m.statistics = std::string(64, '9');
  m.tensors[0].source.ref = WeightRef(1, 512);
  m.tensors[3].source.ref = WeightRef(0, 64);
  m.tensors[3].method = Method::Awq;
  m.tensors[3].calibrated = "blk.0.qkv";
  m.tensors[1].scaling.rows = 0;
  m.tensors[1].scaling.unitOffset = true;
  m.tensors[3].scaling = {0, 1, false, 8, 2};
  m.tensors[4].method = Method::Awq;
  m.tensors[4].scaling.columns = 1;

  Plan &plan = m.plan;
  plan.ropes = {{8, false, {1.0f, 0.1f, 1e-5f, 3.0e-7f}, 1, 0, {}, 0}};
  // Not used: what a rope may have beside.
  plan.ropes.push_back(
      {4, true, {1.0f, 0.1f}, 1.25f, 90, {0.5f, 0.01f}, /*growth=*/0});
  plan.ropes.push_back({4, true, {1.0f, 0.1f}, 1, 90, {}, /*growth=*/2.5f});
  plan.buffers = {{16, 0}, {48, 64}, {16, 256}};
  plan.bytesPerToken = 320;
  const View x = {0, 0, 16};
  const View y = {2, 0, 16};
  const View qv = {1, 0, 16};
  const View kv = {1, 16, 8};
  const View vv = {1, 24, 8};
  plan.body = {
      {Opcode::Embed, {}, {x}, {embed}, EmbedParams{}},
      {Opcode::AddPositions, {x}, {x}, {table}, AddPositionsParams{2}},
      {Opcode::RmsNorm, {x}, {y}, {norm}, NormParams{1e-5f, true}},
      {Opcode::LayerNorm, {x}, {y}, {norm, bias}, NormParams{1e-6f, false}},
      {Opcode::Linear,
       {y},
       {{1, 0, 24}},
       {q, q},
       LinearParams{2,
                    false,
                    false,
                    Activation::None,
                    {RowView::all(16), {2, 8, 2, 4}}}},
      {Opcode::Linear, {y}, {vv}, {k}, LinearParams{1}},
      {Opcode::Attention,
       {qv, kv, vv},
       {y},
       {},
       AttentionParams{0, 2, 1, 8, 0.35355338f, 16, 50.0f, 8.0f, 0}},
      {Opcode::Linear,
       {y, x},
       {x},
       {q, q, bias, bias},
       LinearParams{2, true, true, Activation::GeluTanh}},
      {Opcode::Activate, {x}, {x}, {}, ActivateParams{Activation::Relu}},
      {Opcode::Add, {x, y}, {x}, {}, NoParams{}},
      {Opcode::Mul, {x, y}, {x}, {}, NoParams{}},
      {Opcode::Scale, {x}, {x}, {}, ScaleParams{0.1f}},
      {Opcode::Clamp, {x}, {x}, {}, ClampParams{8}},
  };
  plan.hidden = x;
  plan.headBuffers = {{16, 0}};
  plan.headBytesPerToken = 64;
  plan.logits = {0, 0, 10};
  plan.head = {
      {Opcode::Linear,
       {{kHiddenBuffer, 0, 16}},
       {plan.logits},
       {embed},
       LinearParams{1}},
      {Opcode::SoftCap, {plan.logits}, {plan.logits}, {}, SoftCapParams{30}},
  };

  CudaProgram &cuda = m.cuda.emplace_back();
  cuda.archs = {"sm_90a", "compute_80"};
  cuda.memory = plan;
  cuda.scratchBytes = 4096;
  cuda.scratchBytesPerToken = 64;
  CudaLaunch launch;
  launch.kernel = "linear_16x16";
  launch.perCacheType = true;
  launch.grid = {GridDim{8, 0}, GridDim{1, 64}, GridDim{1, kPerTile}};
  launch.blockThreads = 256;
  launch.sharedBytes = 49152;
  using Kind = CudaArg::Kind;
  launch.args = {{Kind::View, 1, 16, 0},   {Kind::HeadView, -2, 0, 0},
                 {Kind::Tensor, 3, 1, 0},  {Kind::Cache, 0, 0, 0},
                 {Kind::RopeTable},        {Kind::State},
                 {Kind::Tokens},           {Kind::Tiles},
                 {Kind::Targets},          {Kind::Losses},
                 {Kind::Scratch, 64, 64},  {Kind::Int, -5},
                 {Kind::Float, 0, 0, 0.1f}};
  cuda.decodeBatch = 8;
  cuda.tileQueries = 64;
  cuda.pagePositions = 32;
  cuda.decode = {launch, launch};
  cuda.batches = {{4, {launch}}, {8, {launch, launch}}};
  cuda.prefill = {launch};
  cuda.head = {launch};
  cuda.score = {launch};
  cuda.losses = {launch, launch};
  cuda.draw = {launch};
  return m;
}

/// The same with a table that its checkpoint holds quantized.
inline format::Manifest packedManifest() {
  using namespace format;
  Manifest m = sampleManifest();
  TensorSource &source = m.tensors[5].source;
  source.packed = {Scheme::Nf4, {}, 64};
  PackedSource packed;
  packed.packing = Packing::Bitsandbytes;
  packed.shape = source.held();
  packed.offset = 1.5f;
  packed.tensors = {{"codes", "table", "U8", {320, 1}, 1, 640}};
  source.ref = WeightRef(std::move(packed));
  return m;
}

} // namespace qzc::test

#endif // QZC_TEST_UNIT_FORMAT_SAMPLEMANIFEST_H
