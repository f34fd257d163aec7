//===- Calibration.cpp - The statistics that a compilation uses -----------===//

#include "Calibration.h"

#include "Target.h"

#include "qzc/Calibrate/Calibrate.h"
#include "qzc/Support/Error.h"
#include "qzc/Support/File.h"
#include "qzc/Support/OneLine.h"
#include "qzc/Tokenizer/Tokenizer.h"

#include "llvm/Support/raw_ostream.h"

#include <algorithm>
#include <filesystem>
#include <unistd.h>
#include <utility>

namespace qzc::pipeline {

/// Positions of a window, where the model has as many.
static constexpr int64_t kContext = 512;
/// Tokens of a text that are taken, where nothing else is said.
static constexpr int64_t kMostTokens = 32768;
/// A text is read whole, and its tokens are held.
static constexpr uint64_t kMostText = uint64_t{256} << 20;

/// Throws where an option would do nothing, since nothing is encoded and no
/// budget weighs what storages lose.
static void checkUse(const CompileOptions &options) {
  if (options.calibrationTokens && options.calibrate.empty())
    throw usageError("--calibration-tokens makes no difference without "
                     "--calibrate=TEXT");
  if (hasTarget(options))
    return;
  if (options.emit != Emit::Bin)
    for (const auto &[option, file] :
         {std::pair("--calibrate", &options.calibrate),
          std::pair("--statistics", &options.statistics),
          std::pair("--save-statistics", &options.saveStatistics)})
      if (!file->empty())
        throw usageError(std::string(option) +
                         " is for weights that are encoded and does not go "
                         "with --emit of another stage");
  if (options.dryRun && !options.saveStatistics.empty())
    throw usageError("--save-statistics does not go with --dry-run, which "
                     "sees nothing that could be saved");
}

void checkCalibration(const CompileOptions &options) {
  checkUse(options);
  const bool makes = !options.calibrate.empty();
  if (makes && !options.statistics.empty())
    throw usageError("--calibrate makes statistics and --statistics reads "
                     "them: give one of the two");
  if (!makes && !options.saveStatistics.empty() &&
      (options.statistics.empty() || !savesImatrix(options)))
    throw usageError("--save-statistics needs a text: --calibrate=FILE (of "
                     "--statistics it makes NAME.gguf or NAME.dat)");
  if (!makes && options.statistics.empty()) {
    const std::optional<std::string> &method = options.recipe.method;
    if ((method == "gptq" || method == "awq") && options.emit == Emit::Bin &&
        !options.dryRun)
      throw usageError("--method=" + *method +
                       " needs to know the layers' inputs: --calibrate=TEXT, "
                       "or --statistics=FILE of an earlier run");
    return;
  }
  if (options.weightsMode == format::WeightsMode::Synthetic)
    throw usageError("weights that are synthetic cannot be calibrated");
}

void checkIsUsed(const CompileOptions &options, bool hasMethod) {
  if (options.dryRun || options.emit != Emit::Bin)
    return; // nothing is encoded, as checkCalibration knows
  const char *option = !options.calibrate.empty()    ? "--calibrate"
                       : !options.statistics.empty() ? "--statistics"
                                                     : nullptr;
  if (!option)
    return;
  if (!hasMethod && options.saveStatistics.empty() && options.report.empty())
    throw usageError(
        std::string(option) +
        ": no layer's codes are chosen by what it shows: ask for --method=mse, "
        "gptq or awq (which int8, q8_0 and fp8 do not take), a budget, "
        "--save-statistics or --report");
}

static std::vector<int32_t> tokensOf(const CompileOptions &options,
                                     const Sources &sources) {
  if (!sources.tokenizer)
    throw Error("--calibrate needs a tokenizer: import the model from a folder "
                "that has a tokenizer.json");
  const std::string json = readTokenizer(*sources.tokenizer);
  const std::string text = readFile(options.calibrate, kMostText);
  try {
    return tokenizer::Tokenizer::fromJson(json).encode(text,
                                                       /*addSpecial=*/false);
  } catch (const Error &error) {
    throw Error("'" + options.calibrate + "': " + error.what());
  }
}

std::unique_ptr<encode::StatisticsFile>
readStatistics(const std::string &path, gguf::TensorNames names) {
  if (gguf::isImatrix(path))
    return std::make_unique<gguf::ImatrixFile>(path, std::move(names));
  if (encode::isStatistics(path))
    return std::make_unique<encode::FullStatistics>(path);
  throw Error("'" + path +
              "': neither a file of --save-statistics nor an importance matrix "
              "of llama.cpp");
}

bool savesImatrix(const CompileOptions &options) {
  const std::string end =
      std::filesystem::path(options.saveStatistics).extension().string();
  return end == ".gguf" || end == ".dat";
}

void warnOfStatistics(const CompileOptions &options,
                      const format::Manifest &manifest) {
  const bool chose = std::any_of(
      manifest.tensors.begin(), manifest.tensors.end(),
      [](const format::Tensor &tensor) { return !tensor.calibrated.empty(); });
  if (!chose || options.calibrate.empty() || !savesImatrix(options))
    return;
  llvm::errs() << "qzc: warning: '" << oneLine(options.saveStatistics)
               << "' is an importance matrix, which is not all that codes were "
                  "chosen by: --rederive cannot make '"
               << oneLine(options.output)
               << "' again; name the statistics otherwise than .gguf or .dat\n";
}

/// Writes --save-statistics=NAME.gguf or .dat.
static void saveImatrix(const CompileOptions &options,
                        const format::Manifest &manifest,
                        const encode::Statistics &statistics,
                        const gguf::TensorNames &names) {
  gguf::Imatrix matrix;
  for (const format::Tensor &tensor : manifest.tensors) {
    const auto input = statistics.find(tensor.source.name);
    const auto found = names.find(tensor.source.name);
    if (!input || found == names.end())
      continue;
    for (const std::string &name : found->second)
      matrix[name] = {{input->squares, input->squares + input->columns},
                      input->tokens};
  }
  if (matrix.empty())
    throw Error("--save-statistics: the module does not say what its weights "
                "are called in a GGUF: qz-import writes that");
  const std::string &text =
      options.calibrate.empty() ? options.statistics : options.calibrate;
  gguf::writeImatrix(options.saveStatistics, matrix,
                     {std::filesystem::path(text).filename().string(),
                      std::min(kContext, manifest.model.context)});
}

/// Runs the model over the text of --calibrate.
static std::unique_ptr<encode::StatisticsFile>
calibrate(const CompileOptions &options, const Sources &sources,
          const format::Manifest &manifest, encode::CodeStore &codes) {
  const format::ModelInfo &model = manifest.model;
  const calibrate::Windows windows = calibrate::windowsOf(
      tokensOf(options, sources), std::min(kContext, model.context),
      options.calibrationTokens.value_or(kMostTokens),
      model.addBos ? model.bos : std::optional<int64_t>());
  const bool keeps = !options.saveStatistics.empty() && !savesImatrix(options);
  // Where activations wait too.
  const std::string path =
      keeps ? options.saveStatistics
            : (std::filesystem::temp_directory_path() /
               ("qzc-statistics-" + std::to_string(::getpid())))
                  .string();
  const encode::WeightSources opened(sources.weights);
  calibrate::calibrate(manifest, sources.refs, opened, windows, path,
                       options.threads, codes, hasTarget(options));
  auto statistics = std::make_unique<encode::FullStatistics>(path);
  if (!keeps)
    std::filesystem::remove(path); // it stays mapped
  return statistics;
}

std::unique_ptr<encode::StatisticsFile>
statisticsFor(const CompileOptions &options, const Sources &sources,
              const format::Manifest &manifest, const gguf::TensorNames &names,
              encode::CodeStore &codes) {
  std::unique_ptr<encode::StatisticsFile> statistics;
  if (!options.statistics.empty()) {
    statistics = readStatistics(options.statistics, names);
    statistics->checkAreOf(manifest.tensors);
  } else if (!options.calibrate.empty()) {
    statistics = calibrate(options, sources, manifest, codes);
  }
  if (statistics && savesImatrix(options))
    saveImatrix(options, manifest, *statistics, names);
  return statistics;
}

} // namespace qzc::pipeline
