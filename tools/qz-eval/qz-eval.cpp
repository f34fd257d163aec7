//===- qz-eval.cpp - The evaluator's command line -------------------------===//

#include "Subcommands.h"
#include "qzc/EvalTool/EvalTool.h"
#include "qzc/Support/CommandLine.h"
#include "qzc/Support/ThreadPool.h"

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

// --help does not repeat its description.
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
  app.add_option(
         "--keep-base", options.keepBase,
         "Keep the base's logits, as --score --logits writes them; says "
         "how large the file gets")
      ->type_name("FILE.npy")
      ->group(group);
  app.add_option("--protocol", arguments.protocol,
                 "windows (default), stride, llama.cpp or lines")
      ->check(oneOf({"windows", "stride", "llama.cpp", "lines"}))
      ->type_name("NAME")
      ->group(group);
  addCount(app, "--context", options.context,
           "Positions of a window (default: the protocol's, as far as "
           "every model goes)")
      ->group(group);
  addCount(app, "--stride", options.stride,
           "With --protocol=stride: new tokens a window (default half "
           "the context)")
      ->group(group);
  addCount(app, "--max-windows", options.maxWindows,
           "Score the first N windows only")
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
  addCount(app, "-p", options.promptTokens,
           "Prompt tokens (default 512, as far as every model goes)", 0)
      ->group(group);
  addCount(app, "-n", options.count,
           "Tokens to decode (default 128, as far as every model goes)", 0)
      ->group(group);
  addCount(app, "-d", options.depth,
           "Tokens in the KV cache before those that are timed (default 0)", 0)
      ->group(group);
  addCount(app, "-b", options.batch,
           "Sequences that are timed at once (default 1)")
      ->group(group);
  addCount(app, "-r", options.repetitions, "Repetitions (default 5)")
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
  addNumber(app, "--threads", options.threads,
            "CPU threads (default: all that may be used)", 1, kMaxThreads)
      ->group(group);
}

static void checkTogether(const CLI::App &app, const EvalOptions &options) {
  if (app.count("--text") == 0)
    for (const char *option : {"--base", "--protocol", "--context", "--stride",
                               "--max-windows", "--bos"})
      if (app.count(option) != 0)
        throw usageError(std::string(option) + " needs --text FILE");
  if (app.count("--keep-base") != 0 && options.base.empty())
    throw usageError("--keep-base needs --base FILE");
  if (options.stride && options.protocol != evaluate::Protocol::Stride)
    throw usageError("--stride needs --protocol=stride");
}

static std::string subcommandsText() {
  std::string text = "Subcommands (qz-eval NAME --help says more):";
  auto add = [&](const std::string &name, const char *description) {
    text += "\n  " + name + std::string(28 - name.size(), ' ') + description;
  };
  add("tasks", "Let models answer multiple choice, by log-likelihood");
  for (const Subcommand &command : pythonSubcommands())
    add(command.name, command.description);
  return text;
}

static int run(int argc, char **argv) {
  if (argc > 1 && isPythonSubcommand(argv[1]))
    runInPython(argc, argv);
  if (argc > 1 && argv[1] == std::string("tasks"))
    return runTasksCommand(argc - 1, argv + 1);
  CLI::App app("Compares compiled models: runs each in its own process and "
               "prints a table of sizes, speeds and perplexities.",
               "qz-eval");
  app.set_version_flag("--version", "qz-eval " QZC_VERSION);
  app.footer(subcommandsText());
  Arguments arguments;
  addOptions(app, arguments);
  if (!parseArguments(app, argc, argv))
    return 0;
  EvalOptions &options = arguments.options;
  options.protocol = *evaluate::parseProtocol(arguments.protocol);
  options.bos = *evaluate::parseBosMode(arguments.bos);
  checkTogether(app, options);
  bool all = evaltool::evaluateImages(options, std::cout, std::cerr);
  return all ? 0 : static_cast<int>(ExitCode::Failed);
}

int main(int argc, char **argv) {
  return runTool("qz-eval", [&] { return run(argc, argv); });
}
