//===- Npy.h - NumPy array files --------------------------------*- C++ -*-===//

#ifndef QZC_SUPPORT_NPY_H
#define QZC_SUPPORT_NPY_H

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace qzc {

/// What precedes the elements of a C-order .npy (format 1.0) of elements of
/// this type, a Python literal such as "'<f4'". A multiple of 64 bytes.
std::string npyHead(const std::string &type, const std::vector<int64_t> &shape);

/// The first bytes of a head, which say how long it is.
inline constexpr size_t kNpyPrefixBytes = 10;
/// Bytes of the head that begins with this prefix; nothing where it is none.
std::optional<size_t> npyHeadBytes(std::string_view prefix);

/// Writes a C-order float32 .npy (format 1.0), whole or not at all.
void writeNpy(const std::string &path, const std::vector<int64_t> &shape,
              const float *data);

} // namespace qzc

#endif // QZC_SUPPORT_NPY_H
