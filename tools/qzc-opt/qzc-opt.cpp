//===- qzc-opt.cpp - Runs passes, for tests and for people ----------------===//
//
// mlir-opt on the project's dialects and passes, but for how it reads and
// writes: as the other tools do.
//
//===----------------------------------------------------------------------===//

#include "qzc/Init.h"
#include "qzc/ModuleText/ModuleText.h"
#include "qzc/Support/AtomicFile.h"
#include "qzc/Support/CommandLine.h"
#include "qzc/Support/File.h"
#include "qzc/Support/Output.h"

#include "mlir/Tools/mlir-opt/MlirOptMain.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/raw_ostream.h"

using namespace qzc;

static int run(int argc, char **argv) {
  mlir::DialectRegistry registry;
  registerAllDialects(registry);
  registerAllPasses();
  const auto [input, output] = mlir::registerAndParseCLIOptions(
      argc, argv, "qzc modular optimizer driver", registry);
  const bool toFile = output != "-";
  if (toFile)
    checkIsNoInput("-o", output, {{"the module", input}});

  std::string result;
  llvm::raw_string_ostream stream(result);
  const bool done = mlir::succeeded(mlir::MlirOptMain(
      stream,
      llvm::MemoryBuffer::getMemBufferCopy(readModuleText(input), input),
      registry, mlir::MlirOptMainConfig::createFromCLOptions()));
  if (!toFile) {
    Output().write(stream.str());
  } else if (done) {
    AtomicFile file(output);
    file.append(stream.str());
    file.commit();
  }
  return done ? 0 : static_cast<int>(ExitCode::Failed);
}

int main(int argc, char **argv) {
  return runTool("qzc-opt", [&] { return run(argc, argv); });
}
