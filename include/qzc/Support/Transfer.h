//===- Transfer.h - All bytes to or from an open file -----------*- C++ -*-===//

#ifndef QZC_SUPPORT_TRANSFER_H
#define QZC_SUPPORT_TRANSFER_H

#include <cstddef>
#include <cstdint>
#include <optional>

namespace qzc {

/// Writes all bytes from an offset on. False where that fails: errno says why,
/// ENOSPC where nothing more went in.
bool writeAll(int descriptor, uint64_t offset, const void *data, size_t bytes);

/// Reads bytes from an offset on, as far as the file reaches, and returns how
/// many these were; nothing where that fails: errno says why.
std::optional<size_t> readAll(int descriptor, uint64_t offset, void *data,
                              size_t bytes);

} // namespace qzc

#endif // QZC_SUPPORT_TRANSFER_H
