//===- MetaspaceFields.cpp - What a Metaspace says of itself --------------===//

#include "MetaspaceFields.h"

namespace qzc::tokenizer {

static PrependScheme readScheme(const Field &field) {
  const std::string &scheme = field.string();
  if (scheme == "never")
    return PrependScheme::Never;
  if (scheme == "first")
    return PrependScheme::First;
  if (scheme == "always")
    return PrependScheme::Always;
  field.unsupported("never, first, always");
}

MetaspaceFields readMetaspaceFields(const Field &field) {
  field.allowOnly({"replacement", "prepend_scheme", "add_prefix_space", "split",
                   "str_rep"});
  MetaspaceFields out{field.at("replacement").character(),
                      PrependScheme::Always};
  auto scheme = field.find("prepend_scheme");
  if (scheme)
    out.prepend = readScheme(*scheme);
  // How older files said it.
  if (!field.booleanOr("add_prefix_space", true)) {
    if (scheme && out.prepend != PrependScheme::Never)
      scheme->fail("does not agree with add_prefix_space");
    out.prepend = PrependScheme::Never;
  }
  return out;
}

} // namespace qzc::tokenizer
