//===- EnumNames.h - Enumerators and their words ----------------*- C++ -*-===//

#ifndef QZC_LIB_FORMAT_ENUMNAMES_H
#define QZC_LIB_FORMAT_ENUMNAMES_H

#include <cstddef>
#include <optional>
#include <string_view>

namespace qzc::format {

template <typename Enum> struct NameOf {
  Enum value;
  std::string_view name;
};

/// Empty for a value that has none.
template <typename Enum, size_t N>
std::string_view find(const NameOf<Enum> (&table)[N], Enum value) {
  for (const NameOf<Enum> &row : table)
    if (row.value == value)
      return row.name;
  return "";
}

template <typename Enum, size_t N>
std::optional<Enum> parse(const NameOf<Enum> (&table)[N],
                          std::string_view text) {
  for (const NameOf<Enum> &row : table)
    if (row.name == text)
      return row.value;
  return std::nullopt;
}

} // namespace qzc::format

#endif // QZC_LIB_FORMAT_ENUMNAMES_H
