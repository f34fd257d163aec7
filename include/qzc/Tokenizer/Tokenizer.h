//===- Tokenizer.h - Text to token ids and back -----------------*- C++ -*-===//
//
// A tokenizer.json (the format of Hugging Face's tokenizers) with a BPE or a
// Unigram model. The whole file is checked when it is read; what this
// implementation does not support is refused then, by the name of its field,
// and never approximated.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_TOKENIZER_TOKENIZER_H
#define QZC_TOKENIZER_TOKENIZER_H

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace qzc::tokenizer {

class DecoderState;

/// Immutable after reading: may be used from several threads.
class Tokenizer {
public:
  /// Throws qzc::Error ("tokenizer.json: pre_tokenizer.type: …") on anything
  /// malformed or unsupported. Keeps no reference to `json`.
  static Tokenizer fromJson(std::string_view json);

  Tokenizer(Tokenizer &&) noexcept;
  Tokenizer &operator=(Tokenizer &&) noexcept;
  ~Tokenizer();

  /// Ids of `text`. Added tokens are recognised inside the text either way;
  /// `addSpecial` also applies the file's post-processor (BOS, EOS). Text that
  /// is not UTF-8 throws qzc::Error with the byte offset. Takes a time that
  /// grows no faster than the text, whatever it is.
  std::vector<int32_t> encode(std::string_view text, bool addSpecial) const;

  /// Text of `ids`, special tokens left out. Bytes that are not UTF-8 become
  /// U+FFFD. Ids without a token are skipped.
  std::string decode(const std::vector<int32_t> &ids) const;

  /// One more than the largest id.
  int64_t size() const;
  /// What `id` stands for, in the file's spelling, if it is a token.
  std::optional<std::string_view> token(int32_t id) const;
  std::optional<int32_t> find(std::string_view token) const;
  bool isSpecial(int32_t id) const;

private:
  friend class StreamDecoder;
  struct Impl;
  explicit Tokenizer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> State;
};

/// Decodes token by token and never hands out half a character. The tokenizer
/// must outlive it.
class StreamDecoder {
public:
  /// `startsText`: nothing stands before the first token (some tokenizers drop
  /// a space there).
  explicit StreamDecoder(const Tokenizer &tokenizer, bool startsText = true);
  StreamDecoder(StreamDecoder &&) noexcept;
  ~StreamDecoder();

  /// Text that is certain now that `id` has come; may be empty.
  std::string push(int32_t id);
  /// What was held back, as U+FFFD where it stayed incomplete.
  std::string finish();

private:
  const Tokenizer &From;
  std::unique_ptr<DecoderState> State;
};

/// Offset of the first byte that is not valid UTF-8, or nothing.
std::optional<size_t> firstInvalidUtf8(std::string_view text);

} // namespace qzc::tokenizer

#endif // QZC_TOKENIZER_TOKENIZER_H
