//===- Plan.cpp - Metadata and tensors of a GGUF --------------------------===//

#include "Mapping.h"
#include "Names.h"
#include "Rows.h"

#include "qzc/Dialect/Qz/IR/QzDialect.h"
#include "qzc/Support/Error.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringMap.h"

#include <map>

namespace qzc::gguf {

using namespace mlir;

namespace {
/// The version of ggml's quantized types, as its converter writes it.
constexpr uint32_t kQuantizationVersion = 2;

/// A tensor whose parts are being collected.
struct Draft {
  Tensor tensor;
  std::vector<std::string> stored; ///< by the executable, each way once
  bool same = true;
  bool plain = false; ///< ggml and llama.cpp want F32
};

class Planner {
public:
  Planner(qz::ModelOp model, qz::GgufAttr said, bool denser)
      : Model(model), Declared(said), Denser(denser) {}

  Plan run(const Origin &origin);

private:
  void addMetadata();
  void addComputed();
  void addParam(qz::ParamOp param);
  /// Adds what `weight`, the param's result or rows of it, holds.
  void addPart(mlir::Value weight, qz::ParamOp param);
  encode::WeightRef referTo(qz::ParamOp param);
  encode::SourceFile fileOf(StringRef symbol);
  void finish(Draft &draft);

  qz::ModelOp Model;
  qz::GgufAttr Declared;
  bool Denser;
  Plan Result;
  std::vector<Draft> Drafts;
  std::map<std::string, size_t> Indices; ///< of drafts, by name
  llvm::StringMap<size_t> Files;         ///< by symbol
};
} // namespace

/// A value of the metadata as #qz.gguf's verifier lets it be.
static Value valueOf(Attribute value) {
  if (auto flag = dyn_cast<BoolAttr>(value))
    return flag.getValue();
  if (auto count = dyn_cast<IntegerAttr>(value))
    return static_cast<uint32_t>(count.getUInt());
  if (auto real = dyn_cast<FloatAttr>(value))
    return static_cast<float>(real.getValueAsDouble());
  if (auto text = dyn_cast<StringAttr>(value))
    return text.str();
  const auto list = cast<DenseI32ArrayAttr>(value).asArrayRef();
  return std::vector<int32_t>(list.begin(), list.end());
}

void Planner::addMetadata() {
  for (NamedAttribute entry : Declared.getMetadata())
    Result.metadata.emplace_back(entry.getName().str(),
                                 valueOf(entry.getValue()));
}

void Planner::addComputed() {
  if (DictionaryAttr computed = Declared.getComputed())
    for (NamedAttribute entry : computed) {
      const auto values =
          cast<DenseF32ArrayAttr>(entry.getValue()).asArrayRef();
      Tensor tensor;
      tensor.info.name = entry.getName().str();
      tensor.info.shape = {static_cast<int64_t>(values.size())};
      tensor.values.assign(values.begin(), values.end());
      Result.tensors.push_back(std::move(tensor));
    }
}

encode::SourceFile Planner::fileOf(StringRef symbol) {
  qz::FileOp file = Model.lookupFile(symbol);
  return {file.getPath().str(), static_cast<uint64_t>(file.getSize()),
          file.getSha256().str()};
}

encode::WeightRef Planner::referTo(qz::ParamOp param) {
  const auto numberOf = [&](StringRef symbol) {
    auto [entry, isNew] = Files.try_emplace(symbol, Result.files.size());
    if (isNew)
      Result.files.push_back(fileOf(symbol));
    return entry->second;
  };
  if (std::optional<qz::PackingAttr> packing = param.getPacking())
    return encode::WeightRef(
        packing->toSource(param.getSourceShape(), numberOf));
  const std::optional<StringRef> symbol = param.getFile();
  if (!symbol)
    throw Error("--gguf needs weights, but '" + param.getName().str() +
                "' has no file: import a folder with weights");
  return {numberOf(*symbol), static_cast<uint64_t>(*param.getOffset())};
}

void Planner::addParam(qz::ParamOp param) {
  // The parts of a fused weight have rules of their own.
  bool isFused = false;
  for (Operation *user : param->getUsers())
    if (auto rows = dyn_cast<qz::RowsOp>(user)) {
      isFused = true;
      addPart(rows.getResult(), param);
    }
  if (!isFused)
    addPart(param.getResult(), param);
}

/// How the executable's codes are chosen, where the file can have the same.
static std::optional<Chosen>
chosenOf(qz::ParamOp param, const format::PackedShape &shape, TensorType type) {
  const std::optional<StringRef> said = param.getMethod();
  if (!said)
    return std::nullopt;
  const format::BlockFormat *blocks = format::blockFormat(shape.scheme);
  if (blocks && static_cast<TensorType>(blocks->type) != type)
    blocks = format::denserBlockFormat(shape.scheme);
  if (!blocks)
    return std::nullopt;
  const auto method = format::parseMethod({said->data(), said->size()});
  if (method != format::Method::Mse && method != format::Method::Gptq)
    return std::nullopt;
  return Chosen{shape, *method, blocks};
}

void Planner::addPart(mlir::Value weight, qz::ParamOp param) {
  const std::string role = qz::weightRole(weight);
  if (role == "unused")
    return;
  format::PackedShape shape = param.getPackedShape();
  const bool isVector = qz::isVector(weight.getType());
  const Target target = targetOf(shape, Denser);
  const Place place = placeOf(Declared, param.getName().str(), role,
                              qz::weightBlock(param).value_or(-1));

  Part part;
  part.source = param.getTensorSource();
  if (auto rows = weight.getDefiningOp<qz::RowsOp>()) {
    shape.rows = rows.getRowView().rows;
    part.source.rows = inSource(part.source, rows.getRowRanges());
  }
  part.ref = referTo(param);
  part.elements = shape.rows * shape.cols;
  part.as = target.type;
  if (part.ref.packed && format::storedAlike(part.ref.packed->shape, shape))
    if (const format::BlockFormat *blocks =
            format::storedBlocks(*part.ref.packed)) {
      part.as = static_cast<TensorType>(blocks->type);
      part.asStored = true;
    }
  if (target.same)
    part.chosen = chosenOf(param, shape, part.as);
  part.addend = place.isIncremented ? 1 : 0;
  if (place.interleavedHeads != 0)
    part.source.rows =
        interleaved(part.source.heldRows(), place.interleavedHeads);

  auto [index, isNew] = Indices.try_emplace(place.name, Drafts.size());
  if (isNew) {
    Draft &draft = Drafts.emplace_back();
    draft.tensor.info.name = place.name;
    draft.tensor.info.shape = {0};
    if (!isVector)
      draft.tensor.info.shape.push_back(shape.cols);
  }
  Draft &draft = Drafts[index->second];
  const std::string stored = format::describeStorage(shape);
  if (!llvm::is_contained(draft.stored, stored))
    draft.stored.push_back(stored);
  // What the executable scales is here as the source has it.
  draft.same &=
      target.same && !param.getScaling() && (!param.getMethod() || part.chosen);
  // ggml adds and multiplies vectors in F32 alone, and llama.cpp's converter
  // keeps positions in it.
  draft.plain |= isVector || role == "position" || place.isIncremented;
  draft.tensor.parts.push_back(std::move(part));
}

void Planner::finish(Draft &draft) {
  Tensor &tensor = draft.tensor;
  orderParts(tensor);
  TensorInfo &info = tensor.info;
  info.type = tensor.parts.front().as;
  int64_t elements = 0;
  for (const Part &part : tensor.parts) {
    elements += part.elements;
    if (draft.plain || part.as != info.type)
      info.type = TensorType::F32;
  }
  info.shape[0] = info.shape.size() == 1 ? elements : elements / info.shape[1];
  count(Result.mapping, llvm::join(draft.stored, " + "), info, draft.same);
  Result.tensors.push_back(std::move(tensor));
}

static format::ModelInfo factsOf(qz::ModelOp model) {
  format::ModelInfo facts;
  facts.name = model.getSymName().str();
  facts.family = model.getFamily().str();
  facts.vocab = model.getVocab();
  facts.hidden = model.getHidden();
  facts.layers = model.getLayers();
  facts.context = model.getContext();
  facts.bos = model.getBos();
  facts.eos.assign(model.getEos().begin(), model.getEos().end());
  facts.addBos = model.getAddBos();
  facts.chatTemplate = model.getChatTemplate().value_or("").str();
  return facts;
}

Plan Planner::run(const Origin &origin) {
  Result.model = factsOf(Model);
  Result.architecture = Declared.getArchitecture().str();
  Metadata &out = Result.metadata;
  out.emplace_back("general.architecture", Result.architecture);
  out.emplace_back("general.type", std::string("model"));
  out.emplace_back("general.name", Result.model.name);
  out.emplace_back("general.alignment", kAlignment);
  out.emplace_back("general.quantization_version", kQuantizationVersion);
  addMetadata();
  addComputed();
  Model.walk([&](qz::ParamOp param) { addParam(param); });
  for (Draft &draft : Drafts)
    finish(draft);

  std::vector<std::string> mapping;
  for (const Mapping &entry : Result.mapping)
    mapping.push_back(describe(entry));
  out.emplace_back("general.file_type", fileType(Result));
  out.emplace_back("qzc.producer", origin.producer);
  out.emplace_back("qzc.selection", origin.selection);
  out.emplace_back("qzc.mapping", std::move(mapping));
  warnOfOtherModel(Result);
  if (ArrayAttr warnings = Declared.getWarnings())
    for (StringRef warning : warnings.getAsValueRange<StringAttr>())
      Result.warnings.push_back(warning.str());
  if (auto symbol = Model.getTokenizer())
    Result.tokenizer = fileOf(*symbol);
  return std::move(Result);
}

/// Passes that fuse join operations and weights of which the file has parts.
static void refuseFused(qz::ModelOp model) {
  model.walk([](Operation *op) {
    auto attention = dyn_cast<qz::AttentionOp>(op);
    auto linear = dyn_cast<qz::LinearOp>(op);
    if (isa<qz::LinearGroupOp, qz::GatedLinearOp>(op) ||
        (attention && attention.getRope()) ||
        (linear && (linear.getResidual() ||
                    linear.getActivation() != qz::Activation::None)))
      throw Error("the module is fused already: --gguf needs it as qz-import "
                  "wrote it");
  });
}

Plan plan(ModuleOp module, const Origin &origin, bool denser) {
  auto models = module.getOps<qz::ModelOp>();
  if (models.empty() || std::next(models.begin()) != models.end())
    throw Error("a GGUF is made of a module with exactly one qz.model");
  qz::ModelOp model = *models.begin();
  if (!model.getGguf())
    throw Error("--gguf: the module does not say what its model is as a GGUF: "
                "qz-import writes that (the attribute 'gguf' of qz.model)");
  refuseFused(model);
  return Planner(model, *model.getGguf(), denser).run(origin);
}

} // namespace qzc::gguf
