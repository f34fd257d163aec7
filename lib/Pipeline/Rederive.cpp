//===- Rederive.cpp - Whether an executable is what it says ---------------===//

#include "qzc/Pipeline/Rederive.h"

#include "Calibration.h"

#include "qzc/Encode/Encoder.h"
#include "qzc/Encode/Rederive.h"
#include "qzc/Runtime/Image.h"
#include "qzc/Support/Error.h"

#include <cstdio>
#include <filesystem>
#include <memory>
#include <vector>

namespace qzc::pipeline {

using format::Manifest;
using format::Tensor;

namespace {
/// The tensors that can be encoded again, and those that cannot.
struct Derivable {
  std::vector<Tensor> tensors;
  std::vector<encode::WeightRef> refs;
  uint64_t bytes = 0;
  std::vector<std::string> others; ///< names
};
} // namespace

/// The name, and the rows where it is a part of a fused weight.
static std::string describe(const Tensor &tensor) {
  std::string text = "'" + tensor.source.name + "'";
  const char *before = " rows ";
  for (const auto &[begin, end] : tensor.source.rows) {
    text += before + std::to_string(begin) + ":" + std::to_string(end);
    before = ",";
  }
  return text;
}

/// Throws qzc::Error where the manifest does not say what is needed, or where
/// tensors lie elsewhere than qzc puts them.
static void checkRecord(const std::string &image, const Manifest &manifest) {
  if (manifest.weightsMode == format::WeightsMode::Synthetic)
    throw Error("'" + image + "' holds no weights: they are synthetic");
  std::vector<Tensor> placed = manifest.tensors;
  const uint64_t bytes = encode::assignOffsets(placed);
  for (size_t i = 0; i < placed.size(); ++i) {
    const Tensor &tensor = manifest.tensors[i];
    if (!tensor.source.ref)
      throw Error("'" + image + "' does not say where " + describe(tensor) +
                  " comes from: compile it again");
    if (tensor.offset != placed[i].offset)
      throw Error("'" + image + "': " + describe(tensor) + " lies at byte " +
                  std::to_string(tensor.offset) + " of the weights, not at " +
                  std::to_string(placed[i].offset) + ": qzc did not write it");
  }
  if (bytes != manifest.weightsBytes)
    throw Error("'" + image + "' has " + std::to_string(manifest.weightsBytes) +
                " bytes of weights, its tensors take " + std::to_string(bytes) +
                ": qzc did not write it");
}

/// Null without --statistics.
static std::unique_ptr<encode::StatisticsFile>
openStatistics(const RederiveOptions &options, const Manifest &manifest) {
  if (options.statistics.empty())
    return nullptr;
  if (manifest.statistics.empty())
    throw Error("'" + options.image +
                "' was not calibrated: leave --statistics out");
  gguf::TensorNames names;
  for (const Tensor &tensor : manifest.tensors)
    if (!tensor.calibrated.empty())
      names[tensor.source.name].push_back(tensor.calibrated);
  auto statistics = readStatistics(options.statistics, std::move(names));
  if (const std::string sha256 = statistics->sha256();
      sha256 != manifest.statistics)
    throw Error("'" + options.statistics + "' has the SHA-256 " + sha256 +
                ", the statistics that '" + options.image +
                "' was calibrated by have " + manifest.statistics);
  statistics->checkAreOf(manifest.tensors);
  return statistics;
}

static Derivable derivableOf(const Manifest &manifest, bool hasStatistics) {
  Derivable derivable;
  for (const Tensor &tensor : manifest.tensors) {
    if ((!tensor.calibrated.empty() || tensor.scaling.any()) &&
        !hasStatistics) {
      derivable.others.push_back(describe(tensor));
      continue;
    }
    derivable.tensors.push_back(tensor);
    derivable.refs.push_back(*tensor.source.ref);
    derivable.bytes += format::paddedBytes(tensor.shape);
  }
  return derivable;
}

static encode::WeightSources openSources(const RederiveOptions &options,
                                         const Manifest &manifest) {
  if (!std::filesystem::is_directory(options.folder))
    throw Error("'" + options.folder +
                "' is no folder: name that of the weights that '" +
                options.image + "' was imported from");
  std::vector<encode::SourceFile> files = manifest.sources;
  for (encode::SourceFile &file : files)
    file.path = (std::filesystem::path(options.folder) / file.path).string();
  return encode::WeightSources(std::move(files));
}

static std::string describe(const encode::Difference &difference,
                            const Tensor &tensor, const std::string &folder) {
  char bytes[2][8];
  std::snprintf(bytes[0], sizeof bytes[0], "0x%02x",
                std::to_integer<unsigned>(difference.stored));
  std::snprintf(bytes[1], sizeof bytes[1], "0x%02x",
                std::to_integer<unsigned>(difference.derived));
  return "byte " + std::to_string(difference.offset) + " of " +
         describe(tensor) + " is " + bytes[0] + ", '" + folder +
         "' stored as " + format::describeStorage(tensor.shape) + " by " +
         std::string(format::name(tensor.method)) + " gives " + bytes[1];
}

void rederive(const RederiveOptions &options, const Output &results) {
  const auto image =
      runtime::Image::open(options.image, /*fullCheck=*/false, options.threads);
  const Manifest &manifest = image->manifest();
  checkRecord(options.image, manifest);
  const auto statistics = openStatistics(options, manifest);
  const encode::WeightSources sources = openSources(options, manifest);
  const Derivable derivable = derivableOf(manifest, statistics != nullptr);
  ThreadPool pool(options.threads);
  const auto difference =
      encode::findDifference(derivable.tensors, derivable.refs, sources,
                             image->weights(), pool, statistics.get());
  if (difference)
    throw Error("'" + options.image + "': " +
                describe(*difference, derivable.tensors[difference->tensor],
                         options.folder));
  std::string text = std::to_string(derivable.tensors.size()) + " of " +
                     std::to_string(manifest.tensors.size()) + " tensors, " +
                     std::to_string(derivable.bytes) +
                     " bytes: what the source and the recipe (" +
                     manifest.selection + ") give\n";
  for (const std::string &name : derivable.others)
    text += "not derivable: " + name + "\n";
  results.write(text);
  if (!derivable.others.empty())
    throw Error("'" + options.image + "': " + derivable.others.front() +
                " is not derivable without the statistics that it was "
                "calibrated by: --statistics=FILE, whose SHA-256 is " +
                manifest.statistics);
}

} // namespace qzc::pipeline
