//===- LogitsFile.cpp - Logits of scored tokens as a NumPy array ----------===//

#include "qzc/Evaluate/LogitsFile.h"

#include "qzc/Support/Npy.h"

#include <cstdio>

namespace qzc::evaluate {

namespace {
constexpr const char *kType = "[('target', '<i4'), ('logits', '<f4', (%lld,))]";
} // namespace

std::string logitsHead(const LogitsShape &shape) {
  char type[128];
  std::snprintf(type, sizeof type, kType, static_cast<long long>(shape.vocab));
  return npyHead(type, {shape.rows});
}

std::optional<LogitsShape> parseLogitsHead(std::string_view head) {
  // Finds the two numbers, and then compares with what they would look like.
  long long vocab = 0;
  long long rows = 0;
  const std::string text(head.substr(std::min(head.size(), kNpyPrefixBytes)));
  const std::string pattern = "{'descr': " + std::string(kType) +
                              ", 'fortran_order': False, 'shape': (%lld";
  if (std::sscanf(text.c_str(), pattern.c_str(), &vocab, &rows) != 2)
    return std::nullopt;
  const LogitsShape shape{rows, vocab};
  if (rows < 1 || vocab < 1 || vocab > INT32_MAX || logitsHead(shape) != head)
    return std::nullopt;
  return shape;
}

} // namespace qzc::evaluate
