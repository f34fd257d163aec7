//===- qz-eval.cpp - The evaluator's command line -------------------------===//

#include "Subcommands.h"
#include "qzc/EvalTool/EvalTool.h"
#include "qzc/Support/Error.h"

#include <CLI/CLI.hpp>

#include <charconv>
#include <iostream>

using namespace qzc;
using evaltool::EvalOptions;

namespace {
/// Names as they come; the parsed ones are in `options`.
struct Arguments {
  EvalOptions options;
  std::string protocol = "windows";
  std::string bos = "none";
};
} // namespace

// Validators whose descriptions --help does not repeat.
static CLI::Validator atLeast(int64_t least) {
  auto check = [least](const std::string &text) {
    int64_t value = 0;
    const char *end = text.data() + text.size();
    auto [parsed, error] = std::from_chars(text.data(), end, value);
    if (error == std::errc() && parsed == end && value >= least)
      return std::string();
    return "'" + text + "' is no number of at least " + std::to_string(least);
  };
  return {check, ""};
}
static CLI::Validator oneOf(const std::vector<std::string> &names) {
  return CLI::IsMember(names).description("");
}

static void addScoring(CLI::App &app, Arguments &arguments) {
  EvalOptions &options = arguments.options;
  const char *group = "Scoring";
  app.add_option("--text", options.text,
                 "Text to score (without it, no perplexity)")
      ->type_name("FILE")
      ->group(group);
  app.add_option("--base", options.base,
                 "Executable to compare the others with: divergence and "
                 "change of perplexity, token by token")
      ->type_name("FILE")
      ->group(group);
  app.add_option("--protocol", arguments.protocol,
                 "windows (default), stride, llama.cpp or lines")
      ->check(oneOf({"windows", "stride", "llama.cpp", "lines"}))
      ->type_name("NAME")
      ->group(group);
  app.add_option("--context", options.context,
                 "Positions of a window (default: the protocol's, as far as "
                 "every model goes)")
      ->check(atLeast(1))
      ->type_name("N")
      ->group(group);
  app.add_option("--stride", options.stride,
                 "With --protocol=stride: new tokens a window (default half "
                 "the context)")
      ->check(atLeast(1))
      ->type_name("N")
      ->group(group);
  app.add_option("--max-windows", options.maxWindows,
                 "Score the first N windows only")
      ->check(atLeast(1))
      ->type_name("N")
      ->group(group);
  app.add_option("--bos", arguments.bos,
                 "Where the BOS token goes: none (default), first (once) or "
                 "window")
      ->check(oneOf({"none", "first", "window"}))
      ->type_name("WHERE")
      ->group(group);
}

static void addTiming(CLI::App &app, EvalOptions &options) {
  const char *group = "Timing";
  app.add_option("-p", options.promptTokens,
                 "Prompt tokens (default 512, as far as every model goes)")
      ->check(atLeast(0))
      ->type_name("N")
      ->group(group);
  app.add_option("-n", options.count,
                 "Tokens to decode (default 128, as far as every model goes)")
      ->check(atLeast(0))
      ->type_name("N")
      ->group(group);
  app.add_option("-r", options.repetitions, "Repetitions (default 5)")
      ->check(atLeast(1))
      ->type_name("N")
      ->group(group);
}

static void addOptions(CLI::App &app, Arguments &arguments) {
  EvalOptions &options = arguments.options;
  app.add_option("executables", options.images, "Models compiled by qzc")
      ->required()
      ->type_name("FILE");
  // As in the other tools the last of several counts.
  app.option_defaults()->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  app.add_option("-o,--output", options.output,
                 "Folder for table.md and results.json")
      ->type_name("DIR");
  addScoring(app, arguments);
  addTiming(app, options);
  const char *group = "Device";
  app.add_option("--device", options.device, "auto (default), cuda or cpu")
      ->check(oneOf({"auto", "cuda", "cpu"}))
      ->type_name("NAME")
      ->group(group);
  app.add_option("--threads", options.threads,
                 "CPU threads (default: all that may be used)")
      ->check(atLeast(1))
      ->type_name("N")
      ->group(group);
}

static void checkTogether(const CLI::App &app, const EvalOptions &options) {
  if (app.count("--text") == 0)
    for (const char *option : {"--base", "--protocol", "--context", "--stride",
                               "--max-windows", "--bos"})
      if (app.count(option) != 0)
        throw usageError(std::string(option) + " needs --text FILE");
  if (options.stride && options.protocol != evaluate::Protocol::Stride)
    throw usageError("--stride needs --protocol=stride");
}

static std::string subcommandsText() {
  std::string text = "Subcommands (qz-eval NAME --help says more):";
  for (const Subcommand &command : pythonSubcommands()) {
    std::string name = command.name;
    text += "\n  " + name + std::string(28 - name.size(), ' ') +
            command.description;
  }
  return text;
}

int main(int argc, char **argv) {
  CLI::App app("Compares compiled models: runs each in its own process and "
               "prints a table of sizes, speeds and perplexities.",
               "qz-eval");
  app.set_version_flag("--version", "qz-eval " QZC_VERSION);
  app.footer(subcommandsText());
  Arguments arguments;
  addOptions(app, arguments);
  try {
    if (argc > 1 && isPythonSubcommand(argv[1]))
      runInPython(argc, argv);
    app.parse(argc, argv);
    EvalOptions &options = arguments.options;
    options.protocol = *evaluate::parseProtocol(arguments.protocol);
    options.bos = *evaluate::parseBosMode(arguments.bos);
    checkTogether(app, options);
    bool all = evaltool::evaluateImages(options, std::cout, std::cerr);
    return all ? 0 : static_cast<int>(ExitCode::Failed);
  } catch (const CLI::ParseError &error) {
    if (error.get_exit_code() == 0)
      return app.exit(error);
    std::cerr << "qz-eval: error: " << error.what() << " (see --help)\n";
    return static_cast<int>(ExitCode::Usage);
  } catch (const Error &error) {
    std::cerr << "qz-eval: error: " << error.what() << '\n';
    return static_cast<int>(error.code());
  } catch (const std::exception &error) {
    std::cerr << "qz-eval: error: " << error.what() << '\n';
    return static_cast<int>(ExitCode::Failed);
  }
}
