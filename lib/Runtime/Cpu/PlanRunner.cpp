//===- PlanRunner.cpp - Executes the op-level plan on the CPU -------------===//

#include "PlanRunner.h"

#include "qzc/Runtime/CacheRange.h"
#include "qzc/Support/Error.h"

#include <algorithm>
#include <cmath>

namespace qzc::runtime::cpu {

using namespace format;

/// Logits are wanted for many rows at once; this bounds what they take.
static constexpr uint64_t kHeadBytes = 32 << 20;
static constexpr int64_t kMaxHeadRows = 128;

static int64_t roundUp(int64_t value, int64_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

/// Tokens of an attention task: about 48 rows of queries.
static int64_t attentionTile(const AttentionParams &params) {
  return std::max<int64_t>(48 / (params.heads / params.kvHeads), 1);
}

static int64_t headRowsFor(const Plan &plan, int64_t chunk) {
  const auto fitting = static_cast<int64_t>(
      kHeadBytes / std::max<uint64_t>(plan.headBytesPerToken, 1));
  return std::clamp<int64_t>(fitting, 1, std::min(kMaxHeadRows, chunk));
}

PlanRunner::PlanRunner(const Image &image, const EngineOptions &options,
                       const KernelTable &kernels)
    : Source(image), Plan(image.manifest().plan), Options(options),
      Pool(options.threads), Exec{kernels, Pool, {}, nullptr, 0},
      Copies(image, Plan, kernels, Pool),
      HeadRows(headRowsFor(Plan, options.chunk)),
      Arena(Plan.bytesPerToken * options.chunk, "activations"),
      HeadArena(Plan.headBytesPerToken * HeadRows, "logits") {
  for (const Rope &rope : Plan.ropes) {
    const uint64_t bytes =
        static_cast<uint64_t>(options.context) * (rope.dim / 2) * sizeof(float);
    RopeTable table;
    table.frequencies = frequenciesIn(rope, options.context);
    table.cos = ZeroedMemory(bytes, "rotary tables");
    table.sin = ZeroedMemory(bytes, "rotary tables");
    Ropes.push_back(std::move(table));
  }
  for (const std::vector<Launch> *launches : {&Plan.body, &Plan.head})
    for (const Launch &launch : *launches)
      prepare(launch);
  const int64_t slots = std::max<int64_t>(HeadRows, Pool.threads());
  ActivationMemory = ZeroedMemory(
      Exec.activationStride * static_cast<uint64_t>(slots), "activations");
  Exec.activations = ActivationMemory.bytes();
  for (int worker = 0; worker != Pool.threads(); ++worker) {
    Scratch.emplace_back(ScratchFloats * sizeof(float), "scratch");
    Exec.scratch.push_back(Scratch.back().floats());
  }
}

void PlanRunner::prepare(const Launch &launch) {
  const auto keepVector = [&](int32_t index) {
    const PackedView view = Source.tensor(index);
    std::vector<float> values(view.shape.rows * view.shape.cols);
    decodeRows(view, 0, view.shape.rows, values.data());
    Vectors.emplace(index, std::move(values));
  };
  switch (launch.opcode) {
  case Opcode::RmsNorm:
  case Opcode::LayerNorm:
    for (int32_t index : launch.weights)
      keepVector(index);
    return;
  case Opcode::Linear: {
    LinearWeights weights;
    weights.params = std::get<LinearParams>(launch.params);
    for (size_t i = 0; i != launch.weights.size(); ++i) {
      const int32_t index = launch.weights[i];
      if (i < static_cast<size_t>(weights.params.parts)) {
        weights.parts.push_back(Copies.stored(index));
        weights.groups.push_back(Copies.groups(index));
        continue;
      }
      keepVector(index);
      weights.biases.push_back(vectorOf(index));
    }
    shareRows(weights, Pool.threads());
    Exec.activationStride =
        std::max(Exec.activationStride, activationBytes(Exec.kernels, weights));
    Linears.emplace(&launch, std::move(weights));
    return;
  }
  case Opcode::AddPositions: {
    const int64_t offset = std::get<AddPositionsParams>(launch.params).offset;
    const int64_t rows = Source.tensor(launch.weights[0]).shape.rows;
    if (Options.context + offset > rows)
      throw Error("a context of " + std::to_string(Options.context) +
                  " is longer than the model's position table (" +
                  std::to_string(rows - offset) + "); use a shorter --context");
    return;
  }
  case Opcode::Attention:
    return prepareAttention(std::get<AttentionParams>(launch.params));
  default:
    return;
  }
}

void PlanRunner::prepareAttention(const AttentionParams &params) {
  const uint64_t element = elementBytes(Options.cache);
  const uint64_t rows = static_cast<uint64_t>(params.kvHeads) * kPagePositions;
  AttentionArgs args = {};
  args.heads = params.heads;
  args.kvHeads = params.kvHeads;
  args.headDim = params.headDim;
  args.valueStride = roundUp(params.headDim, kColumnAlign);
  if (Caches.size() <= static_cast<size_t>(params.layer))
    Caches.resize(params.layer + 1);
  LayerCache &cache = Caches[params.layer];
  if (params.alibi != 0)
    for (int64_t head = 0; head != params.heads; ++head)
      cache.slopes.push_back(alibiSlope(params.alibi, params.heads, head));
  // Rows are multiples of whole cache lines.
  cache.keys = PageBytes;
  cache.values = cache.keys + rows * params.headDim * element;
  cache.keyScales = cache.values + rows * args.valueStride * element;
  const uint64_t scales = rows * scaleBytes(Options.cache);
  cache.valueScales = cache.keyScales + scales;
  PageBytes = cache.valueScales + scales;
  ScratchFloats =
      std::max(ScratchFloats, attentionScratch(args, attentionTile(params)));
}

const float *PlanRunner::vectorOf(int32_t tensor) const {
  return Vectors.at(tensor).data();
}

uint64_t PlanRunner::workspaceBytes() const {
  uint64_t bytes = Copies.memory().bytes + Arena.size() + HeadArena.size() +
                   ActivationMemory.size();
  for (const ZeroedMemory &memory : Scratch)
    bytes += memory.size();
  for (const RopeTable &table : Ropes)
    bytes += table.cos.size() + table.sin.size();
  return bytes;
}

std::vector<MemoryRange> PlanRunner::weightRanges() const {
  std::vector<MemoryRange> ranges = {Copies.memory()};
  const auto tensors = static_cast<int32_t>(Source.manifest().tensors.size());
  for (int32_t index = 0; index != tensors; ++index) {
    if (Copies.has(index))
      continue;
    const PackedView view = Source.tensor(index);
    const std::byte *begin = view.parts[0];
    const uint64_t bytes = paddedBytes(view.shape);
    // Of neighbours in the file one: many weights are small.
    MemoryRange &last = ranges.back();
    if (begin == last.data + last.bytes)
      last.bytes += bytes;
    else
      ranges.push_back({begin, bytes});
  }
  return ranges;
}

/// cos and sin of (float)position × frequency, times the magnitude, in f32
/// throughout, as transformers computes them.
void PlanRunner::extendRopes(int64_t positions) {
  if (positions <= RopePositions)
    return;
  for (size_t i = 0; i != Ropes.size(); ++i) {
    const Rope &rope = Plan.ropes[i];
    RopeTable &table = Ropes[i];
    const int64_t half = rope.dim / 2;
    Pool.parallelFor(positions - RopePositions, 64,
                     [&](int64_t begin, int64_t end, int worker) {
                       for (int64_t at = RopePositions + begin;
                            at != RopePositions + end; ++at)
                         for (int64_t pair = 0; pair != half; ++pair) {
                           const float angle =
                               static_cast<float>(at) * table.frequencies[pair];
                           table.cos.floats()[at * half + pair] =
                               std::cos(angle) * rope.magnitude;
                           table.sin.floats()[at * half + pair] =
                               std::sin(angle) * rope.magnitude;
                         }
                     });
  }
  RopePositions = positions;
}

/// Buffers are laid out for the tokens of the call, not for the chunk: one
/// token's activations stay close together.
Rows PlanRunner::resolve(const View &view, const Call &call) const {
  if (view.buffer == kHiddenBuffer)
    return {call.hidden.data + view.column, call.hidden.stride, view.columns};
  const Buffer &buffer =
      call.head ? Plan.headBuffers[view.buffer] : Plan.buffers[view.buffer];
  std::byte *base = (call.head ? HeadArena : Arena).bytes();
  auto *data = reinterpret_cast<float *>(base + buffer.offset * call.count);
  return {data + view.column, buffer.columns, view.columns};
}

void PlanRunner::runBody(const int32_t *tokens, int64_t count,
                         const std::vector<Part> &parts, Path path) {
  for (const Part &part : parts)
    extendRopes(part.first + part.count);
  const Call call = {tokens, count, &parts, path, /*head=*/false, {}};
  for (const Launch &launch : Plan.body)
    run(launch, call);
  LastCount = count;
}

void PlanRunner::runLaunches(size_t begin, size_t end, const int32_t *tokens,
                             int64_t count, const uint64_t *pages) {
  extendRopes(count);
  const std::vector<Part> parts = {{0, count, 0, /*sequence=*/0, pages}};
  const Call call = {tokens,           count,          &parts,
                     Path::ManyTokens, /*head=*/false, {}};
  for (size_t i = begin; i != end; ++i)
    run(Plan.body[i], call);
  LastCount = count;
}

float *PlanRunner::bufferOf(size_t index, int64_t count) {
  const Call call = {nullptr,          count,          nullptr,
                     Path::ManyTokens, /*head=*/false, {}};
  const View whole = {static_cast<int32_t>(index), 0,
                      Plan.buffers[index].columns};
  return resolve(whole, call).data;
}

Rows PlanRunner::runHead(int64_t firstRow, int64_t rows, Path path) {
  const Call body = {nullptr, LastCount, nullptr, path, /*head=*/false, {}};
  Call call = {nullptr, rows,          nullptr,
               path,    /*head=*/true, resolve(Plan.hidden, body)};
  call.hidden.data = call.hidden.row(firstRow);
  for (const Launch &launch : Plan.head)
    run(launch, call);
  return resolve(Plan.logits, call);
}

template <typename Body>
void PlanRunner::forTokens(const Call &call, int64_t columns,
                           const Body &body) {
  const int64_t grain =
      std::max<int64_t>(8192 / std::max<int64_t>(columns, 1), 1);
  Pool.parallelFor(call.count, grain,
                   [&](int64_t begin, int64_t end, int worker) {
                     for (int64_t token = begin; token != end; ++token)
                       body(token);
                   });
}

void PlanRunner::run(const Launch &launch, const Call &call) {
  switch (launch.opcode) {
  case Opcode::Embed:
    return runEmbed(launch, call);
  case Opcode::AddPositions:
    return runAddPositions(launch, call);
  case Opcode::RmsNorm:
  case Opcode::LayerNorm:
    return runNorm(launch, call);
  case Opcode::Linear:
    return runLinear(launch, call);
  case Opcode::Attention:
    return runAttention(launch, call);
  case Opcode::Activate:
  case Opcode::Add:
  case Opcode::Mul:
  case Opcode::Scale:
  case Opcode::Clamp:
  case Opcode::SoftCap:
    return runElementwise(launch, call);
  }
}

void PlanRunner::runEmbed(const Launch &launch, const Call &call) {
  const PackedView table = Source.tensor(launch.weights[0]);
  const Rows out = resolve(launch.outputs[0], call);
  forTokens(call, out.columns, [&](int64_t token) {
    const int64_t id = call.tokens[token];
    decodeRows(table, id, id + 1, out.row(token));
  });
}

void PlanRunner::runAddPositions(const Launch &launch, const Call &call) {
  const PackedView table = Source.tensor(launch.weights[0]);
  const int64_t offset = std::get<AddPositionsParams>(launch.params).offset;
  const Rows in = resolve(launch.inputs[0], call);
  const Rows out = resolve(launch.outputs[0], call);
  std::vector<int64_t> positions;
  for (const Part &part : *call.parts)
    for (int64_t i = 0; i != part.count; ++i)
      positions.push_back(part.first + i + offset);
  Pool.parallelFor(call.count, 16, [&](int64_t begin, int64_t end, int worker) {
    std::vector<float> row(out.columns);
    for (int64_t token = begin; token != end; ++token) {
      const int64_t at = positions[token];
      decodeRows(table, at, at + 1, row.data());
      Exec.kernels.add(in.row(token), row.data(), out.columns, out.row(token));
    }
  });
}

void PlanRunner::runNorm(const Launch &launch, const Call &call) {
  const auto &params = std::get<NormParams>(launch.params);
  const Rows in = resolve(launch.inputs[0], call);
  const Rows out = resolve(launch.outputs[0], call);
  const size_t given = launch.weights.size();
  const float *weight = given > 0 ? vectorOf(launch.weights[0]) : nullptr;
  const float *bias = given > 1 ? vectorOf(launch.weights[1]) : nullptr;
  const float offset = params.unitOffset ? 1.0f : 0.0f;
  const int64_t columns = in.columns / params.heads;
  forTokens(call, in.columns, [&](int64_t token) {
    for (int64_t at = 0; at != in.columns; at += columns)
      if (launch.opcode == Opcode::RmsNorm)
        Exec.kernels.rmsNorm(in.row(token) + at, weight, offset, params.epsilon,
                             columns, out.row(token) + at);
      else
        Exec.kernels.layerNorm(in.row(token) + at, weight, offset, bias,
                               params.epsilon, columns, out.row(token) + at);
  });
}

void PlanRunner::runLinear(const Launch &launch, const Call &call) {
  const LinearWeights &weights = Linears.at(&launch);
  const Rows in = resolve(launch.inputs[0], call);
  const Rows out = resolve(launch.outputs[0], call);
  Rows residual;
  if (launch.inputs.size() > 1)
    residual = resolve(launch.inputs[1], call);
  if (call.path == Path::EachToken)
    runEachToken(Exec, weights, call.count, in, residual, out);
  else
    runManyTokens(Exec, weights, call.count, in, residual, out);
}

AttentionArgs PlanRunner::attentionArgs(const Launch &launch,
                                        const Call &call) const {
  const auto &params = std::get<AttentionParams>(launch.params);
  const Rows q = resolve(launch.inputs[0], call);
  const Rows k = resolve(launch.inputs[1], call);
  const Rows v = resolve(launch.inputs[2], call);
  const Rows out = resolve(launch.outputs[0], call);
  const LayerCache &cache = Caches[params.layer];
  AttentionArgs args = {};
  args.q = q.data;
  args.k = k.data;
  args.v = v.data;
  args.out = out.data;
  args.qStride = q.stride;
  args.kStride = k.stride;
  args.vStride = v.stride;
  args.outStride = out.stride;
  args.cache.pageSize = kPagePositions;
  args.cache.keys = cache.keys;
  args.cache.values = cache.values;
  args.cache.keyScales = cache.keyScales;
  args.cache.valueScales = cache.valueScales;
  args.type = Options.cache;
  args.valueStride = roundUp(params.headDim, kColumnAlign);
  args.heads = params.heads;
  args.kvHeads = params.kvHeads;
  args.headDim = params.headDim;
  args.scale = params.scale;
  args.softCap = params.softCap;
  args.slopes = cache.slopes.empty() ? nullptr : cache.slopes.data();
  args.window = params.window;
  if (params.rope) {
    args.cos = Ropes[*params.rope].cos.floats();
    args.sin = Ropes[*params.rope].sin.floats();
    args.ropeDim = Plan.ropes[*params.rope].dim;
    args.interleaved = Plan.ropes[*params.rope].interleaved;
  }
  return args;
}

/// A layer's arguments for the tokens of one part.
AttentionArgs PlanRunner::argsOf(const Part &part, AttentionArgs args) const {
  args.q += part.row * args.qStride;
  args.k += part.row * args.kStride;
  args.v += part.row * args.vStride;
  args.out += part.row * args.outStride;
  args.cache.pages = part.pages;
  args.first = part.first;
  return args;
}

void PlanRunner::runAttention(const Launch &launch, const Call &call) {
  const auto &params = std::get<AttentionParams>(launch.params);
  const AttentionArgs args = attentionArgs(launch, call);
  // Tokens [begin, end) of a part.
  struct Tile {
    const Part *part;
    int64_t begin, end;
  };
  std::vector<Tile> tiles;
  const int64_t size = attentionTile(params);
  for (const Part &part : *call.parts)
    for (int64_t begin = 0; begin < part.count; begin += size)
      tiles.push_back({&part, begin, std::min(begin + size, part.count)});
  // Those that see the most keys go first.
  std::stable_sort(tiles.begin(), tiles.end(),
                   [](const Tile &a, const Tile &b) {
                     return a.part->first + a.end > b.part->first + b.end;
                   });
  const auto count = static_cast<int64_t>(tiles.size());
  std::vector<float> largest(tiles.size());
  Pool.parallelFor(count, 1, [&](int64_t begin, int64_t end, int) {
    for (int64_t i = begin; i != end; ++i) {
      AttentionArgs part = argsOf(*tiles[i].part, args);
      part.largest = &largest[i];
      Exec.kernels.appendCache(part, tiles[i].begin, tiles[i].end);
    }
  });
  const auto most = std::max_element(largest.begin(), largest.end(), isBelow);
  if (!(*most < beyondCache(Options.cache)))
    failBeyondCache(Options.cache, tiles[most - largest.begin()].part->sequence,
                    params.layer, *most);
  Pool.parallelFor(
      count * args.kvHeads, 1, [&](int64_t begin, int64_t end, int worker) {
        for (int64_t task = begin; task != end; ++task) {
          const Tile &tile = tiles[task / args.kvHeads];
          Exec.kernels.attend(argsOf(*tile.part, args), task % args.kvHeads,
                              tile.begin, tile.end, Exec.scratch[worker]);
        }
      });
}

void PlanRunner::runElementwise(const Launch &launch, const Call &call) {
  const KernelTable &kernels = Exec.kernels;
  const Rows a = resolve(launch.inputs[0], call);
  const Rows b =
      launch.inputs.size() > 1 ? resolve(launch.inputs[1], call) : Rows();
  const Rows out = resolve(launch.outputs[0], call);
  const int64_t n = out.columns;
  const float scalar = format::scalarOf(launch.params);
  forTokens(call, n, [&](int64_t token) {
    const float *x = a.row(token);
    float *y = out.row(token);
    switch (launch.opcode) {
    case Opcode::Activate:
      return kernels.activate(
          std::get<ActivateParams>(launch.params).activation, x, n, y);
    case Opcode::Add:
      return kernels.add(x, b.row(token), n, y);
    case Opcode::Mul:
      return kernels.mul(x, b.row(token), n, y);
    case Opcode::Scale:
      return kernels.scale(x, scalar, n, y);
    case Opcode::Clamp:
      return kernels.clamp(x, scalar, n, y);
    default:
      return kernels.softCap(x, scalar, n, y);
    }
  });
}

} // namespace qzc::runtime::cpu
