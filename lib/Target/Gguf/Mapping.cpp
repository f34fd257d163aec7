//===- Mapping.cpp - The executable's schemes as ggml's types -------------===//

#include "Mapping.h"

#include "TensorData.h"

#include <algorithm>
#include <cstdio>
#include <map>

namespace qzc::gguf {

using format::PackedShape;
using format::Scheme;

/// Another type, for the values of the source; F16 where blocks do not fit.
static Target substitute(TensorType type, const PackedShape &shape) {
  const bool fits = shape.cols % blockElements(type) == 0;
  return {fits ? type : TensorType::F16, /*same=*/false};
}

Target targetOf(const PackedShape &shape, bool denser) {
  if (shape.scheme == Scheme::None)
    return {tensorType(shape.dtype), /*same=*/true};
  if (denser)
    if (const format::BlockFormat *blocks =
            format::denserBlockFormat(shape.scheme))
      return {static_cast<TensorType>(blocks->type), /*same=*/true};
  switch (shape.scheme) {
#define QZC_SCHEME(Enumerator, Number, Name, Ggml, Exact, ...)                 \
  case Scheme::Enumerator:                                                     \
    return Exact ? Target{TensorType::Ggml, /*same=*/true}                     \
                 : substitute(TensorType::Ggml, shape);
#include "qzc/Format/Schemes.def"
  }
  return {};
}

void count(std::vector<Mapping> &mapping, const std::string &stored,
           const TensorInfo &info, bool same) {
  auto found =
      std::find_if(mapping.begin(), mapping.end(), [&](const Mapping &entry) {
        return entry.stored == stored && entry.type == info.type;
      });
  if (found == mapping.end())
    found = mapping.insert(mapping.end(), {stored, info.type, 0, 0, true});
  found->same &= same;
  ++found->tensors;
  found->bytes += bytesOf(info.type, info.elements());
}

/// llama.cpp's llama_ftype of the same name.
static uint32_t fileType(TensorType type) {
  switch (type) {
  case TensorType::F32:
    return 0;
  case TensorType::F16:
    return 1;
  case TensorType::BF16:
    return 32;
#define QZC_GGML_TYPE(Name, Number, Block, FileType)                           \
  case TensorType::Name:                                                       \
    return FileType;
#include "qzc/Format/GgmlTypes.def"
  }
  return 0;
}

uint32_t fileType(const Plan &plan) {
  std::map<TensorType, int64_t> elements;
  for (const Tensor &tensor : plan.tensors)
    if (tensor.info.shape.size() == 2)
      elements[tensor.info.type] += tensor.info.elements();
  auto most = std::max_element(
      elements.begin(), elements.end(),
      [](const auto &a, const auto &b) { return a.second < b.second; });
  return most == elements.end() ? 0 : fileType(most->first);
}

static std::string megabytes(uint64_t bytes) {
  char text[32];
  std::snprintf(text, sizeof text, "%.3f MB", static_cast<double>(bytes) / 1e6);
  return text;
}

std::string describe(const Mapping &mapping) {
  std::string text = mapping.stored + " -> " + std::string(name(mapping.type)) +
                     ": " + std::to_string(mapping.tensors) +
                     (mapping.tensors == 1 ? " tensor, " : " tensors, ") +
                     megabytes(mapping.bytes);
  return mapping.same ? text : text + ", from the source weights";
}

std::string describe(const Plan &plan, const std::string &path) {
  uint64_t bytes = 0;
  for (const Tensor &tensor : plan.tensors)
    bytes += bytesOf(tensor.info.type, tensor.info.elements());
  std::string text = path + ": GGUF, architecture " + plan.architecture + ", " +
                     std::to_string(plan.tensors.size()) + " tensors, " +
                     megabytes(bytes) + "\n";
  for (const Mapping &mapping : plan.mapping)
    text += "  " + describe(mapping) + "\n";
  return text;
}

void warnOfOtherModel(Plan &plan) {
  std::string others;
  for (const Mapping &mapping : plan.mapping)
    if (!mapping.same)
      others += (others.empty() ? "" : ", ") + mapping.stored + " as " +
                std::string(name(mapping.type));
  if (!others.empty())
    plan.warnings.push_back(
        "the GGUF is a different model than the executable, with a perplexity "
        "of its own: it has " +
        others + ", quantized from the source weights");
}

} // namespace qzc::gguf
