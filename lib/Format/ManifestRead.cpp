//===- ManifestRead.cpp - The manifest from JSON text ---------------------===//
//
// Reads types and ranges of single values; what they mean together is checked
// by verify(). Unknown keys are passed over.
//
//===----------------------------------------------------------------------===//

#include "ManifestNames.h"

#include "qzc/Format/Manifest.h"
#include "qzc/Support/Error.h"

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

namespace qzc::format {

using Json = nlohmann::json;

namespace {
/// A value and where it stands, so that messages can say "plan.body[3].in".
class Node {
public:
  explicit Node(const Json &json) : Value(json) {}

  [[noreturn]] void fail(const std::string &what) const {
    throw Error("the manifest is damaged: " + path() + " " + what);
  }

  Node operator[](const char *key) const {
    std::optional<Node> member = find(key);
    if (!member)
      fail(std::string("lacks '") + key + "'");
    return *member;
  }
  std::optional<Node> find(const char *key) const {
    if (!Value.is_object())
      fail("is not an object");
    auto it = Value.find(key);
    if (it == Value.end())
      return std::nullopt;
    return Node(*it, this, key, 0);
  }
  size_t size() const {
    if (!Value.is_array())
      fail("is not an array");
    return Value.size();
  }
  Node at(size_t index) const {
    if (index >= size())
      fail("has too few elements");
    return Node(Value[index], this, nullptr, index);
  }

  int64_t integer(int64_t low, int64_t high) const {
    int64_t result = 0;
    if (Value.is_number_unsigned()) {
      const auto wide = Value.get<uint64_t>();
      if (wide > static_cast<uint64_t>(std::numeric_limits<int64_t>::max()))
        fail("is out of range");
      result = static_cast<int64_t>(wide);
    } else if (Value.is_number_integer()) {
      result = Value.get<int64_t>();
    } else {
      fail("is not an integer");
    }
    if (result < low || result > high)
      fail("is out of range");
    return result;
  }
  int64_t integer() const {
    return integer(std::numeric_limits<int64_t>::min(),
                   std::numeric_limits<int64_t>::max());
  }
  int64_t count() const {
    return integer(0, std::numeric_limits<int64_t>::max());
  }
  uint64_t bits64() const {
    if (!Value.is_number_unsigned())
      fail("is not an unsigned integer");
    return Value.get<uint64_t>();
  }
  float real() const {
    if (!Value.is_number())
      fail("is not a number");
    const auto result = static_cast<float>(Value.get<double>());
    if (!std::isfinite(result))
      fail("is not finite");
    return result;
  }
  bool boolean() const {
    if (!Value.is_boolean())
      fail("is not a boolean");
    return Value.get<bool>();
  }
  const std::string &text() const {
    if (!Value.is_string())
      fail("is not a string");
    return Value.get_ref<const std::string &>();
  }
  std::map<std::string, std::string> texts() const {
    if (!Value.is_object())
      fail("is not an object");
    std::map<std::string, std::string> result;
    for (const auto &[key, value] : Value.items())
      result[key] = Node(value, this, key.c_str(), 0).text();
    return result;
  }
  template <typename Parse> auto word(Parse parse) const {
    const auto result = parse(text());
    if (!result)
      fail("is the unknown word '" + text() + "'");
    return *result;
  }
  template <typename ReadItem> auto list(ReadItem read) const {
    std::vector<decltype(read(*this))> result;
    const size_t count = size();
    result.reserve(count);
    for (size_t i = 0; i < count; ++i)
      result.push_back(read(at(i)));
    return result;
  }

private:
  Node(const Json &json, const Node *parent, const char *key, size_t index)
      : Value(json), Parent(parent), Key(key), Index(index) {}

  std::string path() const {
    if (!Parent)
      return "the whole";
    if (!Key)
      return Parent->path() + "[" + std::to_string(Index) + "]";
    return Parent->Parent ? Parent->path() + "." + Key : Key;
  }

  const Json &Value;
  // Nodes live on the stack of the reading functions, parents the longest.
  const Node *Parent = nullptr;
  const char *Key = nullptr;
  size_t Index = 0;
};
} // namespace

static constexpr int64_t kInt32Max = std::numeric_limits<int32_t>::max();

static bool flag(const Node &node, const char *key) {
  const std::optional<Node> value = node.find(key);
  return value && value->boolean();
}

static int64_t readInteger(const Node &node) { return node.integer(); }

static ModelInfo readModel(const Node &node) {
  ModelInfo model;
  model.name = node["name"].text();
  model.family = node["family"].text();
  model.vocab = node["vocab"].count();
  model.hidden = node["hidden"].count();
  model.layers = node["layers"].count();
  model.context = node["context"].count();
  if (const auto bos = node.find("bos"))
    model.bos = bos->integer();
  model.eos = node["eos"].list(readInteger);
  model.addBos = node["add_bos"].boolean();
  model.chatTemplate = node["chat_template"].text();
  model.specialTokens = node["special_tokens"].texts();
  return model;
}

/// [file, offset]
static WeightRef readPlace(const Node &node) {
  if (node.size() != 2)
    node.fail("is not [file, offset]");
  return {static_cast<size_t>(node.at(0).integer(0, kInt32Max)),
          static_cast<uint64_t>(node.at(1).count())};
}

static PackedTensor readPackedTensor(const Node &node) {
  const WeightRef place = readPlace(node["at"]);
  return {node["role"].text(),  node["name"].text(),
          node["dtype"].text(), node["shape"].list(readInteger),
          place.file,           place.offset};
}

/// `source` has all but its `ref`.
static WeightRef readPacking(const Node &node, const TensorSource &source) {
  PackedSource packed;
  packed.packing = node["layout"].word(parsePacking);
  if (!source.shape.empty())
    packed.shape = source.held();
  if (const auto offset = node.find("offset"))
    packed.offset = offset->real();
  packed.tensors = node["tensors"].list(readPackedTensor);
  return WeightRef(std::move(packed));
}

static SourceFile readSourceFile(const Node &node) {
  return {node["name"].text(), static_cast<uint64_t>(node["bytes"].count()),
          node["sha256"].text()};
}

static TensorSource readSource(const Node &node) {
  TensorSource source;
  source.name = node["name"].text();
  source.shape = node["shape"].list(readInteger);
  source.dtype = node["dtype"].word(parseDType);
  if (const auto packed = node.find("packed"))
    source.packed = packed->word(parseStorage);
  source.transposed = flag(node, "transposed");
  if (const auto rows = node.find("rows"))
    source.rows = rows->list([](const Node &range) {
      if (range.size() != 2)
        range.fail("is not a pair");
      return std::pair(range.at(0).count(), range.at(1).count());
    });
  if (const auto packing = node.find("packing"))
    source.ref = readPacking(*packing, source);
  else if (const auto place = node.find("at"))
    source.ref = readPlace(*place);
  return source;
}

static Scaling readScaling(const Node &node) {
  Scaling scaling;
  if (const auto columns = node.find("columns"))
    scaling.columns = columns->count();
  if (const auto rows = node.find("rows"))
    scaling.rows = rows->count();
  scaling.unitOffset = flag(node, "unit_offset");
  if (const auto width = node.find("width"))
    scaling.width = width->count();
  if (const auto repeats = node.find("repeats"))
    scaling.repeats = repeats->count();
  return scaling;
}

static Tensor readTensor(const Node &node) {
  Tensor tensor;
  tensor.shape.scheme = node["scheme"].word(parseScheme);
  if (tensor.shape.scheme == Scheme::None)
    tensor.shape.dtype = node["dtype"].word(parseDType);
  const Node shape = node["shape"];
  if (shape.size() != 2)
    shape.fail("is not a pair");
  tensor.shape.rows = shape.at(0).count();
  tensor.shape.cols = shape.at(1).count();
  if (const auto block = node.find("block_size"))
    tensor.shape.blockSize = block->count();
  if (const auto scales = node.find("scales"))
    tensor.shape.scales = scales->word(parseScaleCodec);
  tensor.offset = static_cast<uint64_t>(node["offset"].count());
  if (const auto exponent = node.find("f16_exponent"))
    tensor.f16Exponent = static_cast<int32_t>(exponent->integer(0, kInt32Max));
  if (const auto method = node.find("method"))
    tensor.method = method->word(parseMethod);
  if (const auto calibrated = node.find("calibrated"))
    tensor.calibrated = calibrated->text();
  if (const auto scaling = node.find("scaling"))
    tensor.scaling = readScaling(*scaling);
  tensor.role = node["role"].text();
  if (const auto block = node.find("block"))
    tensor.block = block->count();
  tensor.source = readSource(node["source"]);
  return tensor;
}

static View readView(const Node &node) {
  if (node.size() != 3)
    node.fail("is not [buffer, column, columns]");
  View view;
  view.buffer =
      static_cast<int32_t>(node.at(0).integer(kHiddenBuffer, kInt32Max));
  view.column = node.at(1).count();
  view.columns = node.at(2).count();
  return view;
}

static Rope readRope(const Node &node) {
  const auto real = [](const Node &n) { return n.real(); };
  Rope rope;
  rope.dim = node["dim"].count();
  rope.interleaved = node["interleaved"].boolean();
  rope.inverseFrequencies = node["inverse_frequencies"].list(real);
  if (const auto magnitude = node.find("magnitude"))
    rope.magnitude = magnitude->real();
  if (const auto context = node.find("context"))
    rope.context = context->count();
  if (const auto frequencies = node.find("long_frequencies"))
    rope.longFrequencies = frequencies->list(real);
  if (const auto growth = node.find("growth"))
    rope.growth = growth->real();
  return rope;
}

static Buffer readBuffer(const Node &node) {
  return {node["columns"].count(),
          static_cast<uint64_t>(node["offset"].count())};
}

static void read(const Node &node, int64_t &value) { value = node.integer(); }
static void read(const Node &node, float &value) { value = node.real(); }
static void read(const Node &node, bool &value) { value = node.boolean(); }
static void read(const Node &node, Activation &value) {
  value = node.word(parseActivation);
}
static void read(const Node &node, std::optional<int64_t> &index) {
  index = node.count();
}

static RowView readRowView(const Node &node) {
  if (node.size() != 4)
    node.fail("is not [first, rows, run, stride]");
  return {node.at(0).count(), node.at(1).count(), node.at(2).count(),
          node.at(3).count()};
}
static void read(const Node &node, std::vector<RowView> &views) {
  views = node.list(readRowView);
}

/// The fields of a struct from the members of an object.
template <typename Params>
static void readFields(const Node &node, Params &params) {
  forEachField<Params>([&](const auto &field) {
    if (!field.optional)
      read(node[field.name], params.*field.member);
    else if (const auto value = node.find(field.name))
      read(*value, params.*field.member);
  });
}

static Launch readLaunch(const Node &node) {
  Launch launch;
  launch.opcode = node["op"].word(parseOpcode);
  launch.inputs = node["in"].list(readView);
  launch.outputs = node["out"].list(readView);
  if (const auto weights = node.find("weights"))
    launch.weights = weights->list([](const Node &index) {
      return static_cast<int32_t>(index.integer(0, kInt32Max));
    });
  launch.params = initialParams(launch.opcode);
  std::visit([&](auto &params) { readFields(node, params); }, launch.params);
  return launch;
}

static void readActivations(const Node &node, Activations &memory) {
  memory.buffers = node["buffers"].list(readBuffer);
  memory.bytesPerToken = static_cast<uint64_t>(node["bytes_per_token"].count());
  memory.hidden = readView(node["hidden"]);
  memory.headBuffers = node["head_buffers"].list(readBuffer);
  memory.headBytesPerToken =
      static_cast<uint64_t>(node["head_bytes_per_token"].count());
  memory.logits = readView(node["logits"]);
}

static Plan readPlan(const Node &node) {
  Plan plan;
  readActivations(node, plan);
  plan.ropes = node["ropes"].list(readRope);
  plan.body = node["body"].list(readLaunch);
  plan.head = node["head"].list(readLaunch);
  return plan;
}

static CudaArg readArg(const Node &node) {
  CudaArg arg;
  arg.kind = node.at(0).word(parseArgKind);
  const size_t count = node.size();
  if (count > 3)
    node.fail("has too many elements");
  if (arg.kind == CudaArg::Kind::Float) {
    arg.f = node.at(1).real();
    return arg;
  }
  if (count > 1)
    arg.a = node.at(1).integer();
  if (count > 2)
    arg.b = node.at(2).integer();
  return arg;
}

static CudaLaunch readCudaLaunch(const Node &node) {
  CudaLaunch launch;
  launch.kernel = node["kernel"].text();
  launch.perCacheType = flag(node, "per_cache_type");
  const Node grid = node["grid"];
  if (grid.size() != launch.grid.size())
    grid.fail("does not have three dimensions");
  for (size_t i = 0; i < launch.grid.size(); ++i) {
    const Node dim = grid.at(i);
    launch.grid[i] = {dim.at(0).integer(1, kInt32Max),
                      dim.at(1).integer(kPerTile, kInt32Max)};
  }
  launch.blockThreads =
      static_cast<uint32_t>(node["threads"].integer(1, kInt32Max));
  if (const auto shared = node.find("shared"))
    launch.sharedBytes = static_cast<uint32_t>(shared->integer(0, kInt32Max));
  launch.args = node["args"].list(readArg);
  return launch;
}

static CudaProgram readCuda(const Node &node) {
  CudaProgram cuda;
  readActivations(node["memory"], cuda.memory);
  cuda.archs = node["archs"].list([](const Node &name) { return name.text(); });
  cuda.decode = node["decode"].list(readCudaLaunch);
  cuda.prefill = node["prefill"].list(readCudaLaunch);
  cuda.head = node["head"].list(readCudaLaunch);
  cuda.score = node["score"].list(readCudaLaunch);
  cuda.losses = node["losses"].list(readCudaLaunch);
  cuda.draw = node["draw"].list(readCudaLaunch);
  cuda.arrange = node["arrange"].list(readCudaLaunch);
  cuda.decodeBatch = node["decode_batch"].integer(1, kInt32Max);
  cuda.batches = node["batches"].list([](const Node &batch) {
    return CudaBatch{batch["sequences"].integer(2, kInt32Max),
                     batch["launches"].list(readCudaLaunch)};
  });
  cuda.tileQueries = node["tile_queries"].integer(1, kInt32Max);
  cuda.pagePositions = node["page_positions"].integer(0, kInt32Max);
  cuda.scratchBytes = static_cast<uint64_t>(node["scratch_bytes"].count());
  cuda.scratchBytesPerToken =
      static_cast<uint64_t>(node["scratch_bytes_per_token"].count());
  return cuda;
}

Manifest parseManifest(std::string_view text) {
  const Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (json.is_discarded())
    throw Error("the manifest is damaged: it is not JSON");
  const Node root(json);
  Manifest manifest;
  manifest.version = root["version"].integer();
  if (manifest.version != kManifestVersion)
    throw Error("the manifest has version " + std::to_string(manifest.version) +
                ", this runtime reads version " +
                std::to_string(kManifestVersion));
  manifest.producer = root["producer"].text();
  manifest.model = readModel(root["model"]);
  manifest.selection = root["selection"].text();
  const Node weights = root["weights"];
  manifest.weightsMode = weights["mode"].word(parseWeightsMode);
  manifest.weightsFile = weights["file"].text();
  manifest.syntheticSeed = weights["seed"].bits64();
  manifest.weightsBytes = static_cast<uint64_t>(weights["bytes"].count());
  manifest.nvrtcVersion = root["nvrtc"].text();
  manifest.minimumDriver = root["minimum_driver"].integer(0, kInt32Max);
  manifest.tensors = root["tensors"].list(readTensor);
  manifest.plan = readPlan(root["plan"]);
  manifest.cuda = root["cuda"].list(readCuda);
  if (const auto sources = root.find("sources"))
    manifest.sources = sources->list(readSourceFile);
  if (const auto statistics = root.find("statistics"))
    manifest.statistics = statistics->text();
  verify(manifest);
  return manifest;
}

} // namespace qzc::format
