//===- ManifestVerifyTest.cpp - What verify refuses -----------------------===//

#include "SampleManifest.h"

#include "qzc/Support/Error.h"

#include <cmath>
#include <functional>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

using namespace qzc;
using namespace qzc::format;
using testing::HasSubstr;

namespace {
struct Case {
  const char *message; ///< part of what verify says
  std::function<void(Manifest &)> damage;
};
} // namespace

static const std::vector<Case> kCases = {
    {"the vocabulary", [](Manifest &m) { m.model.vocab = 0; }},
    {"the BOS token", [](Manifest &m) { m.model.bos = 10; }},
    {"an EOS token", [](Manifest &m) { m.model.eos = {-1}; }},
    {"adds a BOS token", [](Manifest &m) { m.model.bos.reset(); }},
    {"plain file name",
     [](Manifest &m) {
       m.weightsMode = WeightsMode::External;
       m.weightsFile = "../w";
     }},
    {"named but not used", [](Manifest &m) { m.weightsFile = "w"; }},
    {"outside of the weights", [](Manifest &m) { m.weightsBytes -= 1; }},
    {"outside of the weights",
     [](Manifest &m) { m.tensors[0].offset = uint64_t{1} << 63; }},
    {"not aligned", [](Manifest &m) { m.tensors[1].offset += 8; }},
    {"power of two", [](Manifest &m) { m.tensors[3].shape.blockSize = 48; }},
    {"fit in 63 bits",
     [](Manifest &m) {
       m.tensors[0].shape.rows = m.tensors[0].shape.cols = INT64_MAX;
     }},
    {"shape of its source", [](Manifest &m) { m.tensors[0].shape.rows = 9; }},
    {"source rows out of range",
     [](Manifest &m) {
       m.tensors[3].source.rows = {{40, 56}};
     }},
    {"no matrix", [](Manifest &m) { m.tensors[0].source.shape = {}; }},
    {"plain file name", [](Manifest &m) { m.sources[0].path = "../a"; }},
    {"has no SHA-256", [](Manifest &m) { m.sources[1].sha256[3] = 'g'; }},
    {"have no SHA-256", [](Manifest &m) { m.statistics.pop_back(); }},
    {"calibrated by nothing", [](Manifest &m) { m.statistics.clear(); }},
    {"calibrated by nothing",
     [](Manifest &m) {
       m.tensors[1].scaling = {};
       m.tensors[3].method = Method::Rtn;
     }},
    {"source that is none",
     [](Manifest &m) { m.tensors[0].source.ref = WeightRef(2, 0); }},
    {"source that is none", [](Manifest &m) { m.sources.pop_back(); }},
    {"how its source is packed",
     [](Manifest &m) {
       m = test::packedManifest();
       m.tensors[5].source.ref = WeightRef(0, 0);
     }},
    {"packed source that cannot be",
     [](Manifest &m) {
       m = test::packedManifest();
       m.tensors[5].source.packed->scheme = Scheme::Fp4;
     }},
    {"source that is none",
     [](Manifest &m) {
       m = test::packedManifest();
       m.sources.pop_back();
     }},
    {"no whole heads", [](Manifest &m) { m.tensors[3].scaling.width = 5; }},
    {"vector whose columns are scaled",
     [](Manifest &m) { m.tensors[1].scaling = {0, -1, false, 0, 1}; }},
    {"not stored as f32",
     [](Manifest &m) { m.tensors[1].shape.dtype = DType::BF16; }},
    {"scaled for no layer",
     [](Manifest &m) { m.tensors[4].method = Method::Mse; }},
    {"scaled for no layer", [](Manifest &m) { m.tensors[1].scaling.rows = 2; }},
    {"f16 exponent", [](Manifest &m) { m.tensors[0].f16Exponent = -1; }},
    {"block that does not exist", [](Manifest &m) { m.tensors[1].block = 1; }},
    {"a frequency for each pair", [](Manifest &m) { m.plan.ropes[0].dim = 6; }},
    {"frequency that is not finite",
     [](Manifest &m) { m.plan.ropes[0].inverseFrequencies[0] = NAN; }},
    {"a frequency for each pair",
     [](Manifest &m) { m.plan.ropes[1].longFrequencies.push_back(1); }},
    {"frequency that is not finite",
     [](Manifest &m) { m.plan.ropes[1].longFrequencies[0] = INFINITY; }},
    {"magnitude", [](Manifest &m) { m.plan.ropes[1].magnitude = 0; }},
    {"magnitude", [](Manifest &m) { m.plan.ropes[1].magnitude = NAN; }},
    {"which are long", [](Manifest &m) { m.plan.ropes[1].context = 0; }},
    {"which are long", [](Manifest &m) { m.plan.ropes[0].context = 9; }},
    {"does not grow", [](Manifest &m) { m.plan.ropes[1].growth = 2; }},
    {"does not grow", [](Manifest &m) { m.plan.ropes[2].growth = 0.5f; }},
    {"does not grow",
     [](Manifest &m) {
       m.plan.ropes[2].dim = 2;
       m.plan.ropes[2].inverseFrequencies.resize(1);
     }},
    {"buffer 1 lies outside",
     [](Manifest &m) { m.plan.buffers[1].offset = 192; }},
    {"buffer 0 is not aligned",
     [](Manifest &m) { m.plan.buffers[0].columns = 15; }},
    {"arena is too large",
     [](Manifest &m) { m.plan.bytesPerToken = 1ull << 40; }},
    {"outside of its buffer", [](Manifest &m) { m.plan.hidden.columns = 17; }},
    {"outside of its buffer",
     [](Manifest &m) { m.plan.body[4].outputs[0].column = INT64_MAX; }},
    {"buffer that does not exist",
     [](Manifest &m) { m.plan.body[4].inputs[0].buffer = kHiddenBuffer; }},
    {"buffer that does not exist",
     [](Manifest &m) { m.plan.body[4].inputs[0].buffer = 3; }},
    {"writes to the hidden states",
     [](Manifest &m) { m.plan.head[0].outputs[0].buffer = kHiddenBuffer; }},
    {"logits lie in the body",
     [](Manifest &m) { m.plan.logits.buffer = kHiddenBuffer; }},
    {"a column for each token", [](Manifest &m) { m.plan.logits.columns = 9; }},
    {"number of inputs", [](Manifest &m) { m.plan.body[9].inputs.pop_back(); }},
    {"number of outputs", [](Manifest &m) { m.plan.body[9].outputs.clear(); }},
    {"number of weights", [](Manifest &m) { m.plan.body[0].weights.clear(); }},
    {"tensor that does not exist",
     [](Manifest &m) { m.plan.body[0].weights = {6}; }},
    {"parameters of another operation",
     [](Manifest &m) { m.plan.body[0].params = ScaleParams{1}; }},
    {"cannot stand in the head",
     [](Manifest &m) { m.plan.head.push_back(m.plan.body[0]); }},
    {"rows for some tokens",
     [](Manifest &m) {
       m.plan.body[0].weights = {
           3,
       };
       m.model.vocab = 17;
       m.plan.headBuffers[0] = {32, 0};
       m.plan.headBytesPerToken = 128;
       m.plan.logits.columns = 17;
     }},
    {"rows for some positions",
     [](Manifest &m) { m.plan.body[1].params = AddPositionsParams{9}; }},
    {"vector of another length",
     [](Manifest &m) { m.plan.body[2].weights = {5}; }},
    {"quantized vector", [](Manifest &m) { m.plan.body[2].weights = {3}; }},
    {"parts out of range",
     [](Manifest &m) { m.plan.body[4].params = LinearParams{INT64_MAX}; }},
    {"output of another width",
     [](Manifest &m) { m.plan.body[4].outputs[0].columns = 23; }},
    {"weight of another width",
     [](Manifest &m) { m.plan.body[4].inputs[0].columns = 15; }},
    {"parts that are not stored alike",
     [](Manifest &m) {
       m.plan.body[4].weights = {3, 4};
     }},
    {"rows for each of its parts",
     [](Manifest &m) {
       std::get<LinearParams>(m.plan.body[4].params).rows.pop_back();
     }},
    {"part 1 ends after the weight",
     [](Manifest &m) {
       ++std::get<LinearParams>(m.plan.body[4].params).rows[1].first;
     }},
    {"output of another width",
     [](Manifest &m) {
       std::get<LinearParams>(m.plan.body[4].params).rows[1].rows = 6;
     }},
    {"biases of different element types",
     [](Manifest &m) {
       m.tensors[1].scaling = {};
       m.tensors[1].shape.dtype = DType::F16;
       m.plan.body[7].weights[3] = 1;
     }},
    {"residual of another width",
     [](Manifest &m) { m.plan.body[7].inputs[1].columns = 15; }},
    {"gates with a weight",
     [](Manifest &m) {
       m.tensors[4].shape = m.tensors[3].shape;
       m.tensors[4].shape.rows = 8;
       m.plan.body[7].weights = {3, 4, 2, 2};
       m.plan.body[7].params = LinearParams{2, true};
       m.plan.body[7].weights.resize(2);
     }},
    {"layer that does not exist",
     [](Manifest &m) {
       std::get<AttentionParams>(m.plan.body[6].params).layer = 1;
     }},
    {"more layers than launches",
     [](Manifest &m) { m.model.layers = INT32_MAX; }},
    {"an attention already",
     [](Manifest &m) { m.plan.body.push_back(m.plan.body[6]); }},
    {"bad kv_heads",
     [](Manifest &m) {
       std::get<AttentionParams>(m.plan.body[6].params).kvHeads = 0;
     }},
    {"head counts",
     [](Manifest &m) {
       std::get<AttentionParams>(m.plan.body[6].params).heads = INT64_MAX;
     }},
    {"rotates more than a head",
     [](Manifest &m) {
       m.plan.ropes[0].dim = 10;
       m.plan.ropes[0].inverseFrequencies.resize(5);
     }},
    {"rope that does not exist",
     [](Manifest &m) {
       std::get<AttentionParams>(m.plan.body[6].params).rope = 3;
     }},
    {"different widths",
     [](Manifest &m) { m.plan.body[10].inputs[1].columns = 8; }},
    {"bad limit",
     [](Manifest &m) { m.plan.body[12].params = ClampParams{-1}; }},
    {"bad cap", [](Manifest &m) { m.plan.head[1].params = SoftCapParams{0}; }},
    {"bad epsilon",
     [](Manifest &m) { m.plan.body[2].params = NormParams{NAN}; }},
    {"bad offset",
     [](Manifest &m) { m.plan.body[1].params = AddPositionsParams{-1}; }},
    {"bad window",
     [](Manifest &m) {
       std::get<AttentionParams>(m.plan.body[6].params).window = -1;
     }},
    {"bad activation",
     [](Manifest &m) {
       m.plan.body[8].params = ActivateParams{static_cast<Activation>(9)};
     }},
    {"more than one program", [](Manifest &m) { m.cuda.push_back(m.cuda[0]); }},
    {"kernel name", [](Manifest &m) { m.cuda[0].score[0].kernel = "a b"; }},
    {"block size", [](Manifest &m) { m.cuda[0].score[0].blockThreads = 2048; }},
    {"shared memory",
     [](Manifest &m) { m.cuda[0].score[0].sharedBytes = 1 << 20; }},
    {"grid", [](Manifest &m) { m.cuda[0].score[0].grid[0].fixed = 0; }},
    {"grid", [](Manifest &m) { m.cuda[0].score[0].grid[0].perTokens = -2; }},
    {"losses 1 has a buffer of the head",
     [](Manifest &m) { m.cuda[0].losses[1].args[1].a = 0; }},
    {"decode batch", [](Manifest &m) { m.cuda[0].decodeBatch = 0; }},
    {"decode batches", [](Manifest &m) { m.cuda[0].batches[0].sequences = 1; }},
    {"decode batches", [](Manifest &m) { m.cuda[0].batches[0].sequences = 8; }},
    {"decode batches", [](Manifest &m) { m.cuda[0].batches[1].sequences = 9; }},
    {"kernel name",
     [](Manifest &m) { m.cuda[0].batches[1].launches[0].kernel = ""; }},
    {"query tiles", [](Manifest &m) { m.cuda[0].tileQueries = 0; }},
    {"power of two", [](Manifest &m) { m.cuda[0].pagePositions = 48; }},
    {"argument outside of its buffer",
     [](Manifest &m) { m.cuda[0].decode[0].args[0].b = 48; }},
    {"buffer that does not exist",
     [](Manifest &m) { m.cuda[0].decode[0].args[0].a = int64_t{1} << 32; }},
    {"part that does not exist",
     [](Manifest &m) { m.cuda[0].decode[0].args[2].b = 2; }},
    {"layer that has none",
     [](Manifest &m) { m.cuda[0].decode[0].args[3].a = 1; }},
    {"scratch memory",
     [](Manifest &m) { m.cuda[0].decode[0].args[10].a = 4097; }},
    {"program's buffer 1 lies outside",
     [](Manifest &m) { m.cuda[0].memory.buffers[1].offset = 192; }},
    {"program's head buffer arena is too large",
     [](Manifest &m) { m.cuda[0].memory.headBytesPerToken = 1ull << 40; }},
    {"program's hidden view refers to a buffer that does not exist",
     [](Manifest &m) { m.cuda[0].memory.hidden.buffer = 3; }},
    {"program's hidden view is not as wide as the plan's",
     [](Manifest &m) { m.cuda[0].memory.hidden.columns = 15; }},
    {"program's logits lie in the body",
     [](Manifest &m) { m.cuda[0].memory.logits.buffer = kHiddenBuffer; }},
    {"program's logits view lies outside of its buffer",
     [](Manifest &m) { m.cuda[0].memory.logits.column = -1; }},
    {"refers to a buffer that does not exist",
     [](Manifest &m) { m.cuda[0].memory.buffers.resize(1); }},
    {"32 bits",
     [](Manifest &m) { m.cuda[0].decode[0].args[11].a = int64_t{1} << 31; }},
};

TEST(ManifestVerify, TheSampleIsSound) {
  EXPECT_NO_THROW(verify(test::sampleManifest()));
}

TEST(ManifestVerify, EachDamageIsNamed) {
  for (size_t i = 0; i < kCases.size(); ++i) {
    Manifest manifest = test::sampleManifest();
    kCases[i].damage(manifest);
    try {
      verify(manifest);
      ADD_FAILURE() << "case " << i << " (" << kCases[i].message << ") passed";
    } catch (const Error &error) {
      EXPECT_THAT(error.what(), HasSubstr(kCases[i].message)) << "case " << i;
    }
  }
}
