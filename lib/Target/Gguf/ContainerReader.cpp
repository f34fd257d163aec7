//===- ContainerReader.cpp - What a GGUF file holds -----------------------===//

#include "ContainerReader.h"

#include "qzc/Support/Error.h"
#include "qzc/Target/Gguf/Container.h"

#include <algorithm>

namespace qzc::gguf {

bool isName(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return c >= ' ' && c <= '~'; });
}

void Reader::fail(const std::string &what) const {
  throw Error("'" + File.path() + "': " + what);
}

bool Reader::startsWith(std::string_view text) const {
  return File.size() >= text.size() &&
         std::memcmp(File.data(), text.data(), text.size()) == 0;
}

const std::byte *Reader::take(uint64_t bytes) {
  if (Position > File.size() || bytes > File.size() - Position)
    fail("it was cut off");
  const std::byte *data = File.data() + Position;
  Position += bytes;
  return data;
}

std::string Reader::name(uint64_t bytes) {
  const std::string_view found = text(bytes);
  if (!isName(found))
    fail("it has a name that is no text");
  return std::string(found);
}

void Reader::skip(uint64_t count, uint64_t bytes) {
  if (count > File.size() / bytes)
    fail("it was cut off");
  take(count * bytes);
}

std::vector<float> Reader::floats(uint64_t offset, uint64_t count) const {
  if (offset > File.size() || count > (File.size() - offset) / sizeof(float))
    fail("it was cut off");
  std::vector<float> values(count);
  std::memcpy(values.data(), File.data() + offset, count * sizeof(float));
  return values;
}

static std::string_view readText(Reader &reader) {
  return reader.text(reader.number<uint64_t>());
}

static ValueType readType(Reader &reader) {
  return static_cast<ValueType>(reader.number<uint32_t>());
}

static void skipValues(Reader &reader, ValueType type, uint64_t count) {
  if (const uint64_t bytes = bytesOf(type))
    return reader.skip(count, bytes);
  if (type != ValueType::String)
    reader.fail("it has metadata of the unknown type " +
                std::to_string(static_cast<uint32_t>(type)));
  // Each takes eight bytes at least: a wrong number ends at the file's end.
  for (uint64_t i = 0; i < count; ++i)
    readText(reader);
}

static StoredTensor readTensor(Reader &reader) {
  constexpr uint32_t kMostDimensions = 4;
  constexpr uint64_t kMostElements = uint64_t{1} << 40;
  StoredTensor tensor;
  tensor.name = reader.name(reader.number<uint64_t>());
  const auto dimensions = reader.number<uint32_t>();
  if (dimensions > kMostDimensions)
    reader.fail("'" + tensor.name + "' has too many dimensions");
  tensor.elements = 1;
  for (uint32_t i = 0; i < dimensions; ++i) {
    const auto extent = reader.number<uint64_t>();
    if (extent == 0 || extent > kMostElements / tensor.elements)
      reader.fail("'" + tensor.name + "' has an impossible shape");
    tensor.elements *= extent;
  }
  tensor.type = reader.number<uint32_t>();
  tensor.offset = reader.number<uint64_t>();
  return tensor;
}

ContainerIndex readIndex(Reader &reader) {
  reader.text(4); // "GGUF"
  const auto version = reader.number<uint32_t>();
  if (version != 2 && version != 3)
    reader.fail("it is a GGUF of version " + std::to_string(version) +
                ", not 2 or 3");
  const auto tensors = reader.number<uint64_t>();
  const auto pairs = reader.number<uint64_t>();
  ContainerIndex index;
  uint64_t alignment = kAlignment;
  for (uint64_t i = 0; i < pairs; ++i) {
    const std::string_view key = readText(reader);
    const ValueType type = readType(reader);
    if (key == "general.type" && type == ValueType::String) {
      index.type = readText(reader);
    } else if (key == "general.alignment") {
      if (type != ValueType::Uint32)
        reader.fail("its alignment is no number of the type that GGUF says");
      alignment = reader.number<uint32_t>();
    } else if (type == ValueType::Array) {
      const ValueType element = readType(reader);
      skipValues(reader, element, reader.number<uint64_t>());
    } else {
      skipValues(reader, type, 1);
    }
  }
  if (alignment == 0)
    reader.fail("it has an impossible alignment");
  for (uint64_t i = 0; i < tensors; ++i)
    index.tensors.push_back(readTensor(reader));
  const uint64_t data =
      (reader.position() + alignment - 1) / alignment * alignment;
  for (StoredTensor &tensor : index.tensors)
    tensor.offset += std::min(data, UINT64_MAX - tensor.offset);
  return index;
}

} // namespace qzc::gguf
