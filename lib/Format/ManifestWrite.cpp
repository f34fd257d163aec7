//===- ManifestWrite.cpp - The manifest as JSON text ----------------------===//
//
// The order of the keys is that of the statements below. Optional and default
// values are left out where that makes the text easier to read; ManifestRead
// knows the same defaults.
//
//===----------------------------------------------------------------------===//

#include "ManifestNames.h"

#include "qzc/Format/Manifest.h"
#include "qzc/Support/Error.h"

#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>

namespace qzc::format {

using Json = nlohmann::ordered_json;

/// The double whose shortest decimal form is that of `value`: 0.1f is written
/// as 0.1, and reads back to the same f32.
static Json number(float value) {
  if (!std::isfinite(value))
    throw Error("the manifest would hold a number that is not finite");
  char text[64];
  const auto printed = std::to_chars(text, text + sizeof text, value);
  double wide = 0;
  std::from_chars(text, printed.ptr, wide);
  return static_cast<float>(wide) == value ? wide : static_cast<double>(value);
}

static Json write(const ModelInfo &model) {
  Json json = {{"name", model.name},     {"family", model.family},
               {"vocab", model.vocab},   {"hidden", model.hidden},
               {"layers", model.layers}, {"context", model.context}};
  if (model.bos)
    json["bos"] = *model.bos;
  json["eos"] = model.eos;
  json["add_bos"] = model.addBos;
  json["chat_template"] = model.chatTemplate;
  json["special_tokens"] = model.specialTokens;
  return json;
}

static Json write(const Scaling &scaling) {
  Json json = Json::object();
  if (scaling.columns >= 0)
    json["columns"] = scaling.columns;
  if (scaling.rows >= 0)
    json["rows"] = scaling.rows;
  if (scaling.unitOffset)
    json["unit_offset"] = true;
  if (scaling.width != 0) {
    json["width"] = scaling.width;
    json["repeats"] = scaling.repeats;
  }
  return json;
}

static Json write(const PackedTensor &tensor) {
  return {{"role", tensor.role},
          {"name", tensor.name},
          {"dtype", tensor.dtype},
          {"shape", tensor.shape},
          {"at", {tensor.file, tensor.offset}}};
}

static Json write(const PackedSource &packed) {
  Json json = {{"layout", name(packed.packing)}};
  if (packed.offset != 0)
    json["offset"] = number(packed.offset);
  Json tensors = Json::array();
  for (const PackedTensor &tensor : packed.tensors)
    tensors.push_back(write(tensor));
  json["tensors"] = std::move(tensors);
  return json;
}

static Json write(const TensorSource &source) {
  Json json = {{"name", source.name},
               {"shape", source.shape},
               {"dtype", name(source.dtype)}};
  if (source.packed)
    json["packed"] = describeStorage(*source.packed);
  if (source.transposed)
    json["transposed"] = true;
  if (!source.rows.empty())
    json["rows"] = source.rows;
  if (source.ref && source.ref->packed)
    json["packing"] = write(*source.ref->packed);
  else if (source.ref)
    json["at"] = {source.ref->file, source.ref->offset};
  return json;
}

static Json write(const SourceFile &file) {
  return {{"name", file.path}, {"bytes", file.bytes}, {"sha256", file.sha256}};
}

static Json write(const Tensor &tensor) {
  const PackedShape &shape = tensor.shape;
  Json json = {{"scheme", name(shape.scheme)}};
  if (shape.scheme == Scheme::None)
    json["dtype"] = name(shape.dtype);
  json["shape"] = {shape.rows, shape.cols};
  if (shape.blockSize != 0)
    json["block_size"] = shape.blockSize;
  if (shape.scales != ScaleCodec::Plain)
    json["scales"] = name(shape.scales);
  json["offset"] = tensor.offset;
  if (tensor.f16Exponent != 0)
    json["f16_exponent"] = tensor.f16Exponent;
  if (tensor.method != Method::Rtn)
    json["method"] = name(tensor.method);
  if (!tensor.calibrated.empty())
    json["calibrated"] = tensor.calibrated;
  if (tensor.scaling.any())
    json["scaling"] = write(tensor.scaling);
  json["role"] = tensor.role;
  if (tensor.block >= 0)
    json["block"] = tensor.block;
  json["source"] = write(tensor.source);
  return json;
}

static Json write(const View &view) {
  return Json::array({view.buffer, view.column, view.columns});
}

static Json write(const Rope &rope) {
  const auto list = [](const std::vector<float> &values) {
    Json json = Json::array();
    for (float value : values)
      json.push_back(number(value));
    return json;
  };
  Json json = {{"dim", rope.dim},
               {"interleaved", rope.interleaved},
               {"inverse_frequencies", list(rope.inverseFrequencies)}};
  if (rope.magnitude != 1)
    json["magnitude"] = number(rope.magnitude);
  if (rope.context != 0)
    json["context"] = rope.context;
  if (!rope.longFrequencies.empty())
    json["long_frequencies"] = list(rope.longFrequencies);
  if (rope.growth != 0)
    json["growth"] = number(rope.growth);
  return json;
}

static Json write(int64_t value) { return value; }
static Json write(float value) { return number(value); }
static Json write(bool value) { return value; }
static Json write(Activation value) { return name(value); }
static Json write(const std::optional<int64_t> &index) { return *index; }

static Json write(const std::vector<RowView> &views) {
  Json list = Json::array();
  for (const RowView &view : views)
    list.push_back({view.first, view.rows, view.run, view.stride});
  return list;
}

/// The fields of a struct as members of an object.
template <typename Params>
static void writeFields(Json &json, const Params &params) {
  forEachField<Params>([&](const auto &field) {
    if (!field.optional || !isDefault(field, params))
      json[field.name] = write(params.*field.member);
  });
}

template <typename T> static Json writeAll(const std::vector<T> &values) {
  Json json = Json::array();
  for (const T &value : values)
    json.push_back(write(value));
  return json;
}

static Json write(const Launch &launch) {
  Json json = {{"op", name(launch.opcode)},
               {"in", writeAll(launch.inputs)},
               {"out", writeAll(launch.outputs)}};
  if (!launch.weights.empty())
    json["weights"] = launch.weights;
  std::visit([&](const auto &params) { writeFields(json, params); },
             launch.params);
  return json;
}

static Json write(const Buffer &buffer) {
  return {{"columns", buffer.columns}, {"offset", buffer.offset}};
}

static Json write(const Activations &memory) {
  return {{"buffers", writeAll(memory.buffers)},
          {"bytes_per_token", memory.bytesPerToken},
          {"hidden", write(memory.hidden)},
          {"head_buffers", writeAll(memory.headBuffers)},
          {"head_bytes_per_token", memory.headBytesPerToken},
          {"logits", write(memory.logits)}};
}

static Json write(const Plan &plan) {
  return {{"ropes", writeAll(plan.ropes)},
          {"buffers", writeAll(plan.buffers)},
          {"bytes_per_token", plan.bytesPerToken},
          {"body", writeAll(plan.body)},
          {"hidden", write(plan.hidden)},
          {"head_buffers", writeAll(plan.headBuffers)},
          {"head_bytes_per_token", plan.headBytesPerToken},
          {"head", writeAll(plan.head)},
          {"logits", write(plan.logits)}};
}

static Json write(const CudaArg &arg) {
  Json json = Json::array({name(arg.kind)});
  if (arg.kind == CudaArg::Kind::Float)
    json.push_back(number(arg.f));
  else if (arg.b != 0)
    json.insert(json.end(), {arg.a, arg.b});
  else if (arg.a != 0)
    json.push_back(arg.a);
  return json;
}

static Json write(const CudaLaunch &launch) {
  Json grid = Json::array();
  for (const GridDim &dim : launch.grid)
    grid.push_back({dim.fixed, dim.perTokens});
  Json json = {{"kernel", launch.kernel}};
  if (launch.perCacheType)
    json["per_cache_type"] = true;
  json["grid"] = std::move(grid);
  json["threads"] = launch.blockThreads;
  if (launch.sharedBytes != 0)
    json["shared"] = launch.sharedBytes;
  json["args"] = writeAll(launch.args);
  return json;
}

static Json write(const CudaBatch &batch) {
  return {{"sequences", batch.sequences},
          {"launches", writeAll(batch.launches)}};
}

static Json write(const CudaProgram &cuda) {
  return {{"archs", cuda.archs},
          {"memory", write(cuda.memory)},
          {"decode", writeAll(cuda.decode)},
          {"batches", writeAll(cuda.batches)},
          {"prefill", writeAll(cuda.prefill)},
          {"head", writeAll(cuda.head)},
          {"score", writeAll(cuda.score)},
          {"losses", writeAll(cuda.losses)},
          {"draw", writeAll(cuda.draw)},
          {"arrange", writeAll(cuda.arrange)},
          {"decode_batch", cuda.decodeBatch},
          {"tile_queries", cuda.tileQueries},
          {"page_positions", cuda.pagePositions},
          {"scratch_bytes", cuda.scratchBytes},
          {"scratch_bytes_per_token", cuda.scratchBytesPerToken}};
}

std::string toJson(const Manifest &manifest) {
  Json json = {{"version", manifest.version},
               {"producer", manifest.producer},
               {"model", write(manifest.model)},
               {"selection", manifest.selection},
               {"weights",
                {{"mode", name(manifest.weightsMode)},
                 {"file", manifest.weightsFile},
                 {"seed", manifest.syntheticSeed},
                 {"bytes", manifest.weightsBytes}}},
               {"nvrtc", manifest.nvrtcVersion},
               {"minimum_driver", manifest.minimumDriver},
               {"tensors", writeAll(manifest.tensors)},
               {"plan", write(manifest.plan)},
               {"cuda", writeAll(manifest.cuda)}};
  if (!manifest.sources.empty())
    json["sources"] = writeAll(manifest.sources);
  if (!manifest.statistics.empty())
    json["statistics"] = manifest.statistics;
  try {
    return json.dump();
  } catch (const Json::exception &) {
    throw Error("a name or the chat template of model '" + manifest.model.name +
                "' is not UTF-8");
  }
}

} // namespace qzc::format
