//===- GoldenFile.h - Cases of test/golden/schemes --------------*- C++ -*-===//

#ifndef QZC_TEST_UNIT_ENCODE_GOLDENFILE_H
#define QZC_TEST_UNIT_ENCODE_GOLDENFILE_H

#include "qzc/Encode/WeightSources.h"

#include "qzc/Support/Hash.h"
#include "qzc/Support/MappedFile.h"

#include <gtest/gtest.h>
#include <set>

namespace qzc::encode {

inline WeightSources openGolden(const std::string &name) {
  const std::string path =
      std::string(QZC_TEST_DATA) + "/golden/schemes/" + name;
  const MappedFile file(path);
  return WeightSources(
      {{path, file.size(), toHex(sha256(file.data(), file.size()))}});
}

/// The case names of a golden file, whose tensors are CASE.PART.
inline std::set<std::string> goldenCases(const SafetensorsFile &file) {
  std::set<std::string> names;
  for (const auto &[name, entry] : file.entries())
    names.insert(name.substr(0, name.rfind('.')));
  return names;
}

/// Expects `size` bytes to be those of the tensor.
inline void expectBytes(const SafetensorsFile &file, const std::string &tensor,
                        const void *ours, uint64_t size) {
  const auto &entry = file.entry(tensor);
  ASSERT_EQ(entry.bytes, size) << tensor;
  const std::byte *reference = file.file().data() + entry.offset;
  size_t different = 0;
  for (size_t i = 0; i < size; ++i)
    different += static_cast<const std::byte *>(ours)[i] != reference[i];
  EXPECT_EQ(different, 0u) << tensor << ": bytes of " << size;
}

} // namespace qzc::encode

#endif // QZC_TEST_UNIT_ENCODE_GOLDENFILE_H
