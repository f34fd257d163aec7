//===- Npy.cpp - NumPy array files ----------------------------------------===//

#include "qzc/Support/Npy.h"

#include "qzc/Support/AtomicFile.h"

namespace qzc {

void writeNpy(const std::string &path, const std::vector<int64_t> &shape,
              const float *data) {
  std::string header = "{'descr': '<f4', 'fortran_order': False, 'shape': (";
  uint64_t count = 1;
  for (int64_t extent : shape) {
    header += std::to_string(extent) + ", ";
    count *= static_cast<uint64_t>(extent);
  }
  header += "), }";
  // Magic, version, length and header together fill a multiple of 64 bytes.
  constexpr size_t kPrefix = 10;
  header.append(63 - (kPrefix + header.size()) % 64, ' ');
  header += '\n';

  AtomicFile file(path);
  file.append(std::string_view("\x93NUMPY\x01\x00", 8));
  const unsigned char length[2] = {
      static_cast<unsigned char>(header.size() & 255),
      static_cast<unsigned char>(header.size() >> 8)};
  file.append(length, sizeof(length));
  file.append(header);
  file.append(data, count * sizeof(float));
  file.commit();
}

} // namespace qzc
