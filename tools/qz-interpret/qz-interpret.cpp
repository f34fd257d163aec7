//===- qz-interpret.cpp - The interpreter's command line ------------------===//

#include "qzc/Init.h"
#include "qzc/Interpreter/Interpreter.h"
#include "qzc/Pipeline/Diagnostics.h"
#include "qzc/Support/Error.h"
#include "qzc/Support/Npy.h"

#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/OwningOpRef.h"
#include "mlir/Parser/Parser.h"

#include <CLI/CLI.hpp>

#include <filesystem>
#include <iostream>

using namespace qzc;

namespace {
struct Options {
  std::string input;
  std::vector<int32_t> tokens;
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
      ->delimiter(',')
      ->allow_extra_args(false)
      ->type_name("3,5,7")
      ->required();
  app.add_option("--weights-dir", options.weightsDir,
                 "Folder of the module's files (default: the module's own; of "
                 "standard input, the current one)")
      ->type_name("DIR");
  app.add_option("--seed", options.seed,
                 "Seed of the weights that have no file (default: 0)");
  app.add_option("--logits", options.logitsFile,
                 "Write float32 [tokens, vocab] to this file (default: print a "
                 "line a token)")
      ->type_name("out.npy");
}

static interpreter::Logits run(const Options &options) {
  mlir::DialectRegistry registry;
  registerAllDialects(registry);
  mlir::MLIRContext context(registry);
  context.loadAllAvailableDialects();
  const pipeline::DiagnosticCollector diagnostics(&context);
  auto module = mlir::parseSourceFile<mlir::ModuleOp>(options.input, &context);
  if (!module)
    diagnostics.fail("cannot read '" + options.input + "'");
  const std::string folder =
      options.weightsDir.empty()
          ? std::filesystem::path(options.input).parent_path().string()
          : options.weightsDir;
  return interpreter::interpret(*module, options.tokens, folder, options.seed);
}

int main(int argc, char **argv) {
  CLI::App app("Evaluates a module of the qz dialect in plain f32: what "
               "compiled models are compared with.",
               "qz-interpret");
  Options options;
  addOptions(app, options);
  try {
    app.parse(argc, argv);
    const interpreter::Logits logits = run(options);
    if (options.logitsFile.empty())
      std::cout << interpreter::formatLogits(logits);
    else
      writeNpy(options.logitsFile, {logits.tokens, logits.vocab},
               logits.values.data());
    return 0;
  } catch (const CLI::ParseError &error) {
    if (error.get_exit_code() == 0)
      return app.exit(error);
    std::cerr << "qz-interpret: error: " << error.what() << " (see --help)\n";
    return static_cast<int>(ExitCode::Usage);
  } catch (const Error &error) {
    std::cerr << "qz-interpret: error: " << error.what() << '\n';
    return static_cast<int>(error.code());
  } catch (const std::exception &error) {
    std::cerr << "qz-interpret: error: " << error.what() << '\n';
    return static_cast<int>(ExitCode::Failed);
  }
}
