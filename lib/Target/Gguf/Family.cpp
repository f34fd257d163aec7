//===- Family.cpp - The families that have a GGUF form --------------------===//

#include "Family.h"

#include "qzc/Support/Error.h"

namespace qzc::gguf {

const Family &familyOf(std::string_view name) {
  std::string known;
  for (const Family *family : {&kLlama, &kGpt2, &kOpt}) {
    if (family->name == name)
      return *family;
    known += (known.empty() ? "" : ", ") + std::string(family->name);
  }
  throw Error("--gguf: the family '" + std::string(name) +
              "' has no GGUF form; known are " + known);
}

} // namespace qzc::gguf
