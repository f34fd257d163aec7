//===- Names.cpp - What weights are called in a GGUF ----------------------===//

#include "Names.h"

#include "qzc/Support/Error.h"

#include "mlir/IR/BuiltinAttributes.h"

namespace qzc::gguf {

using llvm::StringRef;

constexpr StringRef kEmbeddings = "token_embd";
constexpr StringRef kHead = "output";

/// `pattern` with the block's number for '#'; nothing where it has a '#' and
/// there is no block, or the other way round.
static std::string numbered(StringRef pattern, int64_t block) {
  const auto [before, after] = pattern.split('#');
  const bool isOfBlock = pattern.contains('#');
  if (isOfBlock != (block >= 0))
    return "";
  return isOfBlock ? (before + llvm::Twine(block) + after).str()
                   : pattern.str();
}

/// Whether the last dotted parts of `name` are `end`.
static bool endsWith(StringRef name, StringRef end) {
  return !end.empty() && name.consume_back(end) &&
         (name.empty() || name.back() == '.');
}

/// The name in the GGUF that `pattern` stands for, given the weight's role: a
/// tied table may be stored under the name of either use.
static StringRef ofUse(StringRef pattern, StringRef role) {
  if (pattern == kEmbeddings && role == "head")
    return kHead;
  if (pattern == kHead && role == "embed")
    return kEmbeddings;
  return pattern;
}

std::optional<Place> findPlace(qz::GgufAttr gguf, const std::string &source,
                               const std::string &role, int64_t block) {
  const auto [stem, kind] = StringRef(source).rsplit('.');
  for (mlir::NamedAttribute entry : gguf.getTensors()) {
    if ((kind != "weight" && kind != "bias") ||
        !endsWith(stem, numbered(entry.getName(), block)))
      continue;
    const StringRef pattern =
        mlir::cast<mlir::StringAttr>(entry.getValue()).getValue();
    Place place;
    place.name = numbered(ofUse(pattern, role), block) + "." + kind.str();
    if (auto turned = gguf.getInterleaved())
      if (auto heads = turned.getAs<mlir::IntegerAttr>(pattern))
        place.interleavedHeads = heads.getInt();
    if (auto larger = gguf.getIncremented())
      place.isIncremented =
          kind == "weight" &&
          llvm::is_contained(larger.getAsValueRange<mlir::StringAttr>(),
                             pattern);
    return place;
  }
  return std::nullopt;
}

Place placeOf(qz::GgufAttr gguf, const std::string &source,
              const std::string &role, int64_t block) {
  if (std::optional<Place> place = findPlace(gguf, source, role, block))
    return *place;
  throw Error("--gguf: tensor '" + source + "' (" + role +
              ") has no place in the GGUF architecture '" +
              gguf.getArchitecture().str() + "'");
}

} // namespace qzc::gguf
