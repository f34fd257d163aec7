//===- TestFiles.h - The golden tokenizers ----------------------*- C++ -*-===//

#ifndef QZC_TEST_UNIT_TOKENIZER_TESTFILES_H
#define QZC_TEST_UNIT_TOKENIZER_TESTFILES_H

#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string>

namespace qzc::tokenizer {

/// As test/golden/tokenizers/shapes.py names them; "splits" is beside these.
inline constexpr const char *kGoldenShapes[] = {
    "gpt2",      "codegen", "smollm",  "llama3",   "qwen2", "gpt4o",
    "tekken",    "falcon",  "bloom",   "deepseek", "added", "llama2",
    "metaspace", "gemma",   "unigram", "unknown",  "forms"};

inline std::string readGolden(const std::string &name) {
  std::ifstream file(QZC_TEST_DATA "/golden/tokenizers/" + name,
                     std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

inline nlohmann::json readGoldenJson(const std::string &name) {
  return nlohmann::json::parse(readGolden(name));
}

} // namespace qzc::tokenizer

#endif // QZC_TEST_UNIT_TOKENIZER_TESTFILES_H
