//===- Outputs.cpp - The files that a compilation writes ------------------===//

#include "Outputs.h"

#include "qzc/Dialect/Qz/IR/QzDialect.h"
#include "qzc/Support/Error.h"

#include <filesystem>
#include <utility>
#include <vector>

namespace qzc::pipeline {

namespace fs = std::filesystem;

/// The path without links, as far as it exists.
static fs::path place(const fs::path &path) {
  std::error_code failed;
  fs::path result = fs::weakly_canonical(fs::absolute(path), failed);
  return failed ? fs::absolute(path).lexically_normal() : result;
}

/// Whether two paths name one file, which need not exist.
static bool same(const fs::path &a, const fs::path &b) {
  std::error_code ignored;
  return place(a) == place(b) || fs::equivalent(a, b, ignored);
}

namespace {
struct Output {
  const char *option;
  const std::string &path;
};
} // namespace

static std::vector<Output> outputs(const CompileOptions &options) {
  std::vector<Output> named;
  for (const Output &output :
       {Output{"-o", options.output}, Output{"--gguf", options.gguf},
        Output{"--weights", options.weightsFile}})
    if (!output.path.empty())
      named.push_back(output);
  return named;
}

/// The runtime looks for external weights in the executable's own folder.
static void checkWeightsFile(const CompileOptions &options) {
  const auto folder = [](const std::string &file) {
    return place(fs::absolute(file).parent_path());
  };
  if (folder(options.weightsFile) != folder(options.output))
    throw usageError("--weights: cannot write the weights to '" +
                     options.weightsFile +
                     "': the executable looks for them in its own folder; name "
                     "a file beside '" +
                     options.output + "'");
}

void checkOutputs(const CompileOptions &options) {
  if (options.gguf.empty()) {
    if (options.emit == Emit::Bin && options.output.empty() && !options.dryRun)
      throw usageError("-o FILE is missing: where to write the executable");
  } else {
    if (options.emit != Emit::Bin)
      throw usageError("--gguf does not go with --emit");
    if (options.weightsMode == format::WeightsMode::Synthetic)
      throw usageError("--gguf does not go with --weights=synthetic: a GGUF "
                       "holds its weights");
  }
  const std::vector<Output> named = outputs(options);
  for (size_t i = 0; i != named.size(); ++i)
    for (size_t j = 0; j != i; ++j)
      if (same(named[i].path, named[j].path))
        throw usageError(std::string(named[i].option) + " and " +
                         named[j].option + " both name '" + named[i].path +
                         "': give each a file of its own");
  if (!options.weightsFile.empty() && !options.output.empty())
    checkWeightsFile(options);
}

void checkInputsAreKept(const CompileOptions &options, mlir::ModuleOp module,
                        const std::string &folder) {
  std::vector<std::pair<const char *, fs::path>> inputs = {
      {"the module", options.input}, {"the runtime", options.stub}};
  module.walk([&](qz::FileOp file) {
    inputs.emplace_back("a file of the module",
                        fs::path(folder) / file.getPath().str());
  });
  for (const Output &output : outputs(options))
    for (const auto &[what, path] : inputs)
      if (same(output.path, path))
        throw usageError(std::string(output.option) + " '" + output.path +
                         "' would overwrite " + what + ": name another file");
}

} // namespace qzc::pipeline
