//===- Tokenizer.cpp - Text to token ids and back -------------------------===//

#include "qzc/Tokenizer/Tokenizer.h"

#include "AddedTokens.h"
#include "Decoder.h"
#include "Model.h"
#include "PostProcessor.h"
#include "PreTokenizer.h"
#include "Steps.h"
#include "WordCache.h"
#include "qzc/Support/Error.h"

#include <algorithm>

namespace qzc::tokenizer {

struct Tokenizer::Impl {
  explicit Impl(const Field &file);

  /// Appends the ids of a stretch of text without added tokens.
  void encodeText(std::string_view text, bool atStart, WordCache &cache,
                  std::vector<int32_t> &out) const;
  void addName(const Field &where, int32_t id, std::string_view text);

  std::unique_ptr<Model> Words;
  std::unique_ptr<Normalizer> Normal; ///< may be null
  AddedTokens Added;
  std::unique_ptr<PreTokenizer> Splitter; ///< may be null
  PostProcessor Post;
  Decoder Decode;
  std::vector<std::optional<std::string>> Names; ///< by id
  std::vector<bool> Special;                     ///< by id
};

static std::unique_ptr<Normalizer> readNormalizer(const Field &file) {
  auto field = file.find("normalizer");
  return field ? Normalizer::read(*field) : nullptr;
}

static AddedTokens readAdded(const Field &file, const Normalizer *normalizer) {
  if (auto field = file.find("added_tokens"))
    return {*field, normalizer};
  const nlohmann::json none = nlohmann::json::array();
  return {Field(none, "added_tokens"), normalizer};
}

Tokenizer::Impl::Impl(const Field &file)
    : Words(Model::read(file.at("model"))), Normal(readNormalizer(file)),
      Added(readAdded(file, Normal.get())) {
  // truncation and padding are a caller's wishes, not part of the mapping.
  file.allowOnly({"version", "truncation", "padding", "added_tokens",
                  "normalizer", "pre_tokenizer", "post_processor", "decoder",
                  "model"});
  if (auto field = file.find("pre_tokenizer"))
    Splitter = PreTokenizer::read(*field);
  if (auto field = file.find("post_processor"))
    Post = PostProcessor::read(*field);
  if (auto field = file.find("decoder"))
    Decode = Decoder(*field);

  Field vocabulary = file.at("model").at("vocab");
  for (const auto &[text, id] : Words->vocabulary())
    addName(vocabulary, id, text);
  for (const AddedToken &token : Added.tokens()) {
    Field where = file.at("added_tokens");
    if (auto id = Words->find(token.content); id && *id != token.id)
      where.fail("'" + token.content + "' has the id " +
                 std::to_string(token.id) + " here and " + std::to_string(*id) +
                 " in the vocabulary");
    addName(where, token.id, token.content);
    Names[size_t(token.id)] = token.matched;
    Special.resize(std::max(Special.size(), size_t(token.id) + 1));
    Special[size_t(token.id)] = token.special;
  }
  Special.resize(Names.size());
  for (const auto *ids : {&Post.front, &Post.back})
    for (int32_t id : *ids)
      if (size_t(id) >= Names.size() || !Names[size_t(id)])
        file.at("post_processor")
            .fail("adds the id " + std::to_string(id) + ", which no token has");
}

void Tokenizer::Impl::addName(const Field &where, int32_t id,
                              std::string_view text) {
  if (size_t(id) >= Names.size())
    Names.resize(size_t(id) + 1);
  auto &name = Names[size_t(id)];
  if (name && *name != text)
    where.fail("the id " + std::to_string(id) + " belongs to '" + *name +
               "' and to '" + std::string(text) + "'");
  name = text;
}

void Tokenizer::Impl::encodeText(std::string_view text, bool atStart,
                                 WordCache &cache,
                                 std::vector<int32_t> &out) const {
  // Words as short as most are looked up at once; longer ones may have parts
  // that come again.
  constexpr size_t kShort = 24;
  tokenizer::Words words(text, atStart);
  if (Splitter)
    Splitter->run(words);
  for (const Span &span : words.spans) {
    std::string_view word = words[span];
    if (word.size() <= kShort) {
      cache.encode(word, out);
      continue;
    }
    for (size_t at = 0; at < word.size();) {
      size_t end = Words->partEnd(word, at);
      cache.encode(word.substr(at, end - at), out);
      at = end;
    }
  }
}

Tokenizer::Tokenizer(std::unique_ptr<Impl> impl) : State(std::move(impl)) {}
Tokenizer::Tokenizer(Tokenizer &&) noexcept = default;
Tokenizer &Tokenizer::operator=(Tokenizer &&) noexcept = default;
Tokenizer::~Tokenizer() = default;

Tokenizer Tokenizer::fromJson(std::string_view json) {
  nlohmann::json parsed;
  try {
    parsed = nlohmann::json::parse(json);
  } catch (const nlohmann::json::exception &error) {
    throw Error(std::string("tokenizer.json: not JSON: ") + error.what());
  }
  return Tokenizer(std::make_unique<Impl>(Field(parsed, "")));
}

std::vector<int32_t> Tokenizer::encode(std::string_view text,
                                       bool addSpecial) const {
  if (auto at = firstInvalidUtf8(text))
    throw Error("the text is not UTF-8: byte " + std::to_string(*at));
  const Impl &impl = *State;
  std::vector<int32_t> out;
  if (addSpecial)
    out = impl.Post.front;
  WordCache cache(*impl.Words);
  for (const Segment &outer : impl.Added.split(text, /*normalized=*/false)) {
    if (outer.token >= 0) {
      out.push_back(outer.token);
      continue;
    }
    bool atStart = outer.text.data() == text.data();
    std::string normal(outer.text);
    if (impl.Normal)
      impl.Normal->run(normal, atStart);
    for (const Segment &inner : impl.Added.split(normal, /*normalized=*/true))
      if (inner.token >= 0)
        out.push_back(inner.token);
      else
        impl.encodeText(inner.text,
                        atStart && inner.text.data() == normal.data(), cache,
                        out);
  }
  if (addSpecial)
    out.insert(out.end(), impl.Post.back.begin(), impl.Post.back.end());
  return out;
}

std::string Tokenizer::decode(const std::vector<int32_t> &ids) const {
  std::string out;
  DecoderState state(State->Decode, /*startsText=*/true);
  for (int32_t id : ids)
    if (auto text = token(id); text && !isSpecial(id))
      state.push(std::string(*text), out);
  state.finish(out);
  return out;
}

int64_t Tokenizer::size() const {
  return static_cast<int64_t>(State->Names.size());
}

std::optional<std::string_view> Tokenizer::token(int32_t id) const {
  if (id < 0 || id >= size())
    return std::nullopt;
  return State->Names[size_t(id)];
}

std::optional<int32_t> Tokenizer::find(std::string_view token) const {
  if (auto id = State->Added.find(token))
    return id;
  return State->Words->find(token);
}

bool Tokenizer::isSpecial(int32_t id) const {
  return id >= 0 && id < size() && State->Special[size_t(id)];
}

StreamDecoder::StreamDecoder(const Tokenizer &tokenizer, bool startsText)
    : From(tokenizer), State(std::make_unique<DecoderState>(
                           tokenizer.State->Decode, startsText)) {}
StreamDecoder::StreamDecoder(StreamDecoder &&) noexcept = default;
StreamDecoder::~StreamDecoder() = default;

std::string StreamDecoder::push(int32_t id) {
  std::string out;
  if (auto text = From.token(id); text && !From.isSpecial(id))
    State->push(std::string(*text), out);
  return out;
}

std::string StreamDecoder::finish() {
  std::string out;
  State->finish(out);
  return out;
}

} // namespace qzc::tokenizer
