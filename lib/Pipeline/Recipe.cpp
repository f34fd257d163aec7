//===- Recipe.cpp - How the weights of a model are stored -----------------===//

#include "qzc/Pipeline/Recipe.h"

#include "qzc/Support/Error.h"
#include "qzc/Support/File.h"

#include <nlohmann/json.hpp>

namespace qzc::pipeline {

using Json = nlohmann::ordered_json;

/// A recipe is written by hand: what is larger is something else.
static constexpr uint64_t kMostBytes = 16 << 20;

std::string describe(const Recipe &recipe) {
  std::string text = recipe.mix.empty() ? "--quantize=" + recipe.scheme
                                        : "--mix=" + recipe.mix;
  auto add = [&](const char *option, const std::string &value) {
    if (!value.empty())
      text += std::string(" --") + option + "=" + value;
  };
  add("blocks", recipe.blocks);
  add("components", recipe.components);
  add("block-size", recipe.blockSize ? std::to_string(recipe.blockSize) : "");
  if (recipe.doubleQuant)
    text += " --double-quant";
  if (recipe.requantize)
    text += " --requantize";
  for (const std::string &rule : recipe.rules)
    add("rule", rule);
  if (recipe.method && *recipe.method != "rtn")
    add("method", *recipe.method);
  add("dtype", recipe.dtype);
  return text;
}

std::string writeRecipe(const Recipe &recipe) {
  Json json;
  if (recipe.mix.empty())
    json["quantize"] = recipe.scheme;
  else
    json["mix"] = recipe.mix;
  if (!recipe.blocks.empty())
    json["blocks"] = recipe.blocks;
  if (!recipe.components.empty())
    json["components"] = recipe.components;
  if (recipe.blockSize != 0)
    json["block-size"] = recipe.blockSize;
  if (recipe.doubleQuant)
    json["double-quant"] = true;
  if (recipe.requantize)
    json["requantize"] = true;
  if (recipe.method)
    json["method"] = *recipe.method;
  if (!recipe.dtype.empty())
    json["dtype"] = recipe.dtype;
  for (const std::string &rule : recipe.rules) {
    const size_t equals = rule.rfind('=');
    json["rules"].push_back(
        {{"match", rule.substr(0, equals)}, {"as", rule.substr(equals + 1)}});
  }
  return json.dump(2) + "\n";
}

namespace {
/// Reads a value under a key, and says where what is not right.
class Reader {
public:
  explicit Reader(const std::string &path) : Path(path) {}

  [[noreturn]] void fail(const std::string &what) const {
    throw Error("'" + Path + "': " + what);
  }
  std::string text(const Json &value, const std::string &key) const {
    if (!value.is_string())
      fail("'" + key + "' is no text");
    return value.get<std::string>();
  }
  bool flag(const Json &value, const std::string &key) const {
    if (!value.is_boolean())
      fail("'" + key + "' is neither true nor false");
    return value.get<bool>();
  }
  Recipe recipe(const Json &json) const;

private:
  std::string rule(const Json &value) const;

  const std::string &Path;
};
} // namespace

std::string Reader::rule(const Json &value) const {
  if (!value.is_object() || value.size() != 2 || !value.contains("match") ||
      !value.contains("as"))
    fail("a rule is no {\"match\": REGEX, \"as\": SPEC}");
  return text(value["match"], "match") + "=" + text(value["as"], "as");
}

Recipe Reader::recipe(const Json &json) const {
  if (!json.is_object())
    fail("is no JSON object");
  Recipe recipe;
  for (const auto &[key, value] : json.items()) {
    if (key == "quantize") {
      recipe.scheme = text(value, key);
    } else if (key == "mix") {
      recipe.mix = text(value, key);
    } else if (key == "blocks") {
      recipe.blocks = text(value, key);
    } else if (key == "components") {
      recipe.components = text(value, key);
    } else if (key == "method") {
      recipe.method = text(value, key);
    } else if (key == "dtype") {
      recipe.dtype = text(value, key);
    } else if (key == "block-size") {
      if (!value.is_number_integer() || value < 32 || value > 4096)
        fail("'block-size' is no number from 32 to 4096");
      recipe.blockSize = value.get<int64_t>();
    } else if (key == "double-quant") {
      recipe.doubleQuant = flag(value, key);
    } else if (key == "requantize") {
      recipe.requantize = flag(value, key);
    } else if (key == "rules") {
      if (!value.is_array())
        fail("'rules' is no list");
      for (const Json &one : value)
        recipe.rules.push_back(rule(one));
    } else {
      fail("unknown key '" + key +
           "'; known are quantize, blocks, components, block-size, "
           "double-quant, requantize, mix, method, dtype, rules");
    }
  }
  return recipe;
}

Recipe readRecipe(const std::string &path) {
  const std::string text = readFile(path, kMostBytes);
  const Reader reader(path);
  const Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (json.is_discarded())
    reader.fail("is no JSON");
  return reader.recipe(json);
}

} // namespace qzc::pipeline
