//===- Pattern.cpp - From Oniguruma's syntax to PCRE2's -------------------===//
//
// Both follow Perl in most things. Differences that matter here: which
// characters \s and \w are, script names (\p{Han}: PCRE2 reads scx), (?m),
// nested classes and intersections, the possessive interval, \h, and the
// version of Unicode.
//
//===----------------------------------------------------------------------===//

#include "Regex.h"

#include "Unicode.h"
#include "Utf8.h"

#include <cctype>

namespace qzc::tokenizer {

namespace {

/// White_Space, and all that is not.
constexpr std::string_view kSpace =
    R"(\t-\r\x20\x85\xa0\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000})";
constexpr std::string_view kNotSpace =
    R"(\x00-\x08\x0e-\x1f\x21-\x84\x86-\x9f\xa1-\x{167f}\x{1681}-\x{1fff}\x{200b}-\x{2027}\x{202a}-\x{202e}\x{2030}-\x{205e}\x{2060}-\x{2fff}\x{3001}-\x{10ffff})";

std::string wordMembers() {
  std::string members = R"(\p{Alphabetic}\p{M}\p{Nd}\p{Pc})";
  for (std::string_view category : {"L", "M", "Nd", "Nl", "Pc"})
    members += newerMembers(category);
  return members;
}

class Translator {
public:
  Translator(std::string_view pattern, const Field &field)
      : In(pattern), Source(field) {}

  std::string run() {
    while (At < In.size())
      next();
    return Out;
  }

private:
  bool has(std::string_view text) const {
    return In.substr(At, text.size()) == text;
  }

  void copy(size_t bytes) {
    Out += In.substr(At, bytes);
    At += bytes;
  }

  [[noreturn]] void refuse(const std::string &what) const {
    Source.fail(what + " at byte " + std::to_string(At) +
                " of the pattern is not supported");
  }

  void next() {
    switch (In[At]) {
    case '\\':
      escape(/*inClass=*/false);
      return;
    case '[':
      characterClass();
      return;
    case '(':
      group();
      return;
    case '{':
      interval();
      return;
    default:
      copy(1);
    }
  }

  void group() {
    if (has("(*"))
      refuse("a repeat of nothing"); // PCRE2 reads a verb
    if (!has("(?")) {
      copy(1);
      return;
    }
    for (std::string_view plain : {"(?:", "(?=", "(?!", "(?<=", "(?<!", "(?>"})
      if (has(plain)) {
        copy(plain.size());
        return;
      }
    // Options: (?i: … ) anywhere; (?i) only in front, where both agree.
    size_t end = At + 2;
    while (end < In.size() &&
           (In[end] == 'i' || In[end] == 'm' || In[end] == '-'))
      ++end;
    bool scoped = end < In.size() && In[end] == ':';
    bool leading = end < In.size() && In[end] == ')' && At == 0;
    if (end == At + 2 || (!scoped && !leading))
      refuse("this kind of group");
    for (char letter : In.substr(At, end + 1 - At))
      Out += letter == 'm' ? 's' : letter; // Ruby's m lets . match newlines
    At = end + 1;
  }

  void interval() {
    size_t end = At + 1;
    auto digits = [&] {
      size_t begin = end;
      while (end < In.size() &&
             std::isdigit(static_cast<unsigned char>(In[end])))
        ++end;
      return In.substr(begin, end - begin);
    };
    std::string_view low = digits();
    bool comma = end < In.size() && In[end] == ',';
    if (comma)
      ++end;
    std::string_view high = comma ? digits() : std::string_view();
    if (end == In.size() || In[end] != '}' || (low.empty() && high.empty())) {
      Out += "\\{"; // an ordinary brace
      ++At;
      return;
    }
    ++end;
    // After an interval, Ruby reads + as another repeat and, without a comma,
    // ? as "optional"; PCRE2 does not.
    if (end < In.size() && (In[end] == '+' || (In[end] == '?' && !comma)))
      refuse("a repeat of an interval");
    Out += '{';
    Out += low.empty() ? "0" : low;
    if (comma)
      Out += ',';
    Out += high;
    Out += '}';
    At = end;
  }

  void characterClass() {
    copy(1);
    if (At < In.size() && In[At] == '^')
      copy(1);
    classMembers();
    copy(1);
  }

  /// As far as the bracket that ends the class.
  void classMembers() {
    if (At < In.size() && In[At] == ']')
      refuse("']' as the first member of a class");
    while (At < In.size() && In[At] != ']') {
      if (In[At] == '\\')
        escape(/*inClass=*/true);
      else if (In[At] == '[')
        nestedClass();
      else if (has("&&"))
        refuse("an intersection of classes");
      else
        copy(1);
    }
    if (At == In.size())
      refuse("a class without an end");
  }

  /// The members of a class inside a class are members of the outer one.
  void nestedClass() {
    if (has("[:"))
      refuse("a named class");
    if (has("[^"))
      refuse("a negated class inside a class");
    ++At;
    classMembers();
    ++At;
  }

  void emitSet(std::string_view members, bool inClass, bool negated = false) {
    if (!inClass)
      Out += negated ? "[^" : "[";
    Out += members;
    if (!inClass)
      Out += ']';
  }

  void escape(bool inClass) {
    if (At + 1 == In.size())
      refuse("a lone backslash");
    char letter = In[At + 1];
    if (!std::isalnum(static_cast<unsigned char>(letter))) {
      // Only ASCII may be escaped in both.
      copy(static_cast<unsigned char>(letter) < 0x80 ? 2 : 1);
      return;
    }
    switch (letter) {
    case 's':
    case 'S':
      emitSet(letter == 's' ? kSpace : kNotSpace, inClass);
      At += 2;
      return;
    case 'W':
      if (inClass)
        refuse("\\W in a class");
      [[fallthrough]];
    case 'w':
      emitSet(wordMembers(), inClass, letter == 'W');
      At += 2;
      return;
    case 'd':
    case 'D':
      emitProperty("Nd", letter == 'D', inClass);
      At += 2;
      return;
    case 'p':
    case 'P':
      return property(inClass);
    case 'u':
      return unicodeEscape();
    case 'r':
    case 'n':
    case 't':
    case 'f':
    case 'a':
    case 'e':
      copy(2);
      return;
    case 'x':
      return hexEscape();
    case 'v':
      Out += "\\x0b"; // in PCRE2, any vertical space
      At += 2;
      return;
    case 'A':
    case 'z':
    case 'Z':
      if (!inClass) {
        copy(2);
        return;
      }
      [[fallthrough]];
    default:
      refuse("\\" + std::string(1, letter));
    }
  }

  void property(bool inClass) {
    size_t close = In.find('}', At);
    if (At + 2 >= In.size() || In[At + 2] != '{' || close == In.npos)
      refuse("\\p without braces");
    std::string_view name = In.substr(At + 3, close - At - 3);
    bool negated = In[At + 1] == 'P';
    if (!name.empty() && name[0] == '^') {
      negated = !negated;
      name.remove_prefix(1);
    }
    emitProperty(name, negated, inClass);
    At = close + 1;
  }

  void emitProperty(std::string_view name, bool negated, bool inClass) {
    std::string newer = newerMembers(name);
    if (negated && inClass && !newer.empty())
      refuse("a negated property in a class");
    // Longer names are scripts; PCRE2 would read their extensions.
    std::string braced =
        (name.size() > 2 ? "{sc:" : "{") + std::string(name) + "}";
    if (newer.empty())
      Out += (negated ? "\\P" : "\\p") + braced;
    else
      emitSet("\\p" + braced + newer, inClass, negated);
  }

  size_t hexDigits(size_t from, size_t most) const {
    size_t count = 0;
    while (count < most && from + count < In.size() &&
           std::isxdigit(static_cast<unsigned char>(In[from + count])))
      ++count;
    return count;
  }

  void unicodeEscape() {
    if (hexDigits(At + 2, 4) != 4)
      refuse("\\u without four digits");
    Out += "\\x{" + std::string(In.substr(At + 2, 4)) + "}";
    At += 6;
  }

  void hexEscape() {
    if (At + 2 < In.size() && In[At + 2] == '{') {
      size_t count = hexDigits(At + 3, 8);
      if (!count || At + 3 + count >= In.size() || In[At + 3 + count] != '}')
        refuse("\\x{ without digits");
      return copy(count + 4);
    }
    // Oniguruma reads \x80 and above as a raw byte.
    if (hexDigits(At + 2, 2) != 2 || In[At + 2] >= '8')
      refuse("\\x that is no ASCII character");
    copy(4);
  }

  std::string_view In;
  const Field &Source;
  size_t At = 0;
  std::string Out;
};

} // namespace

std::string translatePattern(std::string_view pattern, const Field &field) {
  return Translator(pattern, field).run();
}

std::string escapePattern(std::string_view text) {
  std::string out;
  for (char letter : text) {
    if (std::ispunct(static_cast<unsigned char>(letter)))
      out += '\\';
    if (letter == '\0')
      out += "\\x00";
    else
      out += letter;
  }
  return out;
}

} // namespace qzc::tokenizer
