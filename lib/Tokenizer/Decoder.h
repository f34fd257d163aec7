//===- Decoder.h - From tokens back to text ---------------------*- C++ -*-===//

#ifndef QZC_LIB_TOKENIZER_DECODER_H
#define QZC_LIB_TOKENIZER_DECODER_H

#include "Field.h"
#include "Regex.h"

namespace qzc::tokenizer {

/// A chain of ByteLevel, ByteFallback, Fuse, Replace and Strip steps.
class Decoder {
public:
  /// No decoder in the file: tokens are joined by spaces.
  Decoder() : JoinBySpace(true) {}
  explicit Decoder(const Field &field);

  /// The text of all tokens of a result.
  std::string decode(std::vector<std::string> tokens) const;
  /// What one token adds to the text, as bytes that may end inside a
  /// character; `first`: nothing came before it.
  std::string decodeOne(const std::string &token, bool first) const;

private:
  enum class Kind { ByteLevel, ByteFallback, Fuse, Replace, Strip };
  struct Step {
    Kind kind;
    std::optional<Regex> pattern; ///< Replace
    std::string content;          ///< Replace, Strip
    int64_t start = 0;            ///< Strip
    int64_t stop = 0;
    bool afterFuse = false; ///< sees the whole text as one token
  };
  void read(const Field &field, int depth);
  static std::string replace(const Step &step, const std::string &text);
  static std::string strip(const Step &step, std::string text);

  std::vector<Step> Steps;
  bool Fused = false; ///< while reading
  bool JoinBySpace = false;
};

} // namespace qzc::tokenizer

#endif // QZC_LIB_TOKENIZER_DECODER_H
