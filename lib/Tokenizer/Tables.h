//===- Tables.h - Hash tables of strings and of pairs -----------*- C++ -*-===//

#ifndef QZC_LIB_TOKENIZER_TABLES_H
#define QZC_LIB_TOKENIZER_TABLES_H

#include "qzc/Support/Hash.h"

#include <cstdint>
#include <string_view>
#include <tsl/robin_map.h>

namespace qzc::tokenizer {

struct HashText {
  size_t operator()(std::string_view text) const {
    return xxh3(text.data(), text.size());
  }
};

/// By text; whoever fills the table keeps the texts.
template <typename Value>
using TextTable = tsl::robin_map<std::string_view, Value, HashText>;

struct HashNumber {
  size_t operator()(uint64_t number) const {
    number *= 0x9E3779B97F4A7C15; // 2^64 / golden ratio: high bits are mixed
    return number ^ number >> 32;
  }
};

/// By a number of 64 bits, such as two ids.
template <typename Value>
using NumberTable = tsl::robin_map<uint64_t, Value, HashNumber>;

} // namespace qzc::tokenizer

#endif // QZC_LIB_TOKENIZER_TABLES_H
