//===- qz-interpret.cpp - The interpreter's command line ------------------===//

#include "qzc/Init.h"
#include "qzc/Interpreter/Interpreter.h"
#include "qzc/Pipeline/Diagnostics.h"
#include "qzc/Pipeline/ModuleFile.h"
#include "qzc/Support/CommandLine.h"
#include "qzc/Support/Npy.h"
#include "qzc/Support/Output.h"

#include "mlir/IR/MLIRContext.h"

#include <filesystem>

using namespace qzc;

namespace {
struct Options {
  std::string input;
  std::string tokens;
  std::string weightsDir;
  uint64_t seed = 0;
  std::string logitsFile;
};
} // namespace

static void addOptions(CLI::App &app, Options &options) {
  app.add_option("model", options.input,
                 "Module of the qz dialect (.mlir); - for standard input")
      ->required();
  app.add_option("--tokens", options.tokens, "Token ids of one sequence")
      ->type_name("3,5,7")
      ->required();
  app.add_option("--weights-dir", options.weightsDir,
                 "Folder of the module's files (default: the module's own; of "
                 "standard input, the current one)")
      ->type_name("DIR");
  addNumber<uint64_t>(app, "--seed", options.seed,
                      "Seed of the weights that have no file (default: 0)", 0,
                      UINT64_MAX);
  app.add_option("--logits", options.logitsFile,
                 "Write float32 [tokens, vocab] to this file (default: print a "
                 "line a token)")
      ->type_name("out.npy");
}

static interpreter::Logits run(const Options &options) {
  const auto tokens =
      parseNumbers<int32_t>("--tokens", options.tokens, 0, INT32_MAX);
  mlir::DialectRegistry registry;
  registerAllDialects(registry);
  mlir::MLIRContext context(registry);
  context.loadAllAvailableDialects();
  const pipeline::DiagnosticCollector diagnostics(&context);
  const auto module =
      pipeline::parseModule(options.input, context, diagnostics);
  const std::string folder =
      options.weightsDir.empty()
          ? std::filesystem::path(options.input).parent_path().string()
          : options.weightsDir;
  if (!options.logitsFile.empty())
    checkIsNoInput("--logits", options.logitsFile,
                   pipeline::inputsOf(*module, options.input, folder));
  return interpreter::interpret(*module, tokens, folder, options.seed);
}

static int runWith(int argc, char **argv) {
  CLI::App app("Evaluates a module of the qz dialect in plain f32: what "
               "compiled models are compared with.",
               "qz-interpret");
  Options options;
  addOptions(app, options);
  if (!parseArguments(app, argc, argv))
    return 0;
  const interpreter::Logits logits = run(options);
  if (options.logitsFile.empty())
    Output().write(interpreter::formatLogits(logits));
  else
    writeNpy(options.logitsFile, {logits.tokens, logits.vocab},
             logits.values.data());
  return 0;
}

int main(int argc, char **argv) {
  return runTool("qz-interpret", [&] { return runWith(argc, argv); });
}
