//===- Target.cpp - Something that runs a program -------------------------===//

#include "Target.h"

#include "qzc/Runtime/HostDraw.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstring>
#include <numeric>

using namespace qzc;
using namespace qzc::kernel_test;
using namespace qzc::format;

std::vector<float> qzc::kernel_test::ropeTable(const Rope &rope,
                                               int64_t capacity) {
  std::vector<float> table;
  for (int64_t p = 0; p < capacity; ++p)
    for (float frequency : rope.inverseFrequencies) {
      const double angle = double(p) * frequency;
      table.push_back(float(std::cos(angle) * rope.magnitude));
      table.push_back(float(std::sin(angle) * rope.magnitude));
    }
  return table;
}

Target::Target(const Model &model, const CudaProgram &program,
               runtime::CacheType cache, int64_t chunk, int64_t capacity)
    : M(model), Program(program), Cache(cache), Chunk(chunk) {
  const int64_t page = Program.pagePositions;
  Capacity = page == 0 ? capacity : (capacity + page - 1) / page * page;
  for (const Launch &launch : model.manifest.plan.body)
    if (const auto *p = std::get_if<AttentionParams>(&launch.params)) {
      LayerCache layer;
      layer.offset = PageBytes;
      const auto whole = [](uint64_t bytes) {
        return (bytes + 255) / 256 * 256;
      };
      const auto rows = uint64_t(p->kvHeads * pageSize());
      layer.bytes =
          whole(rows * uint64_t(p->headDim) * runtime::elementBytes(cache));
      layer.scales = whole(rows * 2);
      PageBytes += 2 * (layer.bytes + layer.scales);
      Layers.push_back(layer);
    }
}

int64_t Target::pageSize() const {
  return Program.pagePositions == 0 ? Capacity : Program.pagePositions;
}

void Target::allocateAll() {
  const auto rows = uint64_t(Chunk);
  At.body = allocateWritten(Program.memory.bytesPerToken * rows);
  At.head = allocateWritten(Program.memory.headBytesPerToken * rows);
  At.scratch = allocateWritten(Program.scratchBytes +
                               Program.scratchBytesPerToken * rows);
  const std::vector<char> zeros(Program.scratchBytes);
  write(At.scratch, zeros.data(), zeros.size());
  At.state = allocateState();
  const DeviceState zero = {};
  write(At.state, &zero, sizeof zero);
  // Kernels may read these before they wait: what writes them is done
  // before a pass begins.
  At.tokens = allocate(rows * sizeof(TokenRow));
  At.tiles = allocateWritten(rows * sizeof(QueryTile));
  At.targets = allocateWritten(rows * 4);
  At.losses = allocateWritten(rows * 4);
  At.draws = allocateWritten(rows * sizeof(Draw));
  const std::vector<CacheRange> ranges(kSequences * Layers.size());
  At.cacheRanges = allocateWritten(ranges.size() * sizeof(CacheRange));
  write(At.cacheRanges, ranges.data(), ranges.size() * sizeof(CacheRange));
  // A sequence's pages lie backwards, between those of the others.
  const auto pages = static_cast<int>(Capacity / pageSize());
  // Before they wait, kernels may read what passes before have written.
  const uint64_t first =
      allocate(PageBytes * kSequences * static_cast<uint64_t>(pages));
  std::vector<uint64_t> table;
  for (int sequence = 0; sequence < kSequences; ++sequence)
    for (int page = 0; page < pages; ++page)
      table.push_back(
          first + PageBytes * static_cast<uint64_t>(
                                  (pages - 1 - page) * kSequences + sequence));
  At.pages = allocate(table.size() * 8);
  write(At.pages, table.data(), table.size() * 8);
  for (const Rope &rope : M.manifest.plan.ropes) {
    const std::vector<float> values = ropeTable(rope, Capacity);
    At.ropes.push_back(allocate(values.size() * 4));
    write(At.ropes.back(), values.data(), values.size() * 4);
  }
}

void Target::setPass(const std::vector<TokenRow> &tokens, int headRows) {
  std::vector<QueryTile> tiles;
  for (int t = 0; t < int(tokens.size()); ++t) {
    const TokenRow &token = tokens[size_t(t)];
    if (tiles.empty() || tiles.back().sequence != token.sequence ||
        tiles.back().rows == Program.tileQueries)
      tiles.push_back({t, 0, token.position, token.sequence});
    ++tiles.back().rows;
  }
  Tiles = int64_t(tiles.size());
  write(At.tokens, tokens.data(), tokens.size() * sizeof(TokenRow));
  write(At.tiles, tiles.data(), tiles.size() * sizeof(QueryTile));
  const int fields[2] = {int(tokens.size()), headRows};
  write(At.state, fields, sizeof fields);
}

void Target::setTokens(int position, const std::vector<int32_t> &tokens,
                       int headRows) {
  std::vector<TokenRow> rows;
  for (int32_t token : tokens)
    rows.push_back({token, position++, 1, 0});
  setPass(rows, headRows);
}

TokenRow Target::row(int64_t index) const {
  TokenRow row;
  read(&row, At.tokens + uint64_t(index) * sizeof row, sizeof row);
  return row;
}

DeviceState Target::state() const {
  DeviceState state;
  read(&state, At.state, sizeof state);
  return state;
}

std::vector<CacheRange> Target::cacheRanges(int sequence) const {
  std::vector<CacheRange> ranges(Layers.size());
  const uint64_t bytes = ranges.size() * sizeof(CacheRange);
  read(ranges.data(), At.cacheRanges + uint64_t(sequence) * bytes, bytes);
  return ranges;
}

void Target::setDraws(const std::vector<Draw> &draws) {
  write(At.draws, draws.data(), draws.size() * sizeof(Draw));
}

void Target::setTargets(const std::vector<int32_t> &targets) {
  write(At.targets, targets.data(), targets.size() * 4);
}

std::vector<float> Target::losses(int64_t rows) const {
  std::vector<float> values(static_cast<size_t>(rows));
  read(values.data(), At.losses, values.size() * 4);
  return values;
}

std::string Target::symbol(const CudaLaunch &launch) const {
  if (!launch.perCacheType)
    return launch.kernel;
  return launch.kernel + "_" + runtime::cacheName(Cache);
}

unsigned Target::extent(const GridDim &dim, int64_t rows) const {
  if (dim.perTokens == 0)
    return unsigned(dim.fixed);
  if (dim.perTokens == kPerTile)
    return unsigned(dim.fixed * Tiles);
  return unsigned((rows + dim.perTokens - 1) / dim.perTokens * dim.fixed);
}

std::vector<float> Target::logits(int64_t rows) const {
  const View &view = Program.memory.logits;
  const Buffer &buffer = Program.memory.headBuffers[size_t(view.buffer)];
  std::vector<float> all(size_t(rows * buffer.columns));
  read(all.data(), At.head + buffer.offset * uint64_t(Chunk), all.size() * 4);
  std::vector<float> result;
  for (int64_t t = 0; t < rows; ++t)
    for (int64_t i = 0; i < view.columns; ++i)
      result.push_back(all[size_t(t * buffer.columns + view.column + i)]);
  return result;
}

static uint64_t bits(int value) { return uint32_t(value); }

std::vector<std::vector<uint64_t>> Target::resolve(const CudaLaunch &launch,
                                                   int64_t firstRow) const {
  const Activations &memory = Program.memory;
  const auto chunk = uint64_t(Chunk);
  std::vector<std::vector<uint64_t>> values;
  for (const CudaArg &arg : launch.args) {
    const auto index = size_t(arg.a);
    const uint64_t columns = 4 * uint64_t(arg.b);
    switch (arg.kind) {
    case CudaArg::Kind::View:
      values.push_back(
          {At.body + memory.buffers[index].offset * chunk + columns});
      break;
    case CudaArg::Kind::HeadView:
      if (arg.a == kHiddenBuffer) {
        const Buffer &buffer = memory.buffers[size_t(memory.hidden.buffer)];
        values.push_back(
            {At.body + buffer.offset * chunk + columns +
             4 * uint64_t(firstRow * buffer.columns + memory.hidden.column)});
      } else {
        values.push_back(
            {At.head + memory.headBuffers[index].offset * chunk + columns});
      }
      break;
    case CudaArg::Kind::Tensor: {
      const Tensor &tensor = M.manifest.tensors[index];
      values.push_back({At.weights + tensor.offset +
                        layout(tensor.shape)[size_t(arg.b)].offset});
      break;
    }
    case CudaArg::Kind::Cache: {
      const LayerCache &layer = Layers[index];
      const uint64_t pages = uint64_t(Capacity / pageSize());
      const int shift =
          Program.pagePositions == 0 ? kOnePage : __builtin_ctzll(pageSize());
      values.push_back({At.pages, At.cacheRanges + index * sizeof(CacheRange),
                        layer.offset, layer.offset + layer.bytes,
                        layer.offset + 2 * layer.bytes,
                        layer.offset + 2 * layer.bytes + layer.scales,
                        pages | uint64_t(pageSize()) << 32,
                        uint64_t(shift) | uint64_t(Layers.size()) << 32});
      break;
    }
    case CudaArg::Kind::RopeTable:
      values.push_back({At.ropes[index]});
      break;
    case CudaArg::Kind::State:
      values.push_back({At.state});
      break;
    case CudaArg::Kind::Tokens:
      values.push_back({At.tokens});
      break;
    case CudaArg::Kind::Targets:
      values.push_back({At.targets});
      break;
    case CudaArg::Kind::Losses:
      values.push_back({At.losses});
      break;
    case CudaArg::Kind::Draws:
      values.push_back({At.draws});
      break;
    case CudaArg::Kind::Scratch:
      values.push_back(
          {At.scratch + uint64_t(arg.a) + uint64_t(arg.b) * chunk});
      break;
    case CudaArg::Kind::Int:
      values.push_back({bits(int(arg.a))});
      break;
    case CudaArg::Kind::Float: {
      int number;
      std::memcpy(&number, &arg.f, 4);
      values.push_back({bits(number)});
      break;
    }
    case CudaArg::Kind::Tiles:
      values.push_back({At.tiles});
      break;
    }
  }
  return values;
}

/// Below this many logits a row's deviation says nothing about their size.
static constexpr int64_t kFewLogits = 64;

/// Largest difference of a row of logits in the reference's deviations: the
/// row's, or where it has few logits the root mean square of all.
static double rowError(const float *got, const std::vector<double> &wanted,
                       int64_t row, int64_t n) {
  const double *want = wanted.data() + row * n;
  const bool few = n < kFewLogits;
  const double mean =
      few ? 0 : std::accumulate(want, want + n, 0.0) / double(n);
  const double *begin = few ? wanted.data() : want;
  const double *end = few ? begin + wanted.size() : want + n;
  double variance = 0;
  for (const double *value = begin; value != end; ++value)
    variance += (*value - mean) * (*value - mean) / double(end - begin);
  double worst = 0;
  for (int64_t i = 0; i < n; ++i) {
    const double difference = std::fabs(double(got[i]) - want[i]);
    worst = std::isnan(difference) ? INFINITY : std::max(worst, difference);
  }
  return worst / std::sqrt(variance);
}

static double lossOf(const double *row, int64_t n, int64_t target) {
  const double top = *std::max_element(row, row + n);
  double sum = 0;
  for (int64_t i = 0; i < n; ++i)
    sum += std::exp(row[i] - top);
  return std::log(sum) + top - row[target];
}

bool Errors::good(runtime::CacheType cache) const {
  // An f16 cache rounds keys and values: decode may differ by more. Bytes are
  // those of the reference, but where one falls to the other side of a half.
  const bool isBytes = cache == runtime::CacheType::Q8;
  const double least = isBytes                            ? 1e-2
                       : cache == runtime::CacheType::F16 ? 4e-3
                                                          : 1e-3;
  const double most = isBytes ? 3e-2 : 1e-2;
  return prefill < most && batch < most && further < most && decode < least &&
         several < least && loss < 5 * most && wrongChoices == 0;
}

Errors qzc::kernel_test::compare(Target &target, const Model &model,
                                 const std::vector<int32_t> &tokens,
                                 const std::vector<double> &want,
                                 const std::vector<int> &pieces,
                                 int decodedAlone,
                                 const std::vector<int> &batches) {
  const int64_t vocab = model.manifest.model.vocab;
  const CudaProgram &program = target.program();
  Errors errors;
  auto checkChoice = [&](int row, int position) {
    const std::vector<float> logits = target.logits(row + 1);
    const auto first = logits.end() - vocab;
    const auto best = std::max_element(first, logits.end()) - first;
    const TokenRow chosen = target.row(row);
    errors.wrongChoices += chosen.token != best || chosen.position != position;
  };
  // Behind a choice; what a row draws hangs on where it is.
  auto checkDraws = [&](int count) {
    std::vector<Draw> draws;
    for (int row = 0; row != count; ++row) {
      const int seed = target.row(row).position * 31 + row * 7;
      draws.push_back({seed % 97 / 97.0, 0.5 + seed % 5, 0.5 + seed % 6 / 10.0,
                       seed % 3 / 20.0, 1 + seed % kMostDrawn, 0});
    }
    target.setDraws(draws);
    target.run(program.draw, count, 0);
    const std::vector<float> logits = target.logits(count);
    runtime::HostDraw host;
    for (int row = 0; row != count; ++row)
      errors.wrongChoices +=
          target.row(row).token !=
          host.token(logits.data() + row * vocab, vocab, draws[size_t(row)]);
  };
  auto decodeAt = [&](int position, double &worst) {
    target.setTokens(position, {tokens[size_t(position)]}, 1);
    target.run(program.decode, 1, 0);
    worst = std::max(worst,
                     rowError(target.logits(1).data(), want, position, vocab));
    checkChoice(0, position + 1);
    checkDraws(1);
  };

  int position = 0;
  for (int piece : pieces) {
    const std::vector<int32_t> part(tokens.begin() + position,
                                    tokens.begin() + position + piece);
    std::vector<int32_t> targets;
    for (int i = 0; i < piece; ++i)
      targets.push_back(int32_t((part[size_t(i)] * 7 + i) % vocab));
    target.setTokens(position, part, piece);
    target.setTargets(targets);
    target.run(program.prefill, piece, 0);
    target.run(program.head, piece, 0);
    target.run(program.score, piece, 0);
    const std::vector<float> logits = target.logits(piece);
    const std::vector<float> losses = target.losses(piece);
    std::vector<float> alone = losses;
    if (!program.losses.empty()) {
      target.run(program.losses, piece, 0);
      alone = target.losses(piece);
    }
    for (int i = 0; i < piece; ++i) {
      const double *row = want.data() + (position + i) * vocab;
      errors.prefill =
          std::max(errors.prefill, rowError(logits.data() + i * vocab, want,
                                            position + i, vocab));
      const double loss = lossOf(row, vocab, targets[size_t(i)]);
      for (const float got : {losses[size_t(i)], alone[size_t(i)]}) {
        const double difference = std::fabs(got - loss);
        errors.loss = std::isnan(difference)
                          ? INFINITY
                          : std::max(errors.loss, difference);
      }
    }
    position += piece;
  }
  // The same tokens twice, cut otherwise, in the same two passes.
  const int cuts[2][3] = {{0, 3, 8}, {0, 4, 11}};
  for (int pass = 0; pass != 2; ++pass) {
    std::vector<TokenRow> rows;
    for (int i = 0; i != 2; ++i)
      for (int t = cuts[i][pass]; t != cuts[i][pass + 1]; ++t)
        rows.push_back({tokens[size_t(t)], t, 2 * i, 0});
    const auto count = int(rows.size());
    target.setPass(rows, count);
    target.run(program.prefill, count, 0);
    if (pass == 0)
      continue;
    target.run(program.head, count, 0);
    const std::vector<float> logits = target.logits(count);
    for (int i = 0; i != count; ++i)
      errors.batch =
          std::max(errors.batch, rowError(logits.data() + i * vocab, want,
                                          rows[size_t(i)].position, vocab));
  }

  // Both go on by a step of decode.
  const int last[2] = {cuts[0][2], cuts[1][2]};
  target.setPass({{tokens[size_t(last[0])], last[0], 0, 0},
                  {tokens[size_t(last[1])], last[1], 2, 0}},
                 2);
  target.run(program.decodeOf(2), 2, 0);
  const std::vector<float> both = target.logits(2);
  for (int i = 0; i != 2; ++i) {
    errors.further = std::max(errors.further, rowError(both.data() + i * vocab,
                                                       want, last[i], vocab));
    checkChoice(i, last[i] + 1);
  }

  // Every third sequence is a step ahead of the others.
  for (int count : batches) {
    if (count > program.decodeBatch)
      continue;
    std::vector<int> positions(size_t(count), 0);
    for (int stride : {3, 1}) {
      std::vector<TokenRow> rows;
      for (int i = 0; i < count; i += stride) {
        int &at = positions[size_t(i)];
        rows.push_back({tokens[size_t(at)], at, i, 0});
        ++at;
      }
      const auto size = int(rows.size());
      target.setPass(rows, size);
      target.run(program.decodeOf(size), size, 0);
      const std::vector<float> logits = target.logits(size);
      for (int i = 0; i != size; ++i) {
        const int at = rows[size_t(i)].position;
        errors.several =
            std::max(errors.several,
                     rowError(logits.data() + i * vocab, want, at, vocab));
        checkChoice(i, at + 1);
      }
      checkDraws(size);
    }
  }

  for (; position < int(tokens.size()); ++position)
    decodeAt(position, errors.further);
  for (position = 0; position < decodedAlone; ++position)
    decodeAt(position, errors.decode);
  return errors;
}

std::vector<int32_t> qzc::kernel_test::randomTokens(const Model &model,
                                                    int number, int count) {
  Random random(99 + uint64_t(number));
  std::vector<int32_t> tokens;
  for (int i = 0; i < count; ++i)
    tokens.push_back(int32_t(random.below(model.manifest.model.vocab)));
  return tokens;
}
