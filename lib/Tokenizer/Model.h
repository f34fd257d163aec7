//===- Model.h - From a word to ids -----------------------------*- C++ -*-===//

#ifndef QZC_LIB_TOKENIZER_MODEL_H
#define QZC_LIB_TOKENIZER_MODEL_H

#include "Field.h"
#include "Tables.h"

#include <memory>
#include <optional>

namespace qzc::tokenizer {

/// A vocabulary and its way of cutting words. Immutable once read.
class Model {
public:
  Model() = default;
  Model(const Model &) = delete;
  Model &operator=(const Model &) = delete;
  virtual ~Model() = default;

  /// Appends the ids of `word`, which is not empty.
  virtual void encode(std::string_view word,
                      std::vector<int32_t> &out) const = 0;

  /// End of a first part of `word`, from `from` on, that can be encoded
  /// without what follows; word.size() if there is none.
  virtual size_t partEnd(std::string_view word, size_t from) const {
    return word.size();
  }

  std::optional<int32_t> find(std::string_view token) const {
    auto found = Vocabulary.find(token);
    if (found == Vocabulary.end())
      return std::nullopt;
    return found->second;
  }
  /// By token.
  const TextTable<int32_t> &vocabulary() const { return Vocabulary; }

  /// Reads a "BPE" or a "Unigram".
  static std::unique_ptr<Model> read(const Field &field);

protected:
  /// Makes room; `bytes` of all tokens together.
  void reserve(size_t tokens, size_t bytes);
  /// Of equal tokens the last counts.
  void add(std::string_view token, int32_t id);

private:
  std::unique_ptr<char[]> Texts; ///< of the tokens
  size_t Used = 0;
  TextTable<int32_t> Vocabulary;
};

/// <0x0A>: what stands for a byte that the vocabulary has no character for.
std::string byteToken(char byte);
/// The byte of such a token.
std::optional<char> byteOf(std::string_view token);

} // namespace qzc::tokenizer

#endif // QZC_LIB_TOKENIZER_MODEL_H
