//===- Names.cpp - Hugging Face names to GGUF names -----------------------===//

#include "Names.h"

#include "qzc/Support/Error.h"

namespace qzc::gguf {

/// `pattern` with the block's number for '#'; nothing where it has a '#' and
/// there is no block, or the other way round.
static std::string numbered(std::string_view pattern, int64_t block) {
  const size_t at = pattern.find('#');
  if ((at == pattern.npos) != (block < 0))
    return "";
  std::string text(pattern);
  return block < 0 ? text : text.replace(at, 1, std::to_string(block));
}

/// Whether the last dotted parts of `name` are `end`.
static bool endsWith(std::string_view name, std::string_view end) {
  if (end.empty() || name.size() < end.size() ||
      name.substr(name.size() - end.size()) != end)
    return false;
  return name.size() == end.size() || name[name.size() - end.size() - 1] == '.';
}

/// Whether `role` is one of the words of `roles`.
static bool isAmong(std::string_view role, std::string_view roles) {
  for (size_t begin = 0; begin <= roles.size();) {
    const size_t end = std::min(roles.find(' ', begin), roles.size());
    if (roles.substr(begin, end - begin) == role)
      return true;
    begin = end + 1;
  }
  return false;
}

std::string Names::find(const std::string &source, const std::string &role,
                        int64_t block) {
  const size_t dot = source.rfind('.');
  const std::string stem = source.substr(0, dot);
  const std::string kind = dot == source.npos ? "" : source.substr(dot);
  for (const TensorName &row : Of.tensors) {
    if ((kind != ".weight" && kind != ".bias") ||
        !endsWith(stem, numbered(row.source, block)))
      continue;
    std::string name = numbered(row.name, block) + kind;
    // A tied table may be stored under the name of either use.
    if (role == "head" && row.role == "embed")
      name = "output.weight";
    else if (role == "embed" && row.role == "head")
      name = "token_embd.weight";
    else if (!isAmong(role, row.role) && !(kind == ".bias" && role == "bias"))
      continue;
    Found.insert(name);
    return name;
  }
  throw Error("--gguf: tensor '" + source + "' (" + role +
              ") has no place in the GGUF architecture '" +
              std::string(Of.architecture) + "'");
}

void Names::requireAll(int64_t layers) const {
  const auto require = [&](const std::string &name) {
    if (!name.empty() && Found.count(name + ".weight") == 0)
      throw Error("--gguf: the model has no tensor for '" + name +
                  ".weight', which the GGUF architecture '" +
                  std::string(Of.architecture) + "' needs");
  };
  for (const TensorName &row : Of.tensors) {
    if (row.optional)
      continue;
    require(numbered(row.name, -1));
    for (int64_t block = 0; block < layers; ++block)
      require(numbered(row.name, block));
  }
}

} // namespace qzc::gguf
