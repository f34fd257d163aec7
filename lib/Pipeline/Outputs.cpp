//===- Outputs.cpp - The files that a compilation writes ------------------===//

#include "Outputs.h"

#include "Account.h"

#include "qzc/Pipeline/ModuleFile.h"
#include "qzc/Support/Error.h"

#include <filesystem>
#include <vector>

namespace qzc::pipeline {

namespace fs = std::filesystem;

namespace {
struct NamedFile {
  const char *option;
  const std::string &path;
};
} // namespace

static std::vector<NamedFile> outputs(const CompileOptions &options) {
  std::vector<NamedFile> named;
  for (const NamedFile &output :
       {NamedFile{"-o", options.output}, NamedFile{"--gguf", options.gguf},
        NamedFile{"--weights", options.weightsFile},
        NamedFile{"--save-recipe", options.saveRecipe},
        NamedFile{"--save-statistics", options.saveStatistics},
        NamedFile{"--report", options.report}})
    if (!output.path.empty())
      named.push_back(output);
  return named;
}

/// The runtime looks for external weights in the executable's own folder.
static void checkWeightsFile(const CompileOptions &options) {
  const auto folder = [](const std::string &file) {
    return fs::absolute(file).parent_path().string();
  };
  if (!isSameFile(folder(options.weightsFile), folder(options.output)))
    throw usageError("--weights: cannot write the weights to '" +
                     options.weightsFile +
                     "': the executable looks for them in its own folder; name "
                     "a file beside '" +
                     options.output + "'");
}

void checkOutputs(const CompileOptions &options) {
  if (options.ggufTernary != "TQ1_0" && options.ggufTernary != "TQ2_0")
    throw usageError("--gguf-ternary='" + options.ggufTernary +
                     "': the types of ternary are TQ1_0 and TQ2_0");
  if (options.gguf.empty()) {
    if (options.emit == Emit::Bin && options.output.empty() &&
        options.saveStatistics.empty() && !options.dryRun)
      throw usageError("-o FILE is missing: where to write the executable");
    if (options.ggufTernary != "TQ2_0")
      throw usageError("--gguf-ternary is of the blocks in a GGUF: it needs "
                       "--gguf");
  } else {
    if (options.emit != Emit::Bin)
      throw usageError("--gguf does not go with --emit");
    if (options.weightsMode == format::WeightsMode::Synthetic)
      throw usageError("--gguf does not go with --weights=synthetic: a GGUF "
                       "holds its weights");
  }
  if (!options.report.empty()) {
    checkReportName(options.report);
    if (options.emit != Emit::Bin ||
        (options.output.empty() && !options.dryRun))
      throw usageError("--report is of an executable's weights: it needs -o or "
                       "--dry-run, and does not go with --emit");
  }
  const std::vector<NamedFile> named = outputs(options);
  for (size_t i = 0; i != named.size(); ++i)
    for (size_t j = 0; j != i; ++j)
      if (isSameFile(named[i].path, named[j].path))
        throw usageError(std::string(named[i].option) + " and " +
                         named[j].option + " both name '" + named[i].path +
                         "': give each a file of its own");
  if (!options.weightsFile.empty() && !options.output.empty())
    checkWeightsFile(options);
}

void checkInputsAreKept(const CompileOptions &options, mlir::ModuleOp module,
                        const std::string &folder) {
  std::vector<InputFile> inputs = inputsOf(module, options.input, folder);
  inputs.push_back({"the runtime", options.stub});
  if (!options.calibrate.empty())
    inputs.push_back({"the text", options.calibrate});
  if (!options.statistics.empty())
    inputs.push_back({"the statistics", options.statistics});
  inputs.push_back({"this program", "/proc/self/exe"});
  for (const NamedFile &output : outputs(options))
    checkIsNoInput(output.option, output.path, inputs);
}

} // namespace qzc::pipeline
