//===- GgufReader.h - A GGUF file, read for tests ---------------*- C++ -*-===//

#ifndef QZC_TEST_UNIT_GGUF_GGUFREADER_H
#define QZC_TEST_UNIT_GGUF_GGUFREADER_H

#include "qzc/Target/Gguf/Container.h"

#include <cstring>
#include <map>
#include <stdexcept>

namespace qzc::gguf {

/// Reads what the container writes, by the format's rules; throws
/// std::runtime_error at the first byte that breaks them.
class GgufReader {
public:
  explicit GgufReader(std::string bytes) : Bytes(std::move(bytes)) {
    require(take(4) == "GGUF", "magic");
    require(number<uint32_t>() == 3, "version");
    const auto tensors = number<uint64_t>();
    const auto pairs = number<uint64_t>();
    for (uint64_t i = 0; i != pairs; ++i) {
      const std::string key = text();
      require(Values.emplace(key, value(number<uint32_t>())).second, "twice");
    }
    for (uint64_t i = 0; i != tensors; ++i)
      Tensors.push_back(tensor());
    Data = (At + kAlignment - 1) / kAlignment * kAlignment;
  }

  template <typename T> T get(const std::string &key) const {
    return std::get<T>(Values.at(key));
  }
  bool has(const std::string &key) const { return Values.count(key) != 0; }
  /// Bytes of a tensor.
  std::string dataOf(const TensorInfo &info) const {
    return Bytes.substr(Data + info.offset,
                        bytesOf(info.type, info.elements()));
  }
  const TensorInfo &tensor(const std::string &name) const {
    for (const TensorInfo &info : Tensors)
      if (info.name == name)
        return info;
    throw std::runtime_error("no tensor " + name);
  }

  std::vector<TensorInfo> Tensors;
  size_t Data = 0; ///< where the data section begins

private:
  static void require(bool holds, const char *what) {
    if (!holds)
      throw std::runtime_error(what);
  }
  std::string take(size_t count) {
    require(count <= Bytes.size() - At, "end of file");
    At += count;
    return Bytes.substr(At - count, count);
  }
  template <typename T> T number() {
    T result;
    std::memcpy(&result, take(sizeof result).data(), sizeof result);
    return result;
  }
  std::string text() { return take(number<uint64_t>()); }

  Value value(uint32_t type) {
    switch (type) {
    case 4:
      return number<uint32_t>();
    case 6:
      return number<float>();
    case 7:
      return number<uint8_t>() != 0;
    case 8:
      return text();
    case 9:
      return array();
    default:
      throw std::runtime_error("type of a value");
    }
  }
  Value array() {
    const auto type = number<uint32_t>();
    const auto count = number<uint64_t>();
    switch (type) {
    case 0:
      return list<uint8_t>(count);
    case 5:
      return list<int32_t>(count);
    case 6:
      return list<float>(count);
    case 8: {
      std::vector<std::string> texts;
      for (uint64_t i = 0; i != count; ++i)
        texts.push_back(text());
      return texts;
    }
    default:
      throw std::runtime_error("type of a list");
    }
  }
  template <typename T> Value list(uint64_t count) {
    std::vector<T> numbers;
    for (uint64_t i = 0; i != count; ++i)
      numbers.push_back(number<T>());
    return numbers;
  }
  TensorInfo tensor() {
    TensorInfo info;
    info.name = text();
    info.shape.resize(number<uint32_t>());
    for (auto extent = info.shape.rbegin(); extent != info.shape.rend();
         ++extent)
      *extent = static_cast<int64_t>(number<uint64_t>());
    info.type = static_cast<TensorType>(number<uint32_t>());
    info.offset = number<uint64_t>();
    require(info.offset % kAlignment == 0, "alignment");
    return info;
  }

  std::string Bytes;
  size_t At = 0;
  std::map<std::string, Value> Values;
};

} // namespace qzc::gguf

#endif // QZC_TEST_UNIT_GGUF_GGUFREADER_H
