//===- Tokenizer.cpp - A tokenizer.json as GGUF metadata ------------------===//
//
// A GGUF names the way in which text is cut into words (tokenizer.ggml.pre)
// instead of describing it: only tokenizers that llama.cpp has a name for can
// be written.
//
//===----------------------------------------------------------------------===//

#include "qzc/Tokenizer/Tokenizer.h"
#include "qzc/Support/Error.h"
#include "qzc/Target/Gguf/Gguf.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace qzc::gguf {

using Json = nlohmann::json;

namespace {
/// Kinds of tokens, by llama.cpp's numbers.
enum TokenType : int32_t {
  Normal = 1,
  Control = 3,
  UserDefined = 4,
  Unused = 5
};

/// A way to cut text that llama.cpp knows.
struct PreTokenizer {
  std::string_view name; ///< tokenizer.ggml.pre
  std::vector<std::string> steps;
  bool ignoreMerges; ///< words of the vocabulary are taken whole
};

constexpr const char *kWords = "ByteLevel, splitting";
constexpr const char *kBytes = "ByteLevel";

const std::vector<PreTokenizer> &knownPreTokenizers() {
  static const std::vector<PreTokenizer> known = {
      {"gpt-2", {kWords}, false},
      {"smollm", {"Digits, individual", kWords}, false},
      {"llama-bpe",
       {R"(Split, Isolated: (?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)",
        kBytes},
       true},
  };
  return known;
}
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

/// A step in the words of the table above, or in some that are not there.
static std::string describeStep(const Json &step) {
  const std::string type = step.at("type");
  if (type == "ByteLevel" && !flagOf(step, "add_prefix_space", true))
    return flagOf(step, "use_regex", true) ? kWords : kBytes;
  if (type == "Digits" && flagOf(step, "individual_digits", false))
    return "Digits, individual";
  if (type == "Split" && step.at("pattern").contains("Regex") &&
      !flagOf(step, "invert", false))
    return "Split, " + step.at("behavior").get<std::string>() + ": " +
           step.at("pattern").at("Regex").get<std::string>();
  return "another " + type;
}

static void addSteps(const Json &preTokenizer,
                     std::vector<std::string> &steps) {
  if (preTokenizer.at("type") != "Sequence")
    return steps.push_back(describeStep(preTokenizer));
  for (const Json &step : preTokenizer.at("pretokenizers"))
    addSteps(step, steps);
}

/// tokenizer.ggml.pre of a tokenizer.
static std::string preTokenizerOf(const Json &file) {
  std::vector<std::string> steps;
  if (const Json *preTokenizer = memberOf(file, "pre_tokenizer"))
    addSteps(*preTokenizer, steps);
  const bool ignoreMerges = flagOf(file.at("model"), "ignore_merges", false);
  std::string known;
  for (const PreTokenizer &candidate : knownPreTokenizers()) {
    if (candidate.steps == steps && candidate.ignoreMerges == ignoreMerges)
      return std::string(candidate.name);
    known += (known.empty() ? "" : ", ") + std::string(candidate.name);
  }
  refuse("its pre_tokenizer is none that a GGUF can name (" + known +
         "): llama.cpp would cut text into other tokens");
}

/// Refuses what would make llama.cpp merge other tokens.
static void requireByteLevelBpe(const Json &file) {
  const Json &model = file.at("model");
  if (memberOf(file, "normalizer"))
    refuse("a GGUF has no normalizer");
  if (flagOf(model, "byte_fallback", false))
    refuse("its model falls back to bytes: a GGUF of byte-level BPE cannot");
  for (const char *key : {"continuing_subword_prefix", "end_of_word_suffix"})
    if (const Json *text = memberOf(model, key); text && *text != "")
      refuse(std::string("a GGUF has no ") + key);
}

/// "LEFT RIGHT" for each merge, which a file has as text or as a pair.
static std::vector<std::string> mergesOf(const Json &file) {
  std::vector<std::string> merges;
  for (const Json &merge : file.at("model").at("merges")) {
    if (merge.is_string()) {
      merges.push_back(merge);
      continue;
    }
    std::string pair = merge.at(0);
    pair += ' ';
    pair += merge.at(1).get<std::string>();
    if (std::count(pair.begin(), pair.end(), ' ') != 1)
      refuse("a GGUF cannot hold the merge '" + pair +
             "', whose tokens have spaces");
    merges.push_back(std::move(pair));
  }
  return merges;
}

/// Token texts and kinds by id; rows of the embeddings without a token are
/// unused ones, as llama.cpp's converter names them.
static void addTokens(const Json &file, const tokenizer::Tokenizer &tokenizer,
                      Plan &plan) {
  const int64_t vocab = plan.model.vocab;
  if (tokenizer.size() > vocab)
    refuse("it has the token id " + std::to_string(tokenizer.size() - 1) +
           ", but the model has " + std::to_string(vocab) + " embeddings");
  std::vector<std::string> tokens;
  std::vector<int32_t> types;
  for (int64_t id = 0; id < vocab; ++id) {
    const auto text = tokenizer.token(static_cast<int32_t>(id));
    tokens.push_back(text ? std::string(*text)
                          : "[PAD" + std::to_string(id) + "]");
    types.push_back(text ? TokenType::Normal : TokenType::Unused);
  }
  const Json none = Json::array();
  const Json *listed = memberOf(file, "added_tokens");
  for (const Json &added : listed ? *listed : none) {
    const auto id = added.at("id").get<size_t>();
    types[id] = flagOf(added, "special", false) ? TokenType::Control
                                                : TokenType::UserDefined;
    for (const char *key : {"lstrip", "rstrip", "single_word"})
      if (flagOf(added, key, false))
        plan.warnings.push_back(
            "tokenizer.json: a GGUF cannot say '" + std::string(key) +
            "' of token '" + tokens[id] +
            "': texts that contain it may be cut otherwise");
  }
  plan.metadata.emplace_back("tokenizer.ggml.tokens", std::move(tokens));
  plan.metadata.emplace_back("tokenizer.ggml.token_type", std::move(types));
}

/// The tokens at which a text ends: llama.cpp has names for three.
static void addEnds(Plan &plan) {
  constexpr const char *kKeys[] = {"eos", "eot", "eom"};
  const std::vector<int64_t> &ends = plan.model.eos;
  for (size_t i = 0; i < std::min(ends.size(), std::size(kKeys)); ++i)
    plan.metadata.emplace_back("tokenizer.ggml." + std::string(kKeys[i]) +
                                   "_token_id",
                               static_cast<uint32_t>(ends[i]));
  // Its default for byte-level BPE, which no key takes back.
  if (ends.empty())
    plan.warnings.push_back("the model names no token that ends a text: "
                            "llama.cpp will take token 11 for one");
  if (ends.size() > std::size(kKeys))
    plan.warnings.push_back("the model ends a text at " +
                            std::to_string(ends.size()) +
                            " tokens, of which a GGUF names three");
}

/// What the tokenizer's own rules put around a text.
static void addSurroundings(const tokenizer::Tokenizer &tokenizer, Plan &plan) {
  const format::ModelInfo &model = plan.model;
  std::vector<int32_t> around = tokenizer.encode("", /*addSpecial=*/true);
  if (model.bos && !around.empty() && around.front() == *model.bos)
    around.erase(around.begin());
  const bool addEos = !around.empty();
  if (addEos &&
      (around.size() > 1 || model.eos.empty() || around[0] != model.eos[0]))
    refuse("it puts tokens around a text that are neither BOS nor EOS");
  plan.metadata.emplace_back("tokenizer.ggml.add_bos_token", model.addBos);
  plan.metadata.emplace_back("tokenizer.ggml.add_eos_token", addEos);
}

void addTokenizer(const std::string &json, Plan &plan) {
  const auto tokenizer = tokenizer::Tokenizer::fromJson(json);
  const Json file = Json::parse(json);
  const format::ModelInfo &model = plan.model;
  Metadata &out = plan.metadata;
  requireByteLevelBpe(file);
  out.emplace_back("tokenizer.ggml.model", std::string("gpt2"));
  out.emplace_back("tokenizer.ggml.pre", preTokenizerOf(file));
  addTokens(file, tokenizer, plan);
  out.emplace_back("tokenizer.ggml.merges", mergesOf(file));
  if (model.bos)
    out.emplace_back("tokenizer.ggml.bos_token_id",
                     static_cast<uint32_t>(*model.bos));
  addEnds(plan);
  addSurroundings(tokenizer, plan);
  if (!model.chatTemplate.empty())
    out.emplace_back("tokenizer.chat_template", model.chatTemplate);
}

} // namespace qzc::gguf
