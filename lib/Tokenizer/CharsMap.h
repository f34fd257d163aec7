//===- CharsMap.h - SentencePiece's compiled normalization ------*- C++ -*-===//

#ifndef QZC_LIB_TOKENIZER_CHARSMAP_H
#define QZC_LIB_TOKENIZER_CHARSMAP_H

#include "Field.h"

namespace qzc::tokenizer {

/// The "Precompiled" normalizer: a double-array trie (darts-clone) from short
/// texts to what takes their place.
class CharsMap {
public:
  /// `field`: precompiled_charsmap, in base 64.
  explicit CharsMap(const Field &field);

  std::string of(std::string_view text) const;

private:
  /// What takes the place of `text`: of the shortest key that it begins with,
  /// as the package has it.
  std::optional<std::string_view> find(std::string_view text) const;
  void append(std::string_view cluster, std::string &out) const;

  std::vector<uint32_t> Units;
  std::string Texts; ///< each ends in a zero byte
};

} // namespace qzc::tokenizer

#endif // QZC_LIB_TOKENIZER_CHARSMAP_H
