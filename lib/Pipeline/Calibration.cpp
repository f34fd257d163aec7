//===- Calibration.cpp - The statistics that a compilation uses -----------===//

#include "Calibration.h"

#include "qzc/Calibrate/Calibrate.h"
#include "qzc/Support/Error.h"
#include "qzc/Support/File.h"
#include "qzc/Tokenizer/Tokenizer.h"

#include <algorithm>
#include <filesystem>
#include <unistd.h>

namespace qzc::pipeline {

/// Positions of a window, where the model has as many.
static constexpr int64_t kContext = 512;
/// A text is read whole, and its tokens are held.
static constexpr uint64_t kMostText = uint64_t{256} << 20;

void checkCalibration(const CompileOptions &options) {
  const bool makes = !options.calibrate.empty();
  if (makes && !options.statistics.empty())
    throw usageError("--calibrate makes statistics and --statistics reads "
                     "them: give one of the two");
  if (!makes && !options.saveStatistics.empty())
    throw usageError("--save-statistics needs a text: --calibrate=FILE");
  if (!makes && options.statistics.empty()) {
    if (options.recipe.method == "gptq" && !options.dryRun)
      throw usageError("--method=gptq needs to know the layers' inputs: "
                       "--calibrate=TEXT, or --statistics=FILE of an earlier "
                       "run");
    return;
  }
  if (options.weightsMode == format::WeightsMode::Synthetic)
    throw usageError("weights that are synthetic cannot be calibrated");
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

std::unique_ptr<encode::Statistics>
statisticsFor(const CompileOptions &options, const Sources &sources,
              const format::Manifest &manifest) {
  if (!options.statistics.empty())
    return std::make_unique<encode::StatisticsFile>(options.statistics);
  if (options.calibrate.empty())
    return nullptr;

  const format::ModelInfo &model = manifest.model;
  const calibrate::Windows windows = calibrate::windowsOf(
      tokensOf(options, sources), std::min(kContext, model.context),
      options.calibrationTokens,
      model.addBos ? model.bos : std::optional<int64_t>());
  const bool keeps = !options.saveStatistics.empty();
  // Where activations wait too.
  const std::string path =
      keeps ? options.saveStatistics
            : (std::filesystem::temp_directory_path() /
               ("qzc-statistics-" + std::to_string(::getpid())))
                  .string();
  const encode::WeightSources opened(sources.weights);
  calibrate::calibrate(manifest, sources.refs, opened, windows, path,
                       options.threads);
  auto statistics = std::make_unique<encode::StatisticsFile>(path);
  if (!keeps)
    std::filesystem::remove(path); // it stays mapped
  return statistics;
}

} // namespace qzc::pipeline
