//===- UnicodeForm.cpp - NFC, NFD, NFKC, NFKD -----------------------------===//

#include "UnicodeForm.h"

#include "Steps.h"
#include "Unicode.h"
#include "Utf8.h"
#include "qzc/Support/Error.h"

#include <algorithm>
#include <array>
#include <utf8proc.h>
#include <vector>

namespace qzc::tokenizer {

namespace {

/// A character with its canonical combining class.
struct Mark {
  utf8proc_int32_t codePoint;
  uint8_t order;
};

[[noreturn]] void fail(utf8proc_ssize_t code) {
  throw Error(std::string("normalizing text: ") + utf8proc_errmsg(code));
}

void appendDecomposed(char32_t c, int options, std::vector<Mark> &out) {
  auto codePoint = static_cast<utf8proc_int32_t>(c);
  if (c < 0x80 || isInert(c)) {
    out.push_back({codePoint, 0});
    return;
  }
  constexpr size_t kLongest = 18; // of Unicode's decompositions
  std::array<utf8proc_int32_t, kLongest> parts;
  int boundary = UTF8PROC_BOUNDCLASS_START;
  utf8proc_ssize_t count = utf8proc_decompose_char(
      codePoint, parts.data(), parts.size(),
      static_cast<utf8proc_option_t>(options), &boundary);
  if (count < 0 || static_cast<size_t>(count) > parts.size())
    fail(count < 0 ? count : UTF8PROC_ERROR_OVERFLOW);
  for (utf8proc_ssize_t i = 0; i < count; ++i)
    out.push_back(
        {parts[i], static_cast<uint8_t>(
                       utf8proc_get_property(parts[i])->combining_class)});
}

/// Sorts by class; equal ones keep their order.
void sortMarks(Mark *begin, Mark *end) {
  auto less = [](const Mark &a, const Mark &b) { return a.order < b.order; };
  if (std::is_sorted(begin, end, less))
    return;
  constexpr std::ptrdiff_t kFew = 64;
  StepCounter::add(static_cast<uint64_t>(end - begin));
  if (end - begin <= kFew)
    return std::stable_sort(begin, end, less);
  std::array<size_t, 257> places{};
  for (const Mark *mark = begin; mark != end; ++mark)
    ++places[mark->order + 1];
  for (size_t i = 1; i < places.size(); ++i)
    places[i] += places[i - 1];
  std::vector<Mark> marks(begin, end);
  for (const Mark &mark : marks)
    begin[places[mark.order]++] = mark;
}

void sortAllMarks(std::vector<Mark> &marks) {
  for (size_t at = 0; at < marks.size();) {
    size_t end = at;
    while (end < marks.size() && marks[end].order != 0)
      ++end;
    sortMarks(marks.data() + at, marks.data() + end);
    at = end + 1;
  }
}

/// Composes in place; inert characters stand between what is composed.
void compose(std::vector<utf8proc_int32_t> &text) {
  size_t out = 0;
  for (size_t at = 0; at < text.size();) {
    if (isInert(static_cast<char32_t>(text[at]))) {
      text[out++] = text[at++];
      continue;
    }
    size_t end = at;
    while (end < text.size() && !isInert(static_cast<char32_t>(text[end])))
      ++end;
    utf8proc_ssize_t count = utf8proc_normalize_utf32(
        text.data() + at, static_cast<utf8proc_ssize_t>(end - at),
        static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE));
    if (count < 0)
      fail(count);
    for (size_t i = 0; i < static_cast<size_t>(count); ++i)
      text[out++] = text[at + i];
    at = end;
  }
  text.resize(out);
}

bool isAscii(char byte) { return static_cast<uint8_t>(byte) < 0x80; }

} // namespace

void UnicodeForm::append(std::string_view text, std::string &out) const {
  std::vector<Mark> marks;
  marks.reserve(text.size());
  int options = UTF8PROC_STABLE | UTF8PROC_DECOMPOSE |
                (compatibility ? UTF8PROC_COMPAT : 0);
  for (size_t at = 0; at < text.size();) {
    Utf8Unit unit = utf8At(text, at);
    appendDecomposed(unit.codePoint, options, marks);
    at += unit.bytes;
  }
  StepCounter::add(marks.size());
  sortAllMarks(marks);
  std::vector<utf8proc_int32_t> codePoints;
  codePoints.reserve(marks.size());
  for (const Mark &mark : marks)
    codePoints.push_back(mark.codePoint);
  if (compose)
    tokenizer::compose(codePoints);
  for (utf8proc_int32_t codePoint : codePoints)
    appendUtf8(out, static_cast<char32_t>(codePoint));
}

std::string UnicodeForm::of(std::string_view text) const {
  std::string out;
  out.reserve(text.size());
  for (size_t at = 0; at < text.size();) {
    // ASCII is as it is, but its last character may compose with what follows.
    size_t end = at;
    while (end < text.size() && isAscii(text[end]))
      ++end;
    if (end < text.size() && end > at)
      --end;
    out.append(text, at, end - at);
    at = end;
    if (at == text.size())
      break;
    end = at + 1;
    while (end < text.size() && !isAscii(text[end]))
      ++end;
    append(text.substr(at, end - at), out);
    at = end;
  }
  return out;
}

std::string lowerCase(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t at = 0; at < text.size();) {
    Utf8Unit unit = utf8At(text, at);
    appendUtf8(out, lowerCase(unit.codePoint));
    if (unit.codePoint == 0x130) // the only one of two characters
      appendUtf8(out, 0x307);
    at += unit.bytes;
  }
  return out;
}

} // namespace qzc::tokenizer
