//===- CommandLine.cpp - What the tools' command lines share --------------===//

#include "qzc/Support/CommandLine.h"

#include "qzc/Support/OneLine.h"
#include "qzc/Support/Output.h"
#include "qzc/Support/Process.h"

#include <algorithm>
#include <cstdio>
#include <deque>
#include <new>

namespace qzc {

void parseWords(CLI::App &app, int argc, const char *const *argv) {
  std::deque<std::string> names; // which stay where they are
  std::vector<const char *> words;
  bool mayBeOption = true;
  for (int i = 0; i < argc; ++i) {
    const std::string_view word = argv[i];
    mayBeOption = mayBeOption && word != "--";
    if (i > 0 && mayBeOption && word.size() > 3 && word.substr(0, 2) == "--" &&
        word.find('=') == word.size() - 1) {
      names.emplace_back(word.substr(0, word.size() - 1));
      words.insert(words.end(), {names.back().c_str(), ""});
    } else {
      words.push_back(argv[i]);
    }
  }
  app.parse(static_cast<int>(words.size()), words.data());
}

void refuseEmptyTexts(const CLI::App &app,
                      const std::vector<std::string> &mayBeEmpty) {
  for (const CLI::Option *option : app.get_options()) {
    const std::string name = option->get_name();
    const CLI::results_t &texts = option->results();
    if (std::find(texts.begin(), texts.end(), "") != texts.end() &&
        std::find(mayBeEmpty.begin(), mayBeEmpty.end(), name) ==
            mayBeEmpty.end())
      throw usageError(name + ": its value is empty");
  }
}

bool parseArguments(CLI::App &app, int argc, const char *const *argv) {
  try {
    parseWords(app, argc, argv);
    refuseEmptyTexts(app);
    return true;
  } catch (const CLI::CallForHelp &) {
    Output().write(app.help());
  } catch (const CLI::CallForVersion &version) {
    Output().write(std::string(version.what()) + "\n");
  } catch (const CLI::ParseError &error) {
    throw usageError(std::string(error.what()) + " (see --help)");
  }
  return false;
}

static int fail(const std::string &name, const char *message, ExitCode code) {
  std::fprintf(stderr, "%s: error: %s\n", name.c_str(),
               oneLine(message).c_str());
  return static_cast<int>(code);
}

int exitCodeOf(const std::string &name, const std::function<int()> &work) {
  try {
    return work();
  } catch (const BrokenPipe &) {
    return static_cast<int>(ExitCode::Failed);
  } catch (const Error &error) {
    return fail(name, error.what(), error.code());
  } catch (const std::bad_alloc &) {
    return fail(name, "out of memory", ExitCode::Failed);
  } catch (const std::exception &error) {
    return fail(name, error.what(), ExitCode::Failed);
  }
}

int runTool(const std::string &name, const std::function<int()> &work) {
  prepareProcess();
  return exitCodeOf(name, work);
}

} // namespace qzc
