//===- GgufBuild.cpp - The GGUF beside the executable ---------------------===//

#include "GgufBuild.h"

#include "Sources.h"

#include "qzc/Support/Error.h"

#include "llvm/Support/raw_ostream.h"

#include <filesystem>

namespace qzc::pipeline {

namespace fs = std::filesystem;

void checkOutputs(const CompileOptions &options) {
  if (options.gguf.empty()) {
    if (options.emit == Emit::Bin && options.output.empty() && !options.dryRun)
      throw usageError("-o FILE is missing: where to write the executable");
    return;
  }
  if (options.emit != Emit::Bin)
    throw usageError("--gguf does not go with --emit");
  if (options.weightsMode == format::WeightsMode::Synthetic)
    throw usageError("--gguf does not go with --weights=synthetic: a GGUF "
                     "holds its weights");
  const auto place = [](const std::string &path) {
    return fs::absolute(path).lexically_normal();
  };
  if (!options.output.empty() && place(options.gguf) == place(options.output))
    throw usageError("--gguf and -o both name '" + options.gguf + "'");
}

GgufBuild::GgufBuild(const CompileOptions &options, mlir::ModuleOp module,
                     const std::string &selection)
    : Options(options) {
  if (!options.gguf.empty())
    Plan = gguf::plan(module, {"qzc " QZC_VERSION, selection});
}

std::string GgufBuild::report() const {
  return Plan ? gguf::describe(*Plan, Options.gguf) : "";
}

static encode::SourceFile fileIn(const std::string &folder,
                                 encode::SourceFile file) {
  file.path = (fs::path(folder) / file.path).string();
  return file;
}

void GgufBuild::write(const std::string &folder) {
  if (!Plan)
    return;
  if (!Plan->tokenizer)
    throw Error("--gguf needs a tokenizer: import the model from a folder that "
                "has a tokenizer.json");
  gguf::addTokenizer(readTokenizer(fileIn(folder, *Plan->tokenizer)), *Plan);
  for (const std::string &warning : Plan->warnings)
    llvm::errs() << "qzc: warning: " << warning << '\n';

  std::vector<encode::SourceFile> files;
  for (const encode::SourceFile &file : Plan->files)
    files.push_back(fileIn(folder, file));
  encode::WeightSources sources(files);
  ThreadPool pool(Options.threads);
  File.emplace(Options.gguf, *Plan, sources, pool);
}

void GgufBuild::commit() {
  if (File)
    File->commit();
}

} // namespace qzc::pipeline
