//===- SafetensorsImage.h - Safetensors files made by hand ------*- C++ -*-===//

#ifndef QZC_TEST_UNIT_ENCODE_SAFETENSORSIMAGE_H
#define QZC_TEST_UNIT_ENCODE_SAFETENSORSIMAGE_H

#include "qzc/Support/Hash.h"

#include <cstring>
#include <string>
#include <vector>

namespace qzc::test {

/// A file of this header and these data bytes.
inline std::string safetensors(const std::string &header,
                               const std::string &data) {
  const uint64_t bytes = header.size();
  std::string file(sizeof bytes, '\0');
  std::memcpy(file.data(), &bytes, sizeof bytes);
  return file + header + data;
}

template <typename T> std::string bytesOf(const std::vector<T> &values) {
  return {reinterpret_cast<const char *>(values.data()),
          values.size() * sizeof(T)};
}

/// Collects tensors into one file.
class SafetensorsImage {
public:
  void add(const std::string &name, const std::string &dtype,
           const std::vector<int64_t> &shape, const std::string &bytes) {
    std::string extents;
    for (int64_t extent : shape)
      extents += (extents.empty() ? "" : ",") + std::to_string(extent);
    Header += (Header.empty() ? "\"" : ",\"") + name + R"(":{"dtype":")" +
              dtype + R"(","shape":[)" + extents + R"(],"data_offsets":[)" +
              std::to_string(Data.size()) + "," +
              std::to_string(Data.size() + bytes.size()) + "]}";
    Data += bytes;
  }
  std::string file() const { return safetensors("{" + Header + "}", Data); }

private:
  std::string Header;
  std::string Data;
};

inline std::string sha256Hex(const std::string &bytes) {
  return toHex(sha256(bytes.data(), bytes.size()));
}

} // namespace qzc::test

#endif // QZC_TEST_UNIT_ENCODE_SAFETENSORSIMAGE_H
