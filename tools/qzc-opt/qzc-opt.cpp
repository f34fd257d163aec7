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

#include "mlir/Pass/PassRegistry.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"
#include "llvm/Support/Allocator.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/raw_ostream.h"

using namespace qzc;

/// Whether every bracket and quote of a pass's options has its end. MLIR's
/// parser of them looks for a missing one for ever, and takes neither quotes
/// nor backslashes for a way to write one alone.
static bool isBalanced(llvm::StringRef text) {
  std::string ends;
  for (const char c : text) {
    const size_t quote = llvm::StringRef("\"'").find(c);
    const size_t opening = llvm::StringRef("([{").find(c);
    if (!ends.empty() && ends.back() == c)
      ends.pop_back();
    else if (opening != llvm::StringRef::npos)
      ends.push_back(")]}"[opening]);
    else if (quote != llvm::StringRef::npos)
      ends.push_back(c);
    else if (llvm::StringRef(")]}").contains(c))
      return false;
  }
  return ends.empty();
}

static void checkPassOptions(const std::string &where, llvm::StringRef text) {
  if (!isBalanced(text))
    throw usageError(
        where + ": '" + text.str() +
        "' has a bracket or a quote without its counterpart, which "
        "MLIR's pass options cannot have");
}

/// Checks what the command line says of passes and pipelines.
static void checkArguments(llvm::ArrayRef<const char *> words) {
  for (const llvm::StringRef word : words) {
    const auto [dashed, value] = word.split('=');
    const llvm::StringRef name = dashed.ltrim('-');
    if (dashed.starts_with("-") &&
        (name == "pass-pipeline" || mlir::PassInfo::lookup(name) ||
         mlir::PassPipelineInfo::lookup(name)))
      checkPassOptions(dashed.str(), value);
  }
}

/// Checks the pipelines that a module brings along for --run-reproducer.
static void checkReproducers(const std::string &file, llvm::StringRef text) {
  const llvm::StringRef key = "pipeline:";
  for (size_t at = text.find(key); at != llvm::StringRef::npos;
       at = text.find(key)) {
    text = text.substr(at + key.size()).ltrim();
    if (text.consume_front("\""))
      checkPassOptions(file, text.take_until([](char c) { return c == '"'; }));
  }
}

static int run(llvm::ArrayRef<const char *> given) {
  mlir::DialectRegistry registry;
  registerAllDialects(registry);
  registerAllPasses();
  // Words may stand in a file (@FILE), and are to be checked as well.
  llvm::SmallVector<const char *> words(given.begin(), given.end());
  llvm::BumpPtrAllocator allocator;
  llvm::cl::ExpansionContext files(allocator, llvm::cl::TokenizeGNUCommandLine);
  if (llvm::Error error = files.expandResponseFiles(words))
    throw usageError(llvm::toString(std::move(error)));
  checkArguments(words);
  int count = static_cast<int>(words.size());
  char **start = const_cast<char **>(words.data());
  const auto [input, output] = mlir::registerAndParseCLIOptions(
      count, start, "qzc modular optimizer driver", registry);
  const std::string text = readModuleText(input);
  checkReproducers(input, text);
  const bool toFile = output != "-";
  if (toFile)
    checkIsNoInput("-o", output, {{"the module", input}});

  std::string result;
  llvm::raw_string_ostream stream(result);
  const bool done = mlir::succeeded(mlir::MlirOptMain(
      stream, llvm::MemoryBuffer::getMemBufferCopy(text, input), registry,
      mlir::MlirOptMainConfig::createFromCLOptions()));
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
  return runTool("qzc-opt", [&] {
    return run({argv, static_cast<size_t>(argc)});
  });
}
