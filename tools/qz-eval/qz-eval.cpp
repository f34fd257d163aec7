//===- qz-eval.cpp - The evaluator's command line -------------------------===//

#include "qzc/EvalTool/EvalTool.h"
#include "qzc/Support/Error.h"

#include <CLI/CLI.hpp>

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

static void addScoring(CLI::App &app, Arguments &arguments) {
  EvalOptions &options = arguments.options;
  const char *group = "Scoring";
  CLI::Option *text =
      app.add_option("--text", options.text,
                     "Text to score (without it, no perplexity)")
          ->type_name("FILE")
          ->group(group);
  app.add_option("--protocol", arguments.protocol,
                 "windows (default), stride, llama.cpp or lines")
      ->check(CLI::IsMember({"windows", "stride", "llama.cpp", "lines"}))
      ->type_name("NAME")
      ->group(group)
      ->needs(text);
  app.add_option("--context", options.context,
                 "Positions of a window (default: the protocol's, as far as "
                 "every model goes)")
      ->check(CLI::PositiveNumber)
      ->type_name("N")
      ->group(group)
      ->needs(text);
  app.add_option("--stride", options.stride,
                 "With --protocol=stride: new tokens a window (default half "
                 "the context)")
      ->check(CLI::PositiveNumber)
      ->type_name("N")
      ->group(group)
      ->needs(text);
  app.add_option("--max-windows", options.maxWindows,
                 "Score the first N windows only")
      ->check(CLI::PositiveNumber)
      ->type_name("N")
      ->group(group)
      ->needs(text);
  app.add_option("--bos", arguments.bos,
                 "Where the BOS token goes: none (default), first (once) or "
                 "window")
      ->check(CLI::IsMember({"none", "first", "window"}))
      ->type_name("WHERE")
      ->group(group)
      ->needs(text);
}

static void addTiming(CLI::App &app, EvalOptions &options) {
  const char *group = "Timing";
  app.add_option("-p", options.promptTokens,
                 "Prompt tokens (default 512, as far as every model goes)")
      ->check(CLI::NonNegativeNumber)
      ->type_name("N")
      ->group(group);
  app.add_option("-n", options.count,
                 "Tokens to decode (default 128, as far as every model goes)")
      ->check(CLI::NonNegativeNumber)
      ->type_name("N")
      ->group(group);
  app.add_option("-r", options.repetitions, "Repetitions (default 5)")
      ->check(CLI::PositiveNumber)
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
      ->check(CLI::IsMember({"auto", "cuda", "cpu"}))
      ->type_name("NAME")
      ->group(group);
  app.add_option("--threads", options.threads,
                 "CPU threads (default: all that may be used)")
      ->check(CLI::PositiveNumber)
      ->type_name("N")
      ->group(group);
}

int main(int argc, char **argv) {
  CLI::App app("Compares compiled models: runs each in its own process and "
               "prints a table of sizes, speeds and perplexities.",
               "qz-eval");
  app.set_version_flag("--version", "qz-eval " QZC_VERSION);
  Arguments arguments;
  addOptions(app, arguments);
  try {
    app.parse(argc, argv);
    EvalOptions &options = arguments.options;
    options.protocol = *evaluate::parseProtocol(arguments.protocol);
    options.bos = *evaluate::parseBosMode(arguments.bos);
    if (options.stride && options.protocol != evaluate::Protocol::Stride)
      throw usageError("--stride needs --protocol=stride");
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
