//===- Field.cpp - Checked reading of tokenizer.json ----------------------===//

#include "Field.h"

#include "Utf8.h"
#include "qzc/Support/Error.h"

#include <algorithm>

namespace qzc::tokenizer {

void Field::fail(const std::string &what) const {
  throw Error("tokenizer.json: " + (Path.empty() ? "the file" : Path) + ": " +
              what);
}

/// A value in an error. A container is named by its kind alone: it may be
/// nested deeper than the stack is.
static std::string shown(const nlohmann::json &value) {
  if (value.is_structured())
    return value.is_object() ? "an object" : "a list";
  constexpr size_t kMost = 80;
  std::string text =
      value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  if (text.size() <= kMost)
    return text;
  size_t end = kMost - 3;
  while ((static_cast<uint8_t>(text[end]) & 0xC0) == 0x80) // inside a character
    --end;
  return text.substr(0, end) + "...";
}

void Field::unsupported(std::string_view known) const {
  fail(shown(Value) + " is not supported" +
       (known.empty() ? "" : " (known: " + std::string(known) + ")"));
}

Field Field::at(std::string_view key) const {
  if (!Value.is_object())
    fail("must be an object");
  auto found = Value.find(key);
  std::string path =
      Path.empty() ? std::string(key) : Path + "." + std::string(key);
  if (found == Value.end())
    Field(Value, path).fail("is missing");
  return {*found, path};
}

std::optional<Field> Field::find(std::string_view key) const {
  if (!Value.is_object())
    fail("must be an object");
  auto found = Value.find(key);
  if (found == Value.end() || found->is_null())
    return std::nullopt;
  return at(key);
}

void Field::allowOnly(std::initializer_list<std::string_view> known) const {
  if (!Value.is_object())
    fail("must be an object");
  for (const auto &[key, value] : Value.items())
    if (key != "type" &&
        std::find(known.begin(), known.end(), key) == known.end())
      at(key).fail("is not a field that is supported here");
}

const std::string &Field::string() const {
  if (!Value.is_string())
    fail("must be a string");
  return Value.get_ref<const std::string &>();
}

const std::string &Field::character() const {
  const std::string &text = string();
  if (text.empty() || utf8Length(text[0]) != text.size())
    fail("must be one character");
  return text;
}

double Field::number() const {
  if (!Value.is_number())
    fail("must be a number");
  return Value.get<double>();
}

bool Field::boolean() const {
  if (!Value.is_boolean())
    fail("must be true or false");
  return Value.get<bool>();
}

int64_t Field::integer(int64_t low, int64_t high) const {
  if (!Value.is_number_integer() ||
      (Value.is_number_unsigned() &&
       Value.get<uint64_t>() > static_cast<uint64_t>(INT64_MAX)) ||
      Value.get<int64_t>() < low || Value.get<int64_t>() > high)
    fail("must be an integer from " + std::to_string(low) + " to " +
         std::to_string(high));
  return Value.get<int64_t>();
}

int32_t Field::tokenId() const {
  return static_cast<int32_t>(integer(0, kMaxTokenId));
}

std::vector<Field> Field::items() const {
  if (!Value.is_array())
    fail("must be a list");
  std::vector<Field> result;
  result.reserve(Value.size());
  for (size_t i = 0; i < Value.size(); ++i)
    result.emplace_back(Value[i], Path + "[" + std::to_string(i) + "]");
  return result;
}

bool Field::booleanOr(std::string_view key, bool otherwise) const {
  auto field = find(key);
  return field ? field->boolean() : otherwise;
}

std::string Field::stringOr(std::string_view key,
                            const std::string &otherwise) const {
  auto field = find(key);
  return field ? field->string() : otherwise;
}

} // namespace qzc::tokenizer
