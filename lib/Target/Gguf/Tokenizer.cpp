//===- Tokenizer.cpp - A tokenizer.json as GGUF metadata ------------------===//
//
// qz-import has said what the tokenizer is as a GGUF: how it cuts text, what
// llama.cpp does otherwise. Here are its tokens, their kinds, and what joins
// them.
//
//===----------------------------------------------------------------------===//

#include "Pieces.h"

#include "qzc/Support/Base64.h"
#include "qzc/Support/Error.h"
#include "qzc/Target/Gguf/Gguf.h"
#include "qzc/Tokenizer/Tokenizer.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <unordered_set>

namespace qzc::gguf {

using Json = nlohmann::json;

namespace {
/// Kinds of tokens, by llama.cpp's numbers.
enum TokenType : int32_t {
  Normal = 1,
  Unknown = 2,
  Control = 3,
  UserDefined = 4,
  Unused = 5,
  Byte = 6
};

/// tokenizer.ggml.model.
constexpr std::string_view kByteLevel = "gpt2", kPieces = "llama",
                           kUnigram = "t5";
constexpr const char *kKindKey = "tokenizer.ggml.model";
/// What SentencePiece writes for a space.
constexpr std::string_view kSpace = "\u2581";
} // namespace

[[noreturn]] static void refuse(const std::string &what) {
  throw Error("--gguf: tokenizer.json: " + what);
}

/// The member of an object; nullptr where it is missing or null.
static const Json *memberOf(const Json &object, const char *key) {
  auto found = object.find(key);
  return found == object.end() || found->is_null() ? nullptr : &*found;
}

static bool flagOf(const Json &object, const char *key, bool otherwise) {
  const Json *value = memberOf(object, key);
  return value ? value->get<bool>() : otherwise;
}

static std::string kindOf(const Plan &plan) {
  for (const auto &[key, value] : plan.metadata)
    if (const auto *kind = std::get_if<std::string>(&value);
        kind && key == kKindKey)
      return *kind;
  throw Error("--gguf: the module does not say what its tokenizer is as a "
              "GGUF: qz-import writes that ('" +
              std::string(kKindKey) + "' of the attribute 'gguf')");
}

/// The two sides of each merge, which a file has as "LEFT RIGHT" or as a pair.
static std::vector<std::pair<std::string, std::string>>
mergesOf(const Json &model) {
  std::vector<std::pair<std::string, std::string>> merges;
  for (const Json &merge : model.at("merges")) {
    if (merge.is_string()) {
      const std::string text = merge;
      const size_t space = text.find(' ');
      merges.emplace_back(text.substr(0, space), text.substr(space + 1));
    } else {
      merges.emplace_back(merge.at(0), merge.at(1));
    }
  }
  return merges;
}

static void addMerges(const Json &model, Plan &plan) {
  std::vector<std::string> merges;
  for (const auto &[left, right] : mergesOf(model)) {
    merges.push_back(left + ' ' + right);
    if (std::count(merges.back().begin(), merges.back().end(), ' ') != 1)
      refuse("a GGUF cannot hold the merge '" + merges.back() +
             "', whose tokens have spaces");
  }
  plan.metadata.emplace_back("tokenizer.ggml.merges", std::move(merges));
}

/// Token texts by id; rows of the embeddings without a token have texts as
/// llama.cpp's converter gives them.
static std::vector<std::string> textsOf(const tokenizer::Tokenizer &tokenizer,
                                        int64_t vocab) {
  if (tokenizer.size() > vocab)
    refuse("it has the token id " + std::to_string(tokenizer.size() - 1) +
           ", but the model has " + std::to_string(vocab) + " embeddings");
  std::vector<std::string> texts;
  std::unordered_set<std::string> known;
  for (int64_t id = 0; id < vocab; ++id) {
    const auto text = tokenizer.token(static_cast<int32_t>(id));
    texts.push_back(text ? std::string(*text)
                         : "[PAD" + std::to_string(id) + "]");
    if (!known.insert(texts.back()).second)
      refuse("a GGUF cannot hold two tokens with the text '" + texts.back() +
             "'");
  }
  return texts;
}

static bool isByte(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  return text.size() == 6 && text.substr(0, 3) == "<0x" && text[5] == '>' &&
         kDigits.find(text[3]) != std::string_view::npos &&
         kDigits.find(text[4]) != std::string_view::npos;
}

/// The id of what stands for unknown text, if the model has one.
static std::optional<int32_t> unknownOf(const Json &model,
                                        const tokenizer::Tokenizer &tokenizer) {
  if (const Json *id = memberOf(model, "unk_id"))
    return id->get<int32_t>();
  const Json *text = memberOf(model, "unk_token");
  return text ? tokenizer.find(text->get<std::string>()) : std::nullopt;
}

/// The kind of each token. An added token of spaces is one that merges make, in
/// SentencePiece's BPE: as another kind llama.cpp would print "▁".
static std::vector<int32_t> typesOf(const Json &file,
                                    const tokenizer::Tokenizer &tokenizer,
                                    const std::vector<std::string> &texts,
                                    std::string_view kind) {
  std::vector<int32_t> types;
  const bool hasBytes = kind == kPieces || kind == kUnigram;
  for (size_t id = 0; id < texts.size(); ++id)
    types.push_back(!tokenizer.token(static_cast<int32_t>(id)) ? Unused
                    : hasBytes && isByte(texts[id])            ? Byte
                                                               : Normal);
  const std::optional<int32_t> unknown =
      hasBytes ? unknownOf(file.at("model"), tokenizer) : std::nullopt;
  const Json none = Json::array();
  const Json *listed = memberOf(file, "added_tokens");
  for (const Json &added : listed ? *listed : none) {
    const auto id = added.at("id").get<size_t>();
    const bool isSpecial = flagOf(added, "special", false);
    const bool isPiece =
        kind == kPieces && texts[id].find(kSpace) != std::string::npos;
    if (isSpecial)
      types[id] = unknown == static_cast<int32_t>(id) ? Unknown : Control;
    else if (!isPiece)
      types[id] = UserDefined;
  }
  return types;
}

/// Scores in the place of merges, and the merges where scores do not tell them.
static void addScores(const Json &model, const std::vector<std::string> &texts,
                      const std::vector<int32_t> &types, Plan &plan) {
  Pieces pieces;
  pieces.texts = texts;
  for (size_t id = 0; id < texts.size(); ++id) {
    pieces.isText.push_back(types[id] == Normal || types[id] == UserDefined);
    pieces.ids.emplace(texts[id], static_cast<int32_t>(id));
  }
  std::vector<Merge> merges;
  for (const auto &[left, right] : mergesOf(model))
    merges.emplace_back(pieces.ids.at(left), pieces.ids.at(right));
  Scored scored = scoresOf(pieces, merges);
  plan.metadata.emplace_back("tokenizer.ggml.scores", std::move(scored.scores));
  if (!scored.isAll)
    addMerges(model, plan);
  if (scored.differs)
    plan.warnings.emplace_back(
        "stock llama.cpp joins any two tokens that make one, also where the "
        "tokenizer has no merge of them: some texts may be cut otherwise");
}

/// SentencePiece's scores, and its table of what letters become.
static void addUnigram(const Json &file, size_t vocab, Plan &plan) {
  std::vector<float> scores;
  for (const Json &piece : file.at("model").at("vocab"))
    scores.push_back(piece.at(1).get<float>());
  scores.resize(vocab);
  plan.metadata.emplace_back("tokenizer.ggml.scores", std::move(scores));
  const Json *normalizer = memberOf(file, "normalizer");
  if (normalizer && normalizer->at("type") == "Sequence")
    normalizer = normalizer->at("normalizers").empty()
                     ? nullptr
                     : &normalizer->at("normalizers").at(0);
  if (!normalizer || normalizer->at("type") != "Precompiled")
    return;
  const std::string table =
      fromBase64(normalizer->at("precompiled_charsmap").get<std::string>())
          .value(); // the tokenizer has read it
  plan.metadata.emplace_back("tokenizer.ggml.precompiled_charsmap",
                             std::vector<uint8_t>(table.begin(), table.end()));
}

/// The tokens at which a text ends: llama.cpp has names for three.
static void addEnds(Plan &plan, std::string_view kind) {
  constexpr const char *kKeys[] = {"eos", "eot", "eom"};
  const std::vector<int64_t> &ends = plan.model.eos;
  for (size_t i = 0; i < std::min(ends.size(), std::size(kKeys)); ++i)
    plan.metadata.emplace_back("tokenizer.ggml." + std::string(kKeys[i]) +
                                   "_token_id",
                               static_cast<uint32_t>(ends[i]));
  // Its defaults, which no key takes back.
  const char *usual = kind == kByteLevel ? "11"
                      : kind == kPieces  ? "2"
                      : kind == kUnigram ? "1"
                                         : nullptr;
  if (ends.empty() && usual)
    plan.warnings.push_back("the model names no token that ends a text: "
                            "llama.cpp will take token " +
                            std::string(usual) + " for one");
  if (ends.size() > std::size(kKeys))
    plan.warnings.push_back("the model ends a text at " +
                            std::to_string(ends.size()) +
                            " tokens, of which a GGUF names three");
}

void addTokenizer(const std::string &json, Plan &plan) {
  const auto tokenizer = tokenizer::Tokenizer::fromJson(json);
  const Json file = Json::parse(json);
  const Json &model = file.at("model");
  const std::string kind = kindOf(plan);
  std::vector<std::string> texts = textsOf(tokenizer, plan.model.vocab);
  std::vector<int32_t> types = typesOf(file, tokenizer, texts, kind);
  if (memberOf(model, "type") && model.at("type") == "Unigram")
    addUnigram(file, texts.size(), plan);
  else if (kind == kPieces)
    addScores(model, texts, types, plan);
  else
    addMerges(model, plan);
  Metadata &out = plan.metadata;
  if (const auto unknown = unknownOf(model, tokenizer);
      unknown && kind != kByteLevel)
    out.emplace_back("tokenizer.ggml.unknown_token_id",
                     static_cast<uint32_t>(*unknown));
  out.emplace_back("tokenizer.ggml.tokens", std::move(texts));
  out.emplace_back("tokenizer.ggml.token_type", std::move(types));
  if (plan.model.bos)
    out.emplace_back("tokenizer.ggml.bos_token_id",
                     static_cast<uint32_t>(*plan.model.bos));
  addEnds(plan, kind);
  if (!plan.model.chatTemplate.empty())
    out.emplace_back("tokenizer.chat_template", plan.model.chatTemplate);
}

} // namespace qzc::gguf
