//===- CodeCache.h - Compiled code on disk ----------------------*- C++ -*-===//

#ifndef QZC_LIB_TARGET_CUDA_CODECACHE_H
#define QZC_LIB_TARGET_CUDA_CODECACHE_H

#include "qzc/Support/Hash.h"

#include <mutex>
#include <optional>
#include <string>

namespace qzc::cuda {

/// Files named by their key, each the SHA-256 of its content and the content:
/// a damaged entry counts as missing. The cache is a convenience: where the
/// folder cannot be used, everything is compiled again.
class CodeCache {
public:
  CodeCache();
  std::optional<std::string> load(const std::string &key) const;
  /// From any thread, once nothing is loaded any more.
  void store(const std::string &key, const std::string &bytes);

private:
  std::string Folder; ///< empty: none
  std::mutex Storing;
};

} // namespace qzc::cuda

#endif // QZC_LIB_TARGET_CUDA_CODECACHE_H
