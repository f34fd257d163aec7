//===- Field.h - Checked reading of tokenizer.json --------------*- C++ -*-===//
//
// A place in the file with its path, so that every complaint names the field.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_LIB_TOKENIZER_FIELD_H
#define QZC_LIB_TOKENIZER_FIELD_H

#include <cstdint>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace qzc::tokenizer {

/// A value inside the parsed file, which must outlive it.
class Field {
public:
  Field(const nlohmann::json &value, std::string path)
      : Value(value), Path(std::move(path)) {}

  const nlohmann::json &json() const { return Value; }
  [[noreturn]] void fail(const std::string &what) const;
  [[noreturn]] void unsupported(std::string_view known = "") const;

  /// The member `key`; a missing one is an error.
  Field at(std::string_view key) const;
  /// The member `key`, unless it is missing or null.
  std::optional<Field> find(std::string_view key) const;
  /// Refuses members that are neither in `known` nor "type".
  void allowOnly(std::initializer_list<std::string_view> known) const;

  const std::string &string() const;
  /// A string of one character.
  const std::string &character() const;
  bool boolean() const;
  int32_t tokenId() const;
  double number() const;
  int64_t integer(int64_t low, int64_t high) const;
  std::vector<Field> items() const;

  bool booleanOr(std::string_view key, bool otherwise) const;
  std::string stringOr(std::string_view key,
                       const std::string &otherwise) const;

private:
  const nlohmann::json &Value;
  std::string Path;
};

/// Ids beyond this belong to no vocabulary and would only waste memory.
inline constexpr int64_t kMaxTokenId = (1 << 22) - 1;
/// How deep "Sequence" may nest.
inline constexpr int kMaxNesting = 8;

} // namespace qzc::tokenizer

#endif // QZC_LIB_TOKENIZER_FIELD_H
