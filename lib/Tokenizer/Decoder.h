//===- Decoder.h - From tokens back to text ---------------------*- C++ -*-===//

#ifndef QZC_LIB_TOKENIZER_DECODER_H
#define QZC_LIB_TOKENIZER_DECODER_H

#include "Field.h"
#include "Regex.h"

namespace qzc::tokenizer {

/// A chain of ByteLevel, ByteFallback, Fuse, Metaspace, Replace and Strip
/// steps. Each sees the tokens that the one before it leaves; after the tokens
/// were joined (ByteLevel, Fuse), the whole text is one.
class Decoder {
public:
  /// No decoder in the file: tokens are joined by spaces.
  Decoder();
  explicit Decoder(const Field &field);

private:
  friend class DecoderState;
  enum class Kind {
    JoinBySpace,
    ByteLevel,
    ByteFallback,
    Fuse,
    Metaspace,
    Replace,
    Strip
  };
  struct Step {
    Kind kind;
    std::optional<Regex> pattern; ///< Metaspace, Replace
    std::string content;          ///< what Replace puts in, Strip takes away
    bool prepended = false;       ///< Metaspace: a space was put in front
    int64_t start = 0;            ///< Strip: as many from the front,
    int64_t stop = 0;             ///< and from the end
    bool joined = false;          ///< sees the text as one token
  };
  void read(const Field &field, int depth);
  static Step readStep(const Field &field, bool joined);

  std::vector<Step> Steps;
};

/// One text on its way through a decoder, which must outlive it.
class DecoderState {
public:
  /// `startsText`: nothing stands before the first token.
  DecoderState(const Decoder &decoder, bool startsText);

  /// Appends what is certain now that `token` has come: whole characters.
  void push(std::string token, std::string &out) { feed(0, token, out); }
  /// Appends what was held back.
  void finish(std::string &out);

private:
  struct Progress {
    std::string held;     ///< bytes of characters; what Strip may take away
    bool first = true;    ///< no token has come yet
    int64_t stripped = 0; ///< from the front of the joined text
  };
  /// Gives `token` to a step and what comes of it to those after it.
  void feed(size_t step, std::string token, std::string &out);
  void flushBytes(size_t step, std::string &out);
  std::string strip(size_t step, std::string token);

  const Decoder &From;
  std::vector<Progress> At; ///< by step
};

} // namespace qzc::tokenizer

#endif // QZC_LIB_TOKENIZER_DECODER_H
