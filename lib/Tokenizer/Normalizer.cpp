//===- Normalizer.cpp - Rewriting text before it is split -----------------===//

#include "Normalizer.h"

#include "Regex.h"
#include "qzc/Support/Error.h"

#include <cstdlib>
#include <utf8proc.h>

namespace qzc::tokenizer {

namespace {

class UnicodeForm : public Normalizer {
public:
  explicit UnicodeForm(int options) : Options(options) {}

  std::string run(std::string text) const override {
    utf8proc_uint8_t *made = nullptr;
    utf8proc_ssize_t bytes =
        utf8proc_map(reinterpret_cast<const utf8proc_uint8_t *>(text.data()),
                     static_cast<utf8proc_ssize_t>(text.size()), &made,
                     static_cast<utf8proc_option_t>(Options));
    if (bytes < 0)
      throw Error(std::string("normalizing text: ") + utf8proc_errmsg(bytes));
    std::string out(reinterpret_cast<char *>(made), static_cast<size_t>(bytes));
    std::free(made);
    return out;
  }

private:
  int Options;
};

class Prepend : public Normalizer {
public:
  explicit Prepend(std::string text) : Text(std::move(text)) {}
  std::string run(std::string text) const override {
    return text.empty() ? text : Text + text;
  }

private:
  std::string Text;
};

class Replace : public Normalizer {
public:
  Replace(Regex pattern, std::string content)
      : Pattern(std::move(pattern)), Content(std::move(content)) {}

  std::string run(std::string text) const override {
    return Pattern.replace(text, Content);
  }

private:
  Regex Pattern;
  std::string Content;
};

class Sequence : public Normalizer {
public:
  std::vector<std::unique_ptr<Normalizer>> Steps;
  std::string run(std::string text) const override {
    for (const auto &step : Steps)
      text = step->run(std::move(text));
    return text;
  }
};

} // namespace

std::unique_ptr<Normalizer> Normalizer::read(const Field &field, int depth) {
  const std::string &type = field.at("type").string();
  if (type == "Sequence") {
    field.allowOnly({"normalizers"});
    if (depth == kMaxNesting)
      field.fail("is nested too deeply");
    auto sequence = std::make_unique<Sequence>();
    for (const Field &item : field.at("normalizers").items())
      sequence->Steps.push_back(read(item, depth + 1));
    return sequence;
  }
  if (type == "Prepend") {
    field.allowOnly({"prepend"});
    return std::make_unique<Prepend>(field.at("prepend").string());
  }
  if (type == "Replace") {
    field.allowOnly({"pattern", "content"});
    return std::make_unique<Replace>(readPattern(field.at("pattern")),
                                     field.at("content").string());
  }
  struct Form {
    std::string_view name;
    int options;
  };
  constexpr Form kForms[] = {
      {"NFC", UTF8PROC_STABLE | UTF8PROC_COMPOSE},
      {"NFD", UTF8PROC_STABLE | UTF8PROC_DECOMPOSE},
      {"NFKC", UTF8PROC_STABLE | UTF8PROC_COMPOSE | UTF8PROC_COMPAT},
      {"NFKD", UTF8PROC_STABLE | UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT},
  };
  for (const Form &form : kForms)
    if (type == form.name) {
      field.allowOnly({});
      return std::make_unique<UnicodeForm>(form.options);
    }
  field.at("type").unsupported(
      "NFC, NFD, NFKC, NFKD, Prepend, Replace, Sequence");
}

} // namespace qzc::tokenizer
