//===- Packing.cpp - The table of packings --------------------------------===//

#include "qzc/Format/Packing.h"

#include "EnumNames.h"

namespace qzc::format {

static constexpr NameOf<Packing> kNames[] = {
#define QZC_PACKING(Enumerator, Name) {Packing::Enumerator, Name},
#include "qzc/Format/Packings.def"
};

std::string_view name(Packing packing) { return find(kNames, packing); }

std::optional<Packing> parsePacking(std::string_view text) {
  return parse(kNames, text);
}

std::string packingNames() {
  std::string names;
  for (const NameOf<Packing> &row : kNames)
    names += (names.empty() ? "" : ", ") + std::string(row.name);
  return names;
}

const BlockFormat *storedBlocks(const PackedSource &source) {
  if (source.packing != Packing::Ggml)
    return nullptr;
  for (const BlockFormat *blocks : {blockFormat(source.shape.scheme),
                                    denserBlockFormat(source.shape.scheme)})
    for (const PackedTensor &tensor : source.tensors)
      if (blocks && tensor.role == "codes" && tensor.shape.size() == 2 &&
          tensor.shape[1] == source.shape.cols / blocks->values * blocks->bytes)
        return blocks;
  return nullptr;
}

} // namespace qzc::format
