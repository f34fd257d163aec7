//===- MlirOptions.cpp - MLIR's own options -------------------------------===//

#include "qzc/Pipeline/MlirOptions.h"

#include "qzc/Init.h"
#include "qzc/Support/Error.h"

#include "mlir/IR/AsmState.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Support/Timing.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/raw_ostream.h"

namespace qzc::pipeline {

static void parse(const std::vector<const char *> &words) {
  registerAllPasses(); // their names are values of options
  mlir::registerAsmPrinterCLOptions();
  mlir::registerDefaultTimingManagerCLOptions();
  mlir::registerMLIRContextCLOptions();
  mlir::registerPassManagerCLOptions();
  std::string complaint;
  llvm::raw_string_ostream stream(complaint);
  if (llvm::cl::ParseCommandLineOptions(static_cast<int>(words.size()),
                                        words.data(), "", &stream))
    return;
  // "qzc: Unknown command line argument '…'.  Try: …", and more lines.
  const llvm::StringRef line = llvm::StringRef(stream.str()).split('\n').first;
  // The complaint about a value was printed where it was found.
  throw usageError(complaint.empty()
                       ? "an option of MLIR has a wrong value"
                       : line.split(": ").second.split(".  Try").first.str());
}

std::vector<const char *> takeMlirOptions(int argc, const char *const *argv) {
  // With one thread what is printed has one order.
  const char *const oneThread = "--mlir-disable-threading";
  std::vector<const char *> others = {argv[0]};
  std::vector<const char *> taken = {argv[0]};
  for (int i = 1; i < argc; ++i)
    (llvm::StringRef(argv[i]).starts_with("--mlir-") ? taken : others)
        .push_back(argv[i]);
  if (taken.size() == 1)
    return others;
  if (llvm::none_of(taken, [&](llvm::StringRef word) {
        return word.starts_with(oneThread);
      }))
    taken.push_back(oneThread);
  parse(taken);
  return others;
}

} // namespace qzc::pipeline
