//===- Container.cpp - The GGUF file format -------------------------------===//

#include "qzc/Target/Gguf/Container.h"

#include "qzc/Format/Ggml.h"
#include "qzc/Support/Error.h"

#include <set>

namespace qzc::gguf {

namespace {
constexpr uint32_t kVersion = 3;

/// Appends values as they are in memory, which is little-endian.
class Output {
public:
  std::string Bytes;

  template <typename T> void number(T value) {
    Bytes.append(reinterpret_cast<const char *>(&value), sizeof value);
  }
  void tag(ValueType type) { number(static_cast<uint32_t>(type)); }
  void text(std::string_view value) {
    number(static_cast<uint64_t>(value.size()));
    Bytes.append(value);
  }

  void operator()(uint32_t value) {
    tag(ValueType::Uint32);
    number(value);
  }
  void operator()(float value) {
    tag(ValueType::Float32);
    number(value);
  }
  void operator()(bool value) {
    tag(ValueType::Bool);
    number(static_cast<uint8_t>(value));
  }
  void operator()(const std::string &value) {
    tag(ValueType::String);
    text(value);
  }
  void operator()(const std::vector<uint8_t> &values) {
    numbers(ValueType::Uint8, values);
  }
  void operator()(const std::vector<int32_t> &values) {
    numbers(ValueType::Int32, values);
  }
  void operator()(const std::vector<float> &values) {
    numbers(ValueType::Float32, values);
  }
  void operator()(const std::vector<std::string> &values) {
    array(ValueType::String, values.size());
    for (const std::string &value : values)
      text(value);
  }

private:
  template <typename T>
  void numbers(ValueType element, const std::vector<T> &values) {
    array(element, values.size());
    for (T value : values)
      number(value);
  }
  void array(ValueType element, size_t count) {
    tag(ValueType::Array);
    tag(element);
    number(static_cast<uint64_t>(count));
  }
};

uint64_t aligned(uint64_t bytes) {
  return (bytes + kAlignment - 1) / kAlignment * kAlignment;
}
} // namespace

uint64_t bytesOf(ValueType type) {
  switch (type) {
  case ValueType::Uint8:
  case ValueType::Int8:
  case ValueType::Bool:
    return 1;
  case ValueType::Uint16:
  case ValueType::Int16:
    return 2;
  case ValueType::Uint32:
  case ValueType::Int32:
  case ValueType::Float32:
    return 4;
  case ValueType::Uint64:
  case ValueType::Int64:
  case ValueType::Float64:
    return 8;
  case ValueType::String:
  case ValueType::Array:
    break;
  }
  return 0;
}

std::string_view name(TensorType type) {
  switch (type) {
  case TensorType::F32:
    return "F32";
  case TensorType::F16:
    return "F16";
  case TensorType::BF16:
    return "BF16";
#define QZC_GGML_TYPE(Name, Number, Block, FileType)                           \
  case TensorType::Name:                                                       \
    return #Name;
#include "qzc/Format/GgmlTypes.def"
  }
  return "";
}

int64_t blockElements(TensorType type) {
  switch (type) {
  case TensorType::F32:
  case TensorType::F16:
  case TensorType::BF16:
    return 1;
#define QZC_GGML_TYPE(Name, Number, Block, FileType)                           \
  case TensorType::Name:                                                       \
    return format::ggml::Block::kValues;
#include "qzc/Format/GgmlTypes.def"
  }
  return 1;
}

/// Bytes of blockElements elements.
static uint64_t blockBytes(TensorType type) {
  switch (type) {
  case TensorType::F32:
    return 4;
  case TensorType::F16:
  case TensorType::BF16:
    return 2;
#define QZC_GGML_TYPE(Name, Number, Block, FileType)                           \
  case TensorType::Name:                                                       \
    return sizeof(format::ggml::Block);
#include "qzc/Format/GgmlTypes.def"
  }
  return 0;
}

uint64_t bytesOf(TensorType type, int64_t elements) {
  return static_cast<uint64_t>(elements / blockElements(type)) *
         blockBytes(type);
}

int64_t TensorInfo::elements() const {
  int64_t count = 1;
  for (int64_t extent : shape)
    count *= extent;
  return count;
}

uint64_t assignOffsets(std::vector<TensorInfo> &tensors) {
  std::set<std::string_view> names;
  uint64_t end = 0;
  for (TensorInfo &tensor : tensors) {
    if (!names.insert(tensor.name).second)
      throw Error("two tensors would be called '" + tensor.name +
                  "' in the GGUF");
    if (tensor.name.size() >= kMostNameBytes)
      throw Error("the name '" + tensor.name + "' is too long for a GGUF");
    tensor.offset = end;
    end = aligned(end + bytesOf(tensor.type, tensor.elements()));
  }
  return end;
}

std::string header(const Metadata &metadata,
                   const std::vector<TensorInfo> &tensors) {
  Output out;
  out.Bytes = "GGUF";
  out.number(kVersion);
  out.number(static_cast<uint64_t>(tensors.size()));
  out.number(static_cast<uint64_t>(metadata.size()));
  for (const auto &[key, value] : metadata) {
    out.text(key);
    std::visit(out, value);
  }
  for (const TensorInfo &tensor : tensors) {
    out.text(tensor.name);
    out.number(static_cast<uint32_t>(tensor.shape.size()));
    for (auto extent = tensor.shape.rbegin(); extent != tensor.shape.rend();
         ++extent)
      out.number(static_cast<uint64_t>(*extent));
    out.number(static_cast<uint32_t>(tensor.type));
    out.number(tensor.offset);
  }
  out.Bytes.resize(aligned(out.Bytes.size()));
  return std::move(out.Bytes);
}

} // namespace qzc::gguf
