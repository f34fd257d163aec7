//===- CommandLine.h - What the tools' command lines share ------*- C++ -*-===//

#ifndef QZC_SUPPORT_COMMANDLINE_H
#define QZC_SUPPORT_COMMANDLINE_H

#include "qzc/Support/Error.h"

#include <CLI/CLI.hpp>

#include <charconv>
#include <functional>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

namespace qzc {

/// The most tokens, positions, windows or repetitions an option may ask for.
inline constexpr int64_t kMostCount = INT32_MAX;

/// The decimal number that `text` is, all of it. Throws qzc::Error (a wrong
/// call) naming the option, the text and the range unless it lies in
/// [least, most].
template <typename Number>
Number parseNumber(const std::string &option, std::string_view text,
                   Number least, Number most) {
  Number number = 0;
  const char *end = text.data() + text.size();
  const auto [parsed, error] = std::from_chars(text.data(), end, number);
  // What is not a number at all (nan) is not inside either.
  if (error == std::errc() && parsed == end && number >= least &&
      number <= most)
    return number;
  std::ostringstream message;
  message << option << ": '" << text << "' is no "
          << (std::is_integral_v<Number> ? "whole number" : "number")
          << " from " << least << " to " << most;
  throw usageError(message.str());
}

/// The numbers of a list "3,5,7", each as parseNumber takes it.
template <typename Number>
std::vector<Number> parseNumbers(const std::string &option,
                                 std::string_view list, Number least,
                                 Number most) {
  std::vector<Number> numbers;
  for (;;) {
    const size_t comma = list.find(',');
    numbers.push_back(parseNumber(option, list.substr(0, comma), least, most));
    if (comma == std::string_view::npos)
      return numbers;
    list.remove_prefix(comma + 1);
  }
}

/// An option whose value is a number from `least` to `most`: CLI11's own
/// conversions wrap or saturate what is outside. `Value` is `Number`, or an
/// optional one.
template <typename Number, typename Value>
CLI::Option *addNumber(CLI::App &app, const std::string &name, Value &value,
                       const std::string &description, Number least,
                       Number most) {
  const auto read = [&value, name, least, most](const CLI::results_t &texts) {
    value = parseNumber<Number>(name, texts.back(), least, most);
    return true;
  };
  const auto show = [&value] {
    std::ostringstream text;
    if constexpr (std::is_arithmetic_v<Value>)
      text << value;
    return text.str();
  };
  return app.add_option(name, read, description, /*defaulted=*/false, show)
      ->type_name("N");
}

/// The same for how many of something.
template <typename Value>
CLI::Option *addCount(CLI::App &app, const std::string &name, Value &value,
                      const std::string &description, int64_t least = 1) {
  return addNumber<int64_t>(app, name, value, description, least, kMostCount);
}

/// Parses as CLI11 does, but that `--name=` gives an empty text: CLI11 would
/// take the word behind it, another option even. Throws CLI::ParseError.
void parseWords(CLI::App &app, int argc, const char *const *argv);

/// Throws qzc::Error (a wrong call) where an option was given an empty text, as
/// by a variable of the shell that is not set: it would be as if not given.
void refuseEmptyTexts(const CLI::App &app,
                      const std::vector<std::string> &mayBeEmpty = {});

/// Parses words of which none may be empty. Where help or the version is asked
/// for, prints it and returns false. Throws qzc::Error (a wrong call).
bool parseArguments(CLI::App &app, int argc, const char *const *argv);

/// The exit code that `work` returns, or that of an error it throws, which
/// becomes one line on stderr: "NAME: error: …".
int exitCodeOf(const std::string &name, const std::function<int()> &work);

/// What a tool's main() does: prepareProcess() and exitCodeOf(name, work).
int runTool(const std::string &name, const std::function<int()> &work);

} // namespace qzc

#endif // QZC_SUPPORT_COMMANDLINE_H
