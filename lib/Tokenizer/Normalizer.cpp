//===- Normalizer.cpp - Rewriting text before it is split -----------------===//

#include "Normalizer.h"

#include "CharsMap.h"
#include "Regex.h"
#include "Steps.h"
#include "Unicode.h"
#include "UnicodeForm.h"
#include "Utf8.h"

namespace qzc::tokenizer {

namespace {

/// A normalizer without state of its own but `What`, which has the function
/// `std::string of(std::string_view) const`.
template <typename What> class Rewrite : public Normalizer {
public:
  explicit Rewrite(What what) : Rule(std::move(what)) {}
  void run(std::string &text, bool &atStart) const override {
    text = Rule.of(text);
    StepCounter::add(text.size());
  }

private:
  What Rule;
};

struct LowerCase {
  std::string of(std::string_view text) const { return lowerCase(text); }
};

struct Prepend {
  std::string front;
  std::string of(std::string_view text) const {
    return text.empty() ? std::string() : front + std::string(text);
  }
};

struct Replace {
  Regex pattern;
  std::string content;
  std::string of(std::string_view text) const {
    return pattern.replace(text, content);
  }
};

class Strip : public Normalizer {
public:
  Strip(bool left, bool right) : Left(left), Right(right) {}

  void run(std::string &text, bool &atStart) const override {
    size_t begin = Left ? skipSpace(text, 0) : 0;
    size_t end = Right ? skipSpaceBack(text, text.size(), begin) : text.size();
    if (begin > 0)
      atStart = false;
    text = text.substr(begin, end - begin);
    StepCounter::add(text.size());
  }

private:
  bool Left;
  bool Right;
};

class Sequence : public Normalizer {
public:
  std::vector<std::unique_ptr<Normalizer>> Steps;
  void run(std::string &text, bool &atStart) const override {
    for (const auto &step : Steps)
      step->run(text, atStart);
  }
};

template <typename What> std::unique_ptr<Normalizer> make(What what) {
  return std::make_unique<Rewrite<What>>(std::move(what));
}

std::unique_ptr<Normalizer> readSequence(const Field &field, int depth) {
  field.allowOnly({"normalizers"});
  if (depth == kMaxNesting)
    field.fail("is nested too deeply");
  auto sequence = std::make_unique<Sequence>();
  for (const Field &item : field.at("normalizers").items())
    sequence->Steps.push_back(Normalizer::read(item, depth + 1));
  return sequence;
}

/// Those that are nothing but their name; null: none of them.
std::unique_ptr<Normalizer> readNamed(const std::string &type) {
  if (type == "NFC")
    return make(UnicodeForm{/*compose=*/true, /*compatibility=*/false});
  if (type == "NFD")
    return make(UnicodeForm{/*compose=*/false, /*compatibility=*/false});
  if (type == "NFKC")
    return make(UnicodeForm{/*compose=*/true, /*compatibility=*/true});
  if (type == "NFKD")
    return make(UnicodeForm{/*compose=*/false, /*compatibility=*/true});
  if (type == "Lowercase")
    return make(LowerCase());
  return nullptr;
}

} // namespace

std::unique_ptr<Normalizer> Normalizer::read(const Field &field, int depth) {
  const std::string &type = field.at("type").string();
  if (type == "Sequence")
    return readSequence(field, depth);
  if (auto named = readNamed(type)) {
    field.allowOnly({});
    return named;
  }
  if (type == "Prepend") {
    field.allowOnly({"prepend"});
    return make(Prepend{field.at("prepend").string()});
  }
  if (type == "Replace") {
    field.allowOnly({"pattern", "content"});
    return make(Replace{readPattern(field.at("pattern")),
                        field.at("content").string()});
  }
  if (type == "Strip") {
    field.allowOnly({"strip_left", "strip_right"});
    return std::make_unique<Strip>(field.at("strip_left").boolean(),
                                   field.at("strip_right").boolean());
  }
  if (type == "Precompiled") {
    field.allowOnly({"precompiled_charsmap"});
    return make(CharsMap(field.at("precompiled_charsmap")));
  }
  field.at("type").unsupported("NFC, NFD, NFKC, NFKD, Lowercase, Prepend, "
                               "Replace, Strip, Precompiled, Sequence");
}

} // namespace qzc::tokenizer
