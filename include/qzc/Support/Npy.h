//===- Npy.h - NumPy array files --------------------------------*- C++ -*-===//

#ifndef QZC_SUPPORT_NPY_H
#define QZC_SUPPORT_NPY_H

#include <cstdint>
#include <string>
#include <vector>

namespace qzc {

/// Writes a C-order float32 .npy (format 1.0), whole or not at all.
void writeNpy(const std::string &path, const std::vector<int64_t> &shape,
              const float *data);

} // namespace qzc

#endif // QZC_SUPPORT_NPY_H
