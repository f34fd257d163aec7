//===- Selection.cpp - Which weights are quantized ---------------------===//

#include "qzc/Dialect/Qz/Transforms/Selection.h"

#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringRef.h"

using namespace mlir;

namespace qzc::qz {

namespace {
using EmitError = llvm::function_ref<InFlightDiagnostic()>;

constexpr uint32_t bit(LinearRole role) {
  return 1U << static_cast<uint32_t>(role);
}

constexpr uint32_t qkv =
    bit(LinearRole::Q) | bit(LinearRole::K) | bit(LinearRole::V);
constexpr uint32_t attn = qkv | bit(LinearRole::O);
constexpr uint32_t ffn =
    bit(LinearRole::Up) | bit(LinearRole::Gate) | bit(LinearRole::Down);
constexpr uint32_t proj = bit(LinearRole::Proj);
constexpr uint32_t head = bit(LinearRole::Head);

struct Component {
  const char *name;
  uint32_t roles;
  bool embed;
};

constexpr Component components[] = {
    {"attn", attn, false},
    {"ffn", ffn, false},
    {"qkv", qkv, false},
    {"q", bit(LinearRole::Q), false},
    {"k", bit(LinearRole::K), false},
    {"v", bit(LinearRole::V), false},
    {"o", bit(LinearRole::O), false},
    {"up", bit(LinearRole::Up), false},
    {"gate", bit(LinearRole::Gate), false},
    {"down", bit(LinearRole::Down), false},
    {"proj", proj, false},
    {"head", head, false},
    {"embed", 0, true},
    {"all", attn | ffn | proj | head, true},
};

/// Null after an error.
const Component *findComponent(StringRef name, EmitError emitError) {
  std::string known;
  for (const Component &component : components) {
    if (name == component.name)
      return &component;
    known += (known.empty() ? "" : ", ") + std::string(component.name);
  }
  emitError() << "components: there is no '" << name << "'; known are "
              << known;
  return nullptr;
}

/// One end of a range, counted from the end if negative, in [0, layers].
FailureOr<int64_t> parseEnd(StringRef text, StringRef range, int64_t otherwise,
                            int64_t layers, EmitError emitError) {
  if (text.empty())
    return otherwise;
  int64_t value = 0;
  if (text.getAsInteger(10, value))
    return emitError() << "blocks: '" << range
                       << "' is no range LO:HI of block numbers";
  int64_t resolved = value < 0 ? value + layers : value;
  if (resolved < 0 || resolved > layers)
    return emitError() << "blocks: " << value << " of '" << range
                       << "' is out of range: the model has " << layers
                       << " blocks";
  return resolved;
}

LogicalResult addRange(StringRef range, std::vector<bool> &blocks,
                       EmitError emitError) {
  auto layers = static_cast<int64_t>(blocks.size());
  if (range.count(':') != 1)
    return emitError() << "blocks: '" << range
                       << "' is no range LO:HI of block numbers";
  auto [low, high] = range.split(':');
  FailureOr<int64_t> begin = parseEnd(low, range, 0, layers, emitError);
  if (failed(begin))
    return failure();
  FailureOr<int64_t> end = parseEnd(high, range, layers, layers, emitError);
  if (failed(end))
    return failure();
  if (*begin >= *end)
    return emitError() << "blocks: '" << range << "' selects no block";
  for (int64_t block = *begin; block < *end; ++block) {
    if (blocks[block])
      return emitError() << "blocks: '" << range
                         << "' overlaps an earlier range at block " << block;
    blocks[block] = true;
  }
  return success();
}
} // namespace

FailureOr<Selection> Selection::parse(StringRef blocks, StringRef components,
                                      int64_t layers, EmitError emitError) {
  Selection selection;
  selection.Blocks.assign(layers, blocks.empty());
  llvm::SmallVector<StringRef> list;
  if (!blocks.empty())
    blocks.split(list, ',');
  for (StringRef range : list)
    if (failed(addRange(range, selection.Blocks, emitError)))
      return failure();

  list.clear();
  if (components.empty())
    selection.Roles = attn | ffn | proj;
  else
    components.split(list, ',');
  for (StringRef name : list) {
    const Component *component = findComponent(name, emitError);
    if (!component)
      return failure();
    selection.Roles |= component->roles;
    selection.Embed |= component->embed;
  }
  return selection;
}

bool Selection::selects(LinearRole role, std::optional<int64_t> block) const {
  if ((Roles & bit(role)) == 0)
    return false;
  if (!isBlockRole(role))
    return true;
  return block && *block >= 0 && static_cast<size_t>(*block) < Blocks.size() &&
         Blocks[*block];
}

} // namespace qzc::qz
