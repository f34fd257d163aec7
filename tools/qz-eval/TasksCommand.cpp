//===- TasksCommand.cpp - The command line of qz-eval tasks ---------------===//

#include "Subcommands.h"
#include "qzc/EvalTool/Tasks.h"
#include "qzc/Support/CommandLine.h"
#include "qzc/Support/ThreadPool.h"

#include <iostream>

namespace qzc {

int runTasksCommand(int argc, char **argv) {
  evaltool::TaskOptions options;
  CLI::App app("Lets compiled models answer questions with choices, each by "
               "the choice it finds most likely, and prints accuracies.",
               "qz-eval tasks");
  app.add_option("items", options.file,
                 "JSON lines: question, choices, answer (an index), maybe "
                 "prefix and delimiter; qz-eval convert makes them")
      ->required()
      ->type_name("FILE.jsonl");
  app.add_option("executables", options.images, "Models compiled by qzc")
      ->required()
      ->type_name("FILE");
  app.option_defaults()->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  app.add_option("-o,--output", options.output,
                 "Folder for tasks.json: accuracies and every answer")
      ->type_name("DIR");
  app.add_option("--base", options.base,
                 "Executable to compare the others with, item by item")
      ->type_name("FILE");
  addCount(app, "--limit", options.limit, "The first N items only");
  app.add_option("--device", options.device, "auto (default), cuda or cpu")
      ->check(CLI::IsMember({"auto", "cuda", "cpu"}).description(""))
      ->type_name("NAME");
  addNumber(app, "--threads", options.threads,
            "CPU threads (default: all that may be used)", 1, kMaxThreads);
  if (!parseArguments(app, argc, argv))
    return 0;
  bool all = evaltool::runTasks(options, std::cout, std::cerr);
  return all ? 0 : static_cast<int>(ExitCode::Failed);
}

} // namespace qzc
