//===- Model.cpp - Small random models for kernel tests -------------------===//

#include "Model.h"

#include "Weights.h"

#include <algorithm>
#include <cmath>
#include <numeric>

using namespace qzc;
using namespace qzc::kernel_test;
using namespace qzc::format;

uint64_t Random::next() {
  State += 0x9e3779b97f4a7c15u;
  uint64_t z = State;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

float Random::uniform() {
  return static_cast<float>(next() >> 40) / float(1 << 23) - 1.0f;
}

/// What a manifest needs to know of where a tensor is from.
static void nameSource(Tensor &tensor, size_t index) {
  tensor.source.name = "tensor" + std::to_string(index);
  tensor.source.shape = {tensor.shape.rows, tensor.shape.cols};
}

namespace {
/// Builds a plan launch by launch.
class Maker {
public:
  Maker(Model &model, Random &random) : Result(model), R(random) {}

  /// Random values of about ±amplitude around `center`.
  int32_t tensor(const PackedShape &shape, float amplitude, float center = 0) {
    Tensor t;
    t.shape = shape;
    nameSource(t, Result.manifest.tensors.size());
    t.offset = Result.weights.size();
    Result.weights.resize(t.offset + paddedBytes(shape));
    t.f16Exponent = randomWeight(R, shape, amplitude, center,
                                 Result.weights.data() + t.offset);
    Result.manifest.tensors.push_back(t);
    return int32_t(Result.manifest.tensors.size() - 1);
  }

  View buffer(int64_t columns) {
    auto &list = Head ? plan().headBuffers : plan().buffers;
    uint64_t &bytes = Head ? plan().headBytesPerToken : plan().bytesPerToken;
    const int64_t stride = (columns + 15) / 16 * 16;
    list.push_back({stride, bytes});
    bytes += uint64_t(stride) * 4;
    return {int32_t(list.size() - 1), 0, columns};
  }

  void launch(Opcode opcode, std::vector<View> inputs, View output,
              std::vector<int32_t> weights, LaunchParams params) {
    (Head ? plan().head : plan().body)
        .push_back({opcode,
                    std::move(inputs),
                    {output},
                    std::move(weights),
                    std::move(params)});
  }

  View norm(View in, bool layerNorm, bool weighted, bool unitOffset,
            int64_t heads = 1) {
    const View out = buffer(in.columns);
    std::vector<int32_t> weights;
    const PackedShape shape = {Scheme::None, R.pick({DType::F32, DType::BF16}),
                               1, in.columns / heads, 0};
    if (weighted)
      weights.push_back(tensor(shape, 0.2f, unitOffset ? 0.0f : 1.0f));
    if (weighted && layerNorm)
      weights.push_back(tensor(shape, 0.2f));
    launch(layerNorm ? Opcode::LayerNorm : Opcode::RmsNorm, {in}, out, weights,
           NormParams{1e-5f, unitOffset, heads});
    return out;
  }

  Plan &plan() { return Result.manifest.plan; }

  Model &Result;
  Random &R;
  bool Head = false;
};

/// Views of one weight that holds parts of these rows in `turns` runs each.
std::vector<RowView> runsOf(const std::vector<int64_t> &rows, int64_t turns) {
  const int64_t all = std::accumulate(rows.begin(), rows.end(), int64_t(0));
  std::vector<RowView> views;
  int64_t first = 0;
  for (int64_t n : rows) {
    views.push_back(turns == 1 ? RowView{first, n, n, n}
                               : RowView{first, n, n / turns, all / turns});
    first += n / turns;
  }
  return views;
}
} // namespace

/// Quantized schemes in turn.
static PackedShape wideShape(int number) {
  static const PackedShape shapes[] = {
      {Scheme::Nf4, DType::F32, 0, 0, 64},
      {Scheme::Q4_0, DType::F32, 0, 0, 0},
      {Scheme::Fp4, DType::F32, 0, 0, 64, ScaleCodec::Double},
      {Scheme::Int8, DType::F32, 0, 0, 0},
      {Scheme::Nf4, DType::F32, 0, 0, 32, ScaleCodec::Double},
      {Scheme::Q8_0, DType::F32, 0, 0, 0},
      {Scheme::Fp4, DType::F32, 0, 0, 256},
  };
  return shapes[static_cast<size_t>(number) % std::size(shapes)];
}

/// Storages of linear codes in planes or bytes, in turn.
static PackedShape planarShape(int number) {
  static const PackedShape shapes[] = {
      {Scheme::Q4_K, DType::F32, 0, 0, 0},
      {Scheme::Q6_K, DType::F32, 0, 0, 0},
      {Scheme::Int4, DType::F32, 0, 0, 128, ScaleCodec::Asym},
      {Scheme::Q5_0, DType::F32, 0, 0, 0},
      {Scheme::Int3, DType::F32, 0, 0, 64},
      {Scheme::Q5_K, DType::F32, 0, 0, 0},
      {Scheme::Q4_1, DType::F32, 0, 0, 0},
      {Scheme::Int3, DType::F32, 0, 0, 32, ScaleCodec::Asym},
      {Scheme::Int4, DType::F32, 0, 0, 64},
      {Scheme::Q5_1, DType::F32, 0, 0, 0},
      {Scheme::Fp8, DType::F32, 0, 0, 128},
      {Scheme::Int8g, DType::F32, 0, 0, 32, ScaleCodec::Asym},
      {Scheme::Int2, DType::F32, 0, 0, 64},
      {Scheme::Ternary, DType::F32, 0, 0, 0},
      {Scheme::Int8, DType::F32, 0, 0, 0, ScaleCodec::Absmax},
      {Scheme::Fp8, DType::F32, 0, 0, 0},
      {Scheme::Int8g, DType::F32, 0, 0, 128},
      {Scheme::Int2, DType::F32, 0, 0, 32, ScaleCodec::Asym},
  };
  return shapes[static_cast<size_t>(number) % std::size(shapes)];
}

/// Storages that tensor cores multiply as bytes, as halves and with minima.
static PackedShape tileShape(int number) {
  static const PackedShape shapes[] = {
      {Scheme::Q4_0, DType::F32, 0, 0, 0},
      {Scheme::Nf4, DType::F32, 0, 0, 64},
      {Scheme::Int4, DType::F32, 0, 0, 32, ScaleCodec::Asym},
  };
  return shapes[static_cast<size_t>(number) % std::size(shapes)];
}

/// Those of two layers and of what is around them.
static PackedShape orderShape(int number) {
  const PackedShape nf4 = {Scheme::Nf4, DType::F32, 0, 0, 64};
  const PackedShape q4 = {Scheme::Q4_0, DType::F32, 0, 0, 0};
  return number == 1 ? q4 : nf4;
}

Model qzc::kernel_test::makeCase(int number) {
  if (number >= kCases) {
    Model model = makeCase(number - kCases);
    model.emulated = kHopper;
    if (number - kCases >= kFirstPairCase && number - kCases <= kLastPairCase)
      model.processors = 4;
    model.description += " for sm_90a";
    return model;
  }
  Model model;
  model.manifest.model.context = 320;
  Random r(1000 + uint64_t(number));
  Maker make(model, r);
  Plan &plan = model.manifest.plan;
  const bool kept = number == kKeptCase;
  const bool tiles = number == kTileCase;
  const bool ordered = number == kOrderCase;
  const bool planar = number >= kPlanarCases && number < kKeptCase;
  const bool wide = number >= kWideCases && number < kKeptCase;
  // Of two such cases the second does without tensor cores.
  if ((wide && number != kPlanarCases + 1) || ordered)
    model.processors = 4;
  if (tiles)
    model.processors = 24;

  struct Heads {
    int64_t heads, kvHeads, headDim;
  };
  const bool tiny = number >= kTinyCases && number < kWideCases;
  const Heads h = kept      ? Heads{9, 3, 64}
                  : tiles   ? Heads{4, 2, 64}
                  : ordered ? Heads{8, 4, 64}
                  : tiny    ? r.pick<Heads>({{1, 1, 1},
                                             {2, 1, 1},
                                             {2, 2, 2},
                                             {3, 3, 3},
                                             {5, 1, 2},
                                             {1, 1, 4},
                                             {4, 2, 5}})
                  : wide    ? r.pick<Heads>({{6, 2, 64}, {12, 4, 32}})
                            : r.pick<Heads>({{9, 3, 64},
                                             {4, 4, 16},
                                             {6, 2, 21},
                                             {8, 1, 32},
                                             {2, 2, 128},
                                             {2, 1, 256},
                                             {5, 5, 20},
                                             {4, 2, 80},
                                             {3, 3, 7},
                                             {12, 2, 64},
                                             {4, 1, 96}});
  const int64_t hidden =
      tiny                ? r.pick<int64_t>({1, 2, 3, 4, 6})
      : planar || ordered ? 512
      : wide              ? r.pick<int64_t>({416, 544})
      : kept              ? 320
      : tiles             ? 1376
              : r.pick<int64_t>({48, 64, 77, 96, 160, 320, 576, 33});
  const int64_t inner = tiny      ? r.pick<int64_t>({1, 2, 3, 4, 6, 9})
                        : planar  ? 512
                        : ordered ? 1024
                        : wide    ? 448
                        : tiles
                            ? 320
                            : r.pick<int64_t>({64, 131, 256, 1536, 95, 416});
  const int64_t vocab =
      tiny            ? r.pick<int64_t>({1, 2, 3, 5, 33})
      : wide || tiles ? 203
      : ordered       ? 1032
                      : r.pick<int64_t>({1000, 513, 4099, 256, 49152 / 4});
  const bool layerNorm = r.chance(50) || kept;
  const bool weighted = r.chance(85) || kept;
  const bool unitOffset = !layerNorm && weighted && r.chance(30);
  const bool normedHeads = r.chance(30) && !kept && !tiles && !ordered;
  const bool bias = r.chance(50);
  const bool gated = r.chance(60) || ordered;
  const bool mixed = r.chance(40); ///< every layer its own scheme
  const int64_t window = r.chance(30) ? 19 : 0;
  const float softCap = r.chance(25) && !ordered ? 5.0f : 0.0f;
  const auto activation = r.pick({Activation::Relu, Activation::Silu,
                                  Activation::Gelu, Activation::GeluTanh});
  const bool rope = r.chance(75);
  // Drawn apart: what other numbers stand for is as it was.
  Random more(2000 + uint64_t(number));
  const float drawn = more.pick({0.0f, 0.0f, 8.0f, 5.0f});
  // Norms of two features are too near to turning over for other scores.
  const float alibi = tiny ? 0.0f : drawn;
  const float magnitude = more.pick({1.0f, 1.2f});
  // OPT-350m's form: norms behind the additions, narrow embeddings projected.
  const bool plain = kept || (number >= kPlainCases && number < kTinyCases);
  const bool post = plain || number == kPlanarPostCase;
  const int64_t narrow = plain ? hidden / 2 : hidden;
  const PackedShape common = randomShape(r);
  int layers = 0;
  auto shape = [&](int64_t rows, int64_t cols) {
    PackedShape s = mixed ? randomShape(r) : common;
    // Every other layer of a block is wide.
    if (planar)
      s = planarShape((number - kPlanarCases) * 4 + layers++);
    else if (wide)
      s = wideShape((number - kWideCases) * 5 + layers++ / 2);
    else if (tiles) // four of a decoder layer, behind the embedding
      s = tileShape((layers++ + 3) / 4);
    else if (ordered)
      s = orderShape((layers++ + 3) / 4);
    s.rows = rows;
    s.cols = cols;
    // Where ggml's blocks do not divide a row.
    return checkShape(s) ? PackedShape{Scheme::Int8, DType::F32, rows, cols, 0}
                         : s;
  };
  // Some cases have the parts of a layer in one weight, one behind the other or
  // in turns of heads. Their own dice leave the others as they are.
  Random fusion(5000 + uint64_t(number));
  const bool fused = fusion.chance(40);
  auto linear = [&](std::vector<View> inputs, View out,
                    std::vector<int64_t> rows, LinearParams params) {
    int64_t turns = fusion.chance(50) ? 1 : rows[0];
    for (int64_t n : rows)
      turns = std::gcd(turns, n);
    std::vector<int32_t> weights;
    const int64_t cols = inputs[0].columns;
    const float amplitude = 1.7f / std::sqrt(float(cols));
    PackedShape stored = shape(rows[0], cols);
    params.parts = int64_t(rows.size());
    if (fused && rows.size() > 1) {
      params.rows = runsOf(rows, turns);
      stored.rows = std::accumulate(rows.begin(), rows.end(), int64_t(0));
      weights.assign(rows.size(), make.tensor(stored, amplitude));
    } else {
      for (int64_t n : rows) {
        stored.rows = n;
        weights.push_back(make.tensor(stored, amplitude));
      }
    }
    params.hasBias = bias;
    const DType dtype = r.pick({DType::F32, DType::BF16, DType::F16});
    if (bias)
      for (int64_t n : rows)
        weights.push_back(make.tensor({Scheme::None, dtype, 1, n, 0}, 0.3f));
    make.launch(Opcode::Linear, std::move(inputs), out, weights, params);
  };

  std::optional<int64_t> ropeIndex;
  if (rope && h.headDim >= (tiny ? 2 : 4)) {
    Rope table;
    const int64_t even = h.headDim / 2 * 2;
    table.dim = r.chance(50) ? even : std::max<int64_t>(2, even / 4 * 2);
    table.interleaved = r.chance(40);
    table.magnitude = magnitude;
    for (int64_t i = 0; i < table.dim / 2; ++i)
      table.inverseFrequencies.push_back(
          std::pow(10000.0f, -2.0f * float(i) / float(table.dim)));
    plan.ropes.push_back(table);
    ropeIndex = 0;
  }

  View x = make.buffer(narrow);
  const int32_t table = make.tensor(shape(vocab, narrow), 1.0f);
  make.launch(Opcode::Embed, {}, x, {table}, EmbedParams{});
  if (post) {
    const View wide = make.buffer(hidden);
    linear({x}, wide, {hidden}, {});
    x = wide;
  }
  if (r.chance(50)) {
    const int32_t positions =
        make.tensor({Scheme::None, DType::F32, 1000, hidden, 0}, 0.3f);
    make.launch(Opcode::AddPositions, {x}, x, {positions},
                AddPositionsParams{r.pick<int64_t>({0, 2})});
  }
  model.manifest.model.hidden = hidden;
  model.manifest.model.layers = kept || tiles ? 3 : 2;
  for (int64_t layer = 0; layer < model.manifest.model.layers; ++layer) {
    const auto normed = [&](View in, bool here) {
      return here ? make.norm(in, layerNorm, weighted, unitOffset) : in;
    };
    const View n = normed(x, !post);
    const int64_t q = h.heads * h.headDim;
    const int64_t kv = h.kvHeads * h.headDim;
    const View qkv = make.buffer(q + 2 * kv);
    linear({n}, qkv, {q, kv, kv}, {});
    const View attended = make.buffer(q);
    AttentionParams attention;
    attention.layer = layer;
    attention.heads = h.heads;
    attention.kvHeads = h.kvHeads;
    attention.headDim = h.headDim;
    attention.scale = 1.0f / std::sqrt(float(h.headDim));
    attention.window = window;
    attention.softCap = softCap;
    attention.alibi = alibi;
    attention.rope = ropeIndex;
    View query = {qkv.buffer, 0, q};
    View key = {qkv.buffer, q, kv};
    if (normedHeads) {
      query = make.norm(query, layerNorm, weighted, unitOffset, h.heads);
      key = make.norm(key, layerNorm, weighted, unitOffset, h.kvHeads);
    }
    make.launch(Opcode::Attention, {query, key, {qkv.buffer, q + kv, kv}},
                attended, {}, attention);
    // One norm of those that are kept has a reader beside the residual's.
    const bool readTwice = kept && layer == 2;
    View next = r.chance(50) && !readTwice ? x : make.buffer(hidden);
    linear({attended, x}, next, {hidden}, {});
    if (readTwice)
      make.launch(Opcode::Add, {next, x}, next, {}, NoParams{});
    x = normed(next, post);
    const View n2 = normed(x, !post);
    View wide = make.buffer(inner);
    LinearParams up;
    up.activation = activation;
    up.gated = gated;
    linear({n2}, wide,
           gated ? std::vector<int64_t>{inner, inner}
                 : std::vector<int64_t>{inner},
           up);
    if (r.chance(30)) {
      make.launch(Opcode::Clamp, {wide}, wide, {}, ClampParams{2.5f});
      make.launch(Opcode::Scale, {wide}, wide, {}, ScaleParams{0.75f});
    }
    next = make.buffer(hidden);
    if (r.chance(50)) {
      linear({wide, x}, next, {hidden}, {});
    } else {
      linear({wide}, next, {hidden}, {});
      make.launch(Opcode::Add, {next, x}, next, {}, NoParams{});
    }
    if (r.chance(20)) {
      const View product = make.buffer(hidden);
      make.launch(Opcode::Activate, {next}, product, {},
                  ActivateParams{Activation::Gelu});
      make.launch(Opcode::Mul, {product, next}, product, {}, NoParams{});
      make.launch(Opcode::Add, {next, product}, next, {}, NoParams{});
    }
    x = normed(next, post);
  }
  const bool normInHead = r.chance(50) && !post;
  if (post) {
    const View out = make.buffer(narrow);
    linear({x}, out, {narrow}, {});
    x = out;
  } else if (!normInHead) {
    x = make.norm(x, layerNorm, weighted, unitOffset);
  }
  plan.hidden = x;
  make.Head = true;
  View in = {kHiddenBuffer, 0, narrow};
  if (normInHead)
    in = make.norm(in, layerNorm, weighted, unitOffset);
  const View logits = make.buffer(vocab);
  if (ordered) // the embedding again
    make.launch(Opcode::Linear, {in}, logits, {table}, LinearParams{});
  else
    linear({in}, logits, {vocab}, {});
  if (r.chance(30))
    make.launch(Opcode::SoftCap, {logits}, logits, {}, SoftCapParams{3.0f});
  plan.logits = logits;
  model.manifest.weightsBytes = model.weights.size();
  model.manifest.model.vocab = vocab;
  model.description =
      "hidden " + std::to_string(hidden) + " inner " + std::to_string(inner) +
      " vocab " + std::to_string(vocab) + " heads " + std::to_string(h.heads) +
      "/" + std::to_string(h.kvHeads) + "x" + std::to_string(h.headDim) + " " +
      (mixed ? "mixed" : describeStorage(common)) + (gated ? " gated" : "") +
      (fused ? " fused" : "") + (post ? " post-norm" : "") +
      (bias ? " bias" : "") + (normedHeads ? " normed heads" : "") +
      (window ? " window" : "") + (softCap != 0 ? " softcap" : "") +
      (alibi != 0 ? " alibi" : "");
  return model;
}

const std::vector<BenchShape> &qzc::kernel_test::benchShapes() {
  static const PackedShape nf4 = {Scheme::Nf4, DType::F32, 0, 0, 64};
  static const PackedShape nf4Double = {Scheme::Nf4, DType::F32,        0, 0,
                                        64,          ScaleCodec::Double};
  static const PackedShape fp4 = {Scheme::Fp4, DType::F32, 0, 0, 64};
  static const PackedShape q8 = {Scheme::Q8_0, DType::F32, 0, 0, 0};
  static const PackedShape q4 = {Scheme::Q4_0, DType::F32, 0, 0, 0};
  static const PackedShape int8 = {Scheme::Int8, DType::F32, 0, 0, 0};
  static const PackedShape bf16 = {Scheme::None, DType::BF16, 0, 0, 0};
  static const PackedShape f16 = {Scheme::None, DType::F16, 0, 0, 0};
  static const std::vector<BenchShape> shapes = {
      {"smollm2-135m-nf4", 576, 30, 9, 3, 64, 1536, 49152, nf4, bf16},
      {"smollm2-135m-bf16", 576, 30, 9, 3, 64, 1536, 49152, bf16, bf16},
      {"gpt2ish", 768, 12, 12, 12, 64, 1536, 50257, nf4, nf4},
      {"opt-350m-nf4", 1024, 24, 16, 16, 64, 4096, 50272, nf4, nf4, true},
      {"opt-350m-q4_0", 1024, 24, 16, 16, 64, 4096, 50272, q4, q4, true},
      {"llama-1b-nf4", 2048, 16, 32, 8, 64, 8192, 128256, nf4, nf4},
      {"llama-1b-nf4-bf16-head", 2048, 16, 32, 8, 64, 8192, 128256, nf4, bf16},
      {"llama-1b-nf4-double", 2048, 16, 32, 8, 64, 8192, 128256, nf4Double,
       nf4Double},
      {"llama-1b-fp4", 2048, 16, 32, 8, 64, 8192, 128256, fp4, fp4},
      {"llama-1b-q4_0", 2048, 16, 32, 8, 64, 8192, 128256, q4, q4},
      {"llama-1b-q8_0", 2048, 16, 32, 8, 64, 8192, 128256, q8, q8},
      {"llama-1b-int8", 2048, 16, 32, 8, 64, 8192, 128256, int8, int8},
      {"llama-1b-f16", 2048, 16, 32, 8, 64, 8192, 128256, f16, f16},
  };
  return shapes;
}

Model qzc::kernel_test::makeBench(const BenchShape &s) {
  Model model;
  model.manifest.model.context = 8192;
  Random r(7);
  Maker make(model, r);
  Plan &plan = model.manifest.plan;
  // Weights stay zero: only their number of bytes matters for time.
  auto weight = [&](PackedShape shape, int64_t rows, int64_t cols) {
    shape.rows = rows;
    shape.cols = cols;
    Tensor t;
    t.shape = shape;
    nameSource(t, model.manifest.tensors.size());
    t.offset = model.manifest.weightsBytes;
    model.manifest.weightsBytes += paddedBytes(shape);
    model.manifest.tensors.push_back(t);
    return int32_t(model.manifest.tensors.size() - 1);
  };
  const PackedShape vector = {Scheme::None, DType::BF16, 0, 0, 0};
  const auto linear = [&](std::vector<View> inputs, View out,
                          const std::vector<int64_t> &rows,
                          LinearParams params) {
    std::vector<int32_t> weights;
    for (int64_t n : rows)
      weights.push_back(
          weight(make.Head ? s.head : s.body, n, inputs[0].columns));
    params.parts = int64_t(rows.size());
    params.hasBias = s.isPlain;
    if (s.isPlain)
      for (int64_t n : rows)
        weights.push_back(weight(vector, 1, n));
    make.launch(Opcode::Linear, std::move(inputs), out, weights, params);
  };
  const auto norm = [&](View in, View out) {
    std::vector<int32_t> weights = {weight(vector, 1, s.hidden)};
    if (s.isPlain)
      weights.push_back(weight(vector, 1, s.hidden));
    make.launch(s.isPlain ? Opcode::LayerNorm : Opcode::RmsNorm, {in}, out,
                weights, NormParams{1e-5f, false});
  };
  if (!s.isPlain) {
    Rope rope;
    rope.dim = s.headDim;
    rope.inverseFrequencies.assign(size_t(s.headDim / 2), 0.01f);
    plan.ropes.push_back(rope);
  }
  const View x = make.buffer(s.hidden);
  const View n = make.buffer(s.hidden);
  const View narrow = s.isPlain ? make.buffer(s.hidden / 2) : n;
  const int64_t q = s.heads * s.headDim;
  const int64_t kv = s.kvHeads * s.headDim;
  const View qkv = make.buffer(q + 2 * kv);
  const View attended = make.buffer(q);
  const View wide = make.buffer(s.intermediate);
  // What layers add to: norms are in front, or behind.
  const View kept = s.isPlain ? n : x;
  const View embedded = s.isPlain ? narrow : x;
  make.launch(Opcode::Embed, {}, embedded,
              {weight(s.head, s.vocab, embedded.columns)}, EmbedParams{});
  if (s.isPlain)
    linear({narrow}, n, {s.hidden}, {});
  for (int64_t layer = 0; layer < s.layers; ++layer) {
    if (!s.isPlain)
      norm(x, n);
    linear({n}, qkv, {q, kv, kv}, {});
    AttentionParams a;
    a.layer = layer;
    a.heads = s.heads;
    a.kvHeads = s.kvHeads;
    a.headDim = s.headDim;
    a.scale = 0.125f;
    if (!s.isPlain)
      a.rope = 0;
    make.launch(
        Opcode::Attention,
        {{qkv.buffer, 0, q}, {qkv.buffer, q, kv}, {qkv.buffer, q + kv, kv}},
        attended, {}, a);
    linear({attended, kept}, x, {s.hidden}, {});
    norm(x, n);
    LinearParams up;
    up.gated = !s.isPlain;
    up.activation = s.isPlain ? Activation::Relu : Activation::Silu;
    linear({n}, wide,
           s.isPlain ? std::vector<int64_t>{s.intermediate}
                     : std::vector<int64_t>{s.intermediate, s.intermediate},
           up);
    linear({wide, kept}, x, {s.hidden}, {});
    if (s.isPlain)
      norm(x, n);
  }
  if (s.isPlain)
    linear({n}, narrow, {narrow.columns}, {});
  else
    norm(x, n);
  plan.hidden = narrow;
  make.Head = true;
  const View logits = make.buffer(s.vocab);
  make.launch(Opcode::Linear, {{kHiddenBuffer, 0, narrow.columns}}, logits,
              {weight(s.head, s.vocab, narrow.columns)}, LinearParams{});
  plan.logits = logits;
  model.manifest.model.vocab = s.vocab;
  model.manifest.model.hidden = s.hidden;
  model.manifest.model.layers = s.layers;
  model.description = s.name;
  return model;
}
