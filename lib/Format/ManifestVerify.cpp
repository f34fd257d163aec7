//===- ManifestVerify.cpp - Whether a manifest contradicts itself ---------===//
//
// After these checks an engine may use every index, offset and extent of the
// manifest without checking again. Sizes are limited so that products with a
// row count below 2^31 stay in 63 bits.
//
//===----------------------------------------------------------------------===//

#include "ManifestVerify.h"
#include "ManifestNames.h"

#include "qzc/Format/Manifest.h"
#include "qzc/Support/Error.h"

#include <algorithm>
#include <cmath>
#include <set>

using namespace qzc;
using namespace qzc::format;

std::string format::item(const char *what, size_t index) {
  return what + (" " + std::to_string(index));
}

void format::require(bool holds, const std::string &where, const char *what) {
  if (!holds)
    throw Error("the manifest contradicts itself: " + where + " " + what);
}

int64_t format::bufferColumns(const Activations &memory, int64_t buffer,
                              bool inHead, const std::string &where) {
  if (inHead && buffer == kHiddenBuffer)
    return memory.hidden.columns;
  const auto &buffers = inHead ? memory.headBuffers : memory.buffers;
  require(buffer >= 0 && static_cast<uint64_t>(buffer) < buffers.size(), where,
          "refers to a buffer that does not exist");
  return buffers[static_cast<size_t>(buffer)].columns;
}

static void checkBuffers(const std::vector<Buffer> &buffers, uint64_t bytes,
                         const std::string &what) {
  require(bytes <= kMostBytesPerToken, what, "arena is too large");
  for (size_t i = 0; i < buffers.size(); ++i) {
    const Buffer &buffer = buffers[i];
    const std::string where = item(what.c_str(), i);
    require(buffer.columns > 0 && buffer.columns <= kInt32Max, where,
            "has a column count out of range");
    const auto size = static_cast<uint64_t>(buffer.columns) * sizeof(float);
    require(size % 64 == 0 && buffer.offset % 64 == 0, where, "is not aligned");
    require(buffer.offset <= bytes && size <= bytes - buffer.offset, where,
            "lies outside of its arena");
  }
}

void format::verifyView(const Activations &memory, const View &view,
                        bool inHead, const std::string &where) {
  const int64_t columns = bufferColumns(memory, view.buffer, inHead, where);
  require(view.column >= 0 && view.columns > 0 && view.column <= columns &&
              view.columns <= columns - view.column,
          where, "lies outside of its buffer");
}

void format::verifyActivations(const Activations &memory, int64_t vocabulary,
                               const std::string &where) {
  checkBuffers(memory.buffers, memory.bytesPerToken, where + "buffer");
  checkBuffers(memory.headBuffers, memory.headBytesPerToken,
               where + "head buffer");
  verifyView(memory, memory.hidden, /*inHead=*/false,
             "the " + where + "hidden view");
  const View &logits = memory.logits;
  require(logits.buffer != kHiddenBuffer, "the " + where + "logits",
          "lie in the body");
  verifyView(memory, logits, /*inHead=*/true, "the " + where + "logits view");
  require(logits.columns == vocabulary, "the " + where + "logits",
          "do not have a column for each token id");
}

namespace {
class Verifier {
public:
  explicit Verifier(const Manifest &manifest)
      : M(manifest), Model(manifest.model), ThePlan(manifest.plan) {}

  void run() {
    checkModel();
    checkWeights();
    checkSources();
    for (const Tensor &tensor : M.tensors)
      if (tensor.method == Method::Awq)
        Scales.insert(tensor.scaling.columns);
    for (size_t i = 0; i < M.tensors.size(); ++i)
      checkTensor(M.tensors[i], item("tensor", i));
    for (size_t i = 0; i < ThePlan.ropes.size(); ++i)
      checkRope(ThePlan.ropes[i], item("rope", i));
    verifyActivations(ThePlan, Model.vocab, "");
    for (size_t i = 0; i < ThePlan.body.size(); ++i)
      checkLaunch(ThePlan.body[i], /*inHead=*/false, item("launch", i));
    for (size_t i = 0; i < ThePlan.head.size(); ++i)
      checkLaunch(ThePlan.head[i], /*inHead=*/true, item("head launch", i));
    // A layer may be without attention, but does something: what is kept for
    // each layer is in proportion to the plan.
    require(static_cast<size_t>(Model.layers) <= ThePlan.body.size(),
            "the model", "has more layers than launches");
    std::set<std::string> archs;
    for (const CudaProgram &cuda : M.cuda) {
      verifyProgram(M, cuda, LayersSeen);
      for (const std::string &arch : cuda.archs)
        require(archs.insert(arch).second, "the code for " + arch,
                "has more than one program");
    }
  }

private:
  //===--------------------------------------------------------------------===//
  // Model, weights, tensors
  //===--------------------------------------------------------------------===//

  void checkModel() {
    const auto sound = [](int64_t value) {
      return value > 0 && value <= kInt32Max;
    };
    require(M.version == kManifestVersion, "the version", "is not this one");
    require(sound(Model.vocab), "the vocabulary", "has no sound size");
    require(sound(Model.hidden), "the hidden size", "is out of range");
    require(Model.layers >= 0 && Model.layers <= kInt32Max, "the layer count",
            "is out of range");
    require(sound(Model.context), "the context", "is out of range");
    const auto isToken = [&](int64_t id) {
      return id >= 0 && id < Model.vocab;
    };
    require(!Model.bos || isToken(*Model.bos), "the BOS token",
            "is outside of the vocabulary");
    require(std::all_of(Model.eos.begin(), Model.eos.end(), isToken),
            "an EOS token", "is outside of the vocabulary");
    require(!Model.addBos || Model.bos, "the model",
            "adds a BOS token that it does not have");
    require(M.minimumDriver >= 0 && M.minimumDriver <= kInt32Max,
            "the minimum driver", "is out of range");
  }

  void checkWeights() {
    require(!name(M.weightsMode).empty(), "the weights mode", "is unknown");
    require(M.weightsBytes <= uint64_t{1} << 62, "the weights' size",
            "is out of range");
    const std::string &file = M.weightsFile;
    if (M.weightsMode != WeightsMode::External) {
      require(file.empty(), "the weights file", "is named but not used");
      return;
    }
    // The name is looked up beside the executable and nowhere else.
    require(isPlainName(file), "the weights file", "is not a plain file name");
  }

  static bool isPlainName(const std::string &file) {
    return !file.empty() && file != "." && file != ".." &&
           file.find('/') == std::string::npos &&
           file.find('\0') == std::string::npos;
  }
  static bool isSha256(const std::string &text) {
    return text.size() == 64 &&
           text.find_first_not_of("0123456789abcdef") == std::string::npos;
  }

  void checkSources() const {
    for (size_t i = 0; i < M.sources.size(); ++i) {
      const SourceFile &file = M.sources[i];
      require(isPlainName(file.path), item("source", i),
              "is not a plain file name");
      require(isSha256(file.sha256), item("source", i), "has no SHA-256");
    }
    require(M.statistics.empty() || isSha256(M.statistics), "the statistics",
            "have no SHA-256");
  }

  void checkTensor(const Tensor &tensor, const std::string &index) {
    const std::string where = index + " ('" + tensor.source.name + "')";
    if (const auto wrong = checkShape(tensor.shape))
      require(false, where + ":", std::string(*wrong).c_str());
    const uint64_t bytes = paddedBytes(tensor.shape);
    require(tensor.offset % kPartAlign == 0, where, "is not aligned");
    require(tensor.offset <= M.weightsBytes &&
                bytes <= M.weightsBytes - tensor.offset,
            where, "lies outside of the weights");
    require(tensor.f16Exponent >= 0 && tensor.f16Exponent <= 128, where,
            "has an f16 exponent out of range");
    require(tensor.block >= -1 && tensor.block < Model.layers, where,
            "belongs to a block that does not exist");
    require(!tensor.source.name.empty(), where, "has no name");
    require(tensor.calibrated.empty() ||
                (tensor.method != Method::Rtn && !M.statistics.empty()),
            where, "was calibrated by nothing");
    checkSource(tensor, where);
    checkScaled(tensor, where);
    if (tensor.source.ref)
      checkRef(tensor.source, where);
  }

  void checkScaled(const Tensor &tensor, const std::string &where) const {
    const Scaling &scaling = tensor.scaling;
    const bool isVector = tensor.source.shape.size() == 1;
    if (const auto wrong = checkScaling(scaling, isVector ? tensor.shape.cols
                                                          : tensor.shape.rows))
      require(false, where, std::string(*wrong).c_str());
    if (!scaling.any())
      return;
    require(scaling.columns < 0 || !isVector, where,
            "is a vector whose columns are scaled");
    require(tensor.shape.scheme != Scheme::None ||
                tensor.shape.dtype == DType::F32,
            where, "is scaled, and not stored as f32");
    // Factors are chosen for the layers by awq.
    for (const int64_t number : {scaling.columns, scaling.rows})
      require(number < 0 || Scales.count(number) != 0, where,
              "is scaled for no layer");
  }

  void checkRef(const TensorSource &source, const std::string &where) const {
    const auto isFile = [&](size_t file) { return file < M.sources.size(); };
    const WeightRef &ref = *source.ref;
    if (!ref.packed) {
      require(!source.packed, where, "does not say how its source is packed");
      require(isFile(ref.file), where, "refers to a source that is none");
      return;
    }
    require(!source.transposed && storedAlike(ref.packed->shape, source.held()),
            where, "has a packed source that cannot be");
    for (const PackedTensor &tensor : ref.packed->tensors)
      require(isFile(tensor.file), where, "refers to a source that is none");
  }

  static void checkSource(const Tensor &tensor, const std::string &where) {
    const TensorSource &source = tensor.source;
    const size_t rank = source.shape.size();
    require(rank == 1 || rank == 2, where, "has a source that is no matrix");
    require(!name(source.dtype).empty(), where, "has an unknown source type");
    for (int64_t extent : source.shape)
      require(extent > 0 && extent <= kInt32Max, where,
              "has a source extent out of range");
    require(rank == 2 || !source.transposed, where,
            "is a vector, which cannot be transposed");
    if (source.packed)
      require(rank == 2 && !source.transposed && source.rows.empty() &&
                  !checkShape(source.held()),
              where, "has a packed source that cannot be");
    // The rows of a vector are its elements.
    const int64_t all = source.height();
    int64_t rows = source.rows.empty() ? all : 0;
    for (const auto &[begin, end] : source.rows) {
      require(begin >= 0 && begin < end && end <= all, where,
              "has source rows out of range");
      require(rows <= kInt32Max, where, "has too many source rows");
      rows += end - begin;
    }
    const int64_t cols =
        rank == 1 ? 1 : source.shape[source.transposed ? 0 : 1];
    const bool fits =
        rank == 1 ? tensor.shape.rows == 1 && tensor.shape.cols == rows
                  : tensor.shape.rows == rows && tensor.shape.cols == cols;
    require(fits, where, "does not have the shape of its source");
  }

  //===--------------------------------------------------------------------===//
  // Buffers and views
  //===--------------------------------------------------------------------===//

  static void checkRope(const Rope &rope, const std::string &where) {
    require(rope.dim > 0 && rope.dim % 2 == 0 && rope.dim <= kInt32Max, where,
            "has a dimension out of range");
    const auto pairs = static_cast<size_t>(rope.dim / 2);
    require(rope.inverseFrequencies.size() == pairs &&
                (rope.longFrequencies.empty() ||
                 rope.longFrequencies.size() == pairs),
            where, "does not have a frequency for each pair");
    for (const auto *list : {&rope.inverseFrequencies, &rope.longFrequencies})
      for (float frequency : *list)
        require(std::isfinite(frequency), where,
                "has a frequency that is not finite");
    require(std::isfinite(rope.magnitude) && rope.magnitude > 0, where,
            "has a magnitude that is not positive and finite");
    const bool grows = rope.growth != 0;
    require(!grows || (std::isfinite(rope.growth) && rope.growth >= 1 &&
                       rope.dim >= 4 && rope.longFrequencies.empty()),
            where, "does not grow as it can");
    require((rope.context != 0) == (grows || !rope.longFrequencies.empty()),
            where, "does not say how long runs turn, or which are long");
  }

  void checkView(const View &view, bool inHead,
                 const std::string &where) const {
    verifyView(ThePlan, view, inHead, where);
  }

  //===--------------------------------------------------------------------===//
  // Launches
  //===--------------------------------------------------------------------===//

  void checkLaunch(const Launch &launch, bool inHead,
                   const std::string &index) {
    const std::string where =
        index + " (" + std::string(name(launch.opcode)) + ")";
    const OpcodeArity counts = arity(launch.opcode);
    const size_t inputs = launch.inputs.size();
    const bool residual =
        launch.opcode == Opcode::Linear && inputs + 1 == counts.inputs;
    require(inputs == counts.inputs || residual, where,
            "has the wrong number of inputs");
    require(launch.outputs.size() == counts.outputs, where,
            "has the wrong number of outputs");
    require(launch.weights.size() >= counts.minWeights &&
                launch.weights.size() <= counts.maxWeights,
            where, "has the wrong number of weights");
    for (const View &view : launch.inputs)
      checkView(view, inHead, where);
    for (const View &view : launch.outputs) {
      require(view.buffer != kHiddenBuffer, where,
              "writes to the hidden states from the head");
      checkView(view, inHead, where);
    }
    for (int32_t weight : launch.weights)
      require(weight >= 0 && static_cast<size_t>(weight) < M.tensors.size(),
              where, "refers to a tensor that does not exist");
    const bool needsBody = launch.opcode == Opcode::Embed ||
                           launch.opcode == Opcode::AddPositions ||
                           launch.opcode == Opcode::Attention;
    require(!inHead || !needsBody, where, "cannot stand in the head");
    require(launch.params.index() == initialParams(launch.opcode).index(),
            where, "has the parameters of another operation");
    std::visit([&](const auto &params) { checkFields(params, where); },
               launch.params);
    checkOperation(launch, where);
  }

  /// Each field alone; what they mean together is checked by the operation.
  template <typename Params>
  static void checkFields(const Params &params, const std::string &where) {
    forEachField<Params>([&](const auto &field) {
      require((field.optional && isDefault(field, params)) ||
                  isSound(params.*field.member, field.numbers),
              where, (std::string("has a bad ") + field.name).c_str());
    });
  }
  template <typename Value>
  static bool isSound(const Value &value, const Numbers &numbers) {
    if constexpr (std::is_same_v<Value, Activation>)
      return !name(value).empty();
    else if constexpr (std::is_same_v<Value, int64_t> ||
                       std::is_same_v<Value, float>)
      return numbers.hold(value);
    else
      return true;
  }

  void checkOperation(const Launch &launch, const std::string &where) {
    switch (launch.opcode) {
    case Opcode::Embed: {
      const PackedShape &table = weight(launch, 0).shape;
      require(table.rows >= Model.vocab, where, "lacks rows for some tokens");
      require(table.cols == launch.outputs[0].columns, where,
              "has a table of another width");
      return;
    }
    case Opcode::AddPositions: {
      const int64_t offset = std::get<AddPositionsParams>(launch.params).offset;
      const PackedShape &table = weight(launch, 0).shape;
      require(offset <= table.rows && table.rows - offset >= Model.context,
              where, "lacks rows for some positions");
      require(table.cols == launch.outputs[0].columns, where,
              "has a table of another width");
      return checkSameColumns(launch, where);
    }
    case Opcode::RmsNorm:
    case Opcode::LayerNorm: {
      const int64_t heads = std::get<NormParams>(launch.params).heads;
      const int64_t columns = launch.outputs[0].columns;
      require(columns % heads == 0, where, "has heads of unequal sizes");
      for (size_t i = 0; i < launch.weights.size(); ++i)
        checkVector(weight(launch, i), columns / heads, where);
      return checkSameColumns(launch, where);
    }
    case Opcode::Linear:
      return checkLinear(launch, where);
    case Opcode::Attention:
      return checkAttention(launch, where);
    case Opcode::Activate:
    case Opcode::Add:
    case Opcode::Mul:
    case Opcode::Scale:
    case Opcode::Clamp:
    case Opcode::SoftCap:
      return checkSameColumns(launch, where);
    }
    require(false, where, "is an unknown operation");
  }

  const Tensor &weight(const Launch &launch, size_t index) const {
    return M.tensors[static_cast<size_t>(launch.weights[index])];
  }

  static void checkSameColumns(const Launch &launch, const std::string &where) {
    for (const View &input : launch.inputs)
      require(input.columns == launch.outputs[0].columns, where,
              "has inputs and outputs of different widths");
  }

  static void checkVector(const Tensor &tensor, int64_t columns,
                          const std::string &where) {
    require(tensor.shape.scheme == Scheme::None, where,
            "has a quantized vector");
    require(tensor.shape.rows == 1 && tensor.shape.cols == columns, where,
            "has a vector of another length");
  }

  void checkLinear(const Launch &launch, const std::string &where) const {
    const auto &linear = std::get<LinearParams>(launch.params);
    require(linear.parts <= 3, where, "has a number of parts out of range");
    require(!linear.gated || linear.parts == 2, where,
            "is gated but does not have two parts");
    const auto parts = static_cast<size_t>(linear.parts);
    require(launch.weights.size() == parts * (linear.hasBias ? 2 : 1), where,
            "has the wrong number of weights");
    require(linear.rows.empty() || linear.rows.size() == parts, where,
            "does not have rows for each of its parts");
    int64_t columns = 0;
    for (size_t i = 0; i < parts; ++i) {
      const PackedShape &shape = weight(launch, i).shape;
      require(shape.cols == launch.inputs[0].columns, where,
              "has a weight of another width than its input");
      require(shape.rows <= kInt32Max, where, "has a weight out of range");
      require(storedAlike(shape, weight(launch, 0).shape), where,
              "has parts that are not stored alike");
      const RowView view = linear.rowsOf(i, shape.rows);
      if (const auto wrong = checkRowView(view, shape.rows))
        require(false, where + ": part " + std::to_string(i),
                std::string(*wrong).c_str());
      columns += view.rows;
      if (linear.hasBias)
        checkVector(weight(launch, parts + i), view.rows, where);
    }
    if (linear.gated) {
      columns /= 2;
      require(linear.rowsOf(0, weight(launch, 0).shape.rows).rows == columns,
              where, "gates with a weight of another height");
      require(!linear.hasBias || weight(launch, parts).shape.dtype ==
                                     weight(launch, parts + 1).shape.dtype,
              where, "has gated biases of different element types");
    }
    require(columns == launch.outputs[0].columns, where,
            "has an output of another width than its weights give");
    require(launch.inputs.size() < 2 || launch.inputs[1].columns == columns,
            where, "has a residual of another width than its output");
  }

  void checkAttention(const Launch &launch, const std::string &where) {
    const auto &attention = std::get<AttentionParams>(launch.params);
    require(attention.layer < Model.layers, where,
            "belongs to a layer that does not exist");
    require(LayersSeen.insert(attention.layer).second, where,
            "belongs to a layer that has an attention already");
    const auto sound = [](int64_t value) { return value <= 1 << 20; };
    require(sound(attention.heads) && sound(attention.kvHeads) &&
                sound(attention.headDim) &&
                attention.heads % attention.kvHeads == 0,
            where, "has head counts out of range");
    const int64_t wide = attention.heads * attention.headDim;
    const int64_t narrow = attention.kvHeads * attention.headDim;
    require(launch.inputs[0].columns == wide &&
                launch.inputs[1].columns == narrow &&
                launch.inputs[2].columns == narrow &&
                launch.outputs[0].columns == wide,
            where, "has inputs and outputs of another width than its heads");
    if (!attention.rope)
      return;
    require(*attention.rope >= 0 &&
                static_cast<uint64_t>(*attention.rope) < ThePlan.ropes.size(),
            where, "refers to a rope that does not exist");
    require(ThePlan.ropes[static_cast<size_t>(*attention.rope)].dim <=
                attention.headDim,
            where, "rotates more than a head");
  }

  const Manifest &M;
  const ModelInfo &Model;
  const Plan &ThePlan;
  std::set<int64_t> LayersSeen;
  std::set<int64_t> Scales; ///< that layers take
};
} // namespace

void qzc::format::verify(const Manifest &manifest) { Verifier(manifest).run(); }
