//===- WordCache.h - Ids of words that came before --------------*- C++ -*-===//

#ifndef QZC_LIB_TOKENIZER_WORDCACHE_H
#define QZC_LIB_TOKENIZER_WORDCACHE_H

#include "Model.h"

#include <vector>

namespace qzc::tokenizer {

/// Words repeat: most of a text is encoded once. Bounded, however many words
/// there are.
class WordCache {
public:
  /// `model` must outlive it.
  explicit WordCache(const Model &model) : From(model) {}

  /// Appends the ids of `word`.
  void encode(std::string_view word, std::vector<int32_t> &out);

private:
  struct Ids {
    uint32_t begin;
    uint32_t count;
  };
  const Model &From;
  std::unique_ptr<char[]> Texts; ///< of the words
  size_t Used = 0;
  std::vector<int32_t> AllIds;
  TextTable<Ids> Known;
};

} // namespace qzc::tokenizer

#endif // QZC_LIB_TOKENIZER_WORDCACHE_H
