//===- PostProcessor.cpp - Special tokens around a text -------------------===//

#include "PostProcessor.h"

namespace qzc::tokenizer {

static PostProcessor readTemplate(const Field &field) {
  field.allowOnly({"single", "pair", "special_tokens"});
  PostProcessor out;
  bool sawText = false;
  Field specials = field.at("special_tokens");
  for (const Field &item : field.at("single").items()) {
    item.allowOnly({"Sequence", "SpecialToken"});
    if (item.find("Sequence")) {
      if (sawText)
        item.fail("the text stands in the template twice");
      sawText = true;
      continue;
    }
    Field special = specials.at(item.at("SpecialToken").at("id").string());
    for (const Field &id : special.at("ids").items())
      (sawText ? out.back : out.front).push_back(id.tokenId());
  }
  if (!sawText)
    field.at("single").fail("has no place for the text");
  return out;
}

PostProcessor PostProcessor::read(const Field &field, int depth) {
  const std::string &type = field.at("type").string();
  if (type == "ByteLevel")
    return {};
  if (type == "TemplateProcessing")
    return readTemplate(field);
  if (type == "BertProcessing" || type == "RobertaProcessing") {
    auto token = [&](std::string_view key) {
      std::vector<Field> pair = field.at(key).items();
      if (pair.size() != 2)
        field.at(key).fail("must be a token and its id");
      return pair[1].tokenId();
    };
    return {{token("cls")}, {token("sep")}};
  }
  if (type == "Sequence") {
    field.allowOnly({"processors"});
    if (depth == kMaxNesting)
      field.fail("is nested too deeply");
    PostProcessor out;
    for (const Field &item : field.at("processors").items()) {
      PostProcessor next = read(item, depth + 1);
      out.front.insert(out.front.begin(), next.front.begin(), next.front.end());
      out.back.insert(out.back.end(), next.back.begin(), next.back.end());
    }
    return out;
  }
  field.at("type").unsupported("ByteLevel, TemplateProcessing, BertProcessing, "
                               "RobertaProcessing, Sequence");
}

} // namespace qzc::tokenizer
