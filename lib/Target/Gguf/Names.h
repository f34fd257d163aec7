//===- Names.h - Hugging Face names to GGUF names ---------------*- C++ -*-===//

#ifndef QZC_LIB_TARGET_GGUF_NAMES_H
#define QZC_LIB_TARGET_GGUF_NAMES_H

#include "Family.h"

#include <set>
#include <string>

namespace qzc::gguf {

/// Finds the names of a model's weights and keeps account of them.
class Names {
public:
  explicit Names(const Family &family) : Of(family) {}

  /// The GGUF name of a weight, given its Hugging Face name, its role and the
  /// block it stands in (-1: none). The table of a head that has its own,
  /// quantized copy of the embeddings is "output.weight". Throws qzc::Error
  /// where the family has no place for the weight.
  std::string find(const std::string &source, const std::string &role,
                   int64_t block);

  /// Throws where `layers` blocks lack a weight that the family cannot do
  /// without.
  void requireAll(int64_t layers) const;

private:
  const Family &Of;
  std::set<std::string> Found;
};

} // namespace qzc::gguf

#endif // QZC_LIB_TARGET_GGUF_NAMES_H
