//===- GgufBuild.cpp - The GGUF beside the executable ---------------------===//

#include "GgufBuild.h"

#include "Sources.h"

#include "qzc/Support/Error.h"
#include "qzc/Support/OneLine.h"

#include "llvm/Support/raw_ostream.h"

#include <filesystem>

namespace qzc::pipeline {

namespace fs = std::filesystem;

GgufBuild::GgufBuild(const CompileOptions &options, mlir::ModuleOp module,
                     const std::string &selection)
    : Options(options) {
  if (!options.gguf.empty())
    Plan = gguf::plan(module, {"qzc " QZC_VERSION, selection},
                      /*denser=*/options.ggufTernary == "TQ1_0");
}

std::string GgufBuild::report() const {
  return Plan ? gguf::describe(*Plan, Options.gguf) : "";
}

void GgufBuild::write(const std::string &folder,
                      const encode::Statistics *statistics,
                      encode::CodeStore &codes) {
  if (!Plan)
    return;
  if (!Plan->tokenizer)
    throw Error("--gguf needs a tokenizer: import the model from a folder that "
                "has a tokenizer.json");
  gguf::addTokenizer(readTokenizer(fileIn(folder, *Plan->tokenizer)), *Plan);
  for (const std::string &warning : Plan->warnings)
    llvm::errs() << "qzc: warning: " << oneLine(warning) << '\n';

  std::vector<encode::SourceFile> files;
  for (const encode::SourceFile &file : Plan->files)
    files.push_back(fileIn(folder, file));
  encode::WeightSources sources(files);
  ThreadPool pool(Options.threads);
  File.emplace(Options.gguf, *Plan, sources, pool, statistics, codes);
}

void GgufBuild::finish() {
  if (File)
    File->finish();
}

void GgufBuild::publish() {
  if (File)
    File->publish();
}

} // namespace qzc::pipeline
