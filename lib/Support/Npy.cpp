//===- Npy.cpp - NumPy array files ----------------------------------------===//

#include "qzc/Support/Npy.h"

#include "qzc/Support/AtomicFile.h"

namespace qzc {

/// And the version.
static constexpr std::string_view kMagic("\x93NUMPY\x01\x00", 8);

std::string npyHead(const std::string &type,
                    const std::vector<int64_t> &shape) {
  std::string text =
      "{'descr': " + type + ", 'fortran_order': False, 'shape': (";
  for (int64_t extent : shape)
    text += std::to_string(extent) + ", ";
  text += "), }";
  text.append(63 - (kNpyPrefixBytes + text.size()) % 64, ' ');
  text += '\n';
  std::string head(kMagic);
  head += static_cast<char>(text.size() & 255);
  head += static_cast<char>(text.size() >> 8);
  return head + text;
}

std::optional<size_t> npyHeadBytes(std::string_view prefix) {
  if (prefix.size() != kNpyPrefixBytes ||
      prefix.substr(0, kMagic.size()) != kMagic)
    return std::nullopt;
  const auto low = static_cast<unsigned char>(prefix[8]);
  const auto high = static_cast<unsigned char>(prefix[9]);
  return kNpyPrefixBytes + low + 256 * size_t{high};
}

void writeNpy(const std::string &path, const std::vector<int64_t> &shape,
              const float *data) {
  uint64_t count = 1;
  for (int64_t extent : shape)
    count *= static_cast<uint64_t>(extent);
  AtomicFile file(path);
  file.append(npyHead("'<f4'", shape));
  file.append(data, count * sizeof(float));
  file.commit();
}

} // namespace qzc
