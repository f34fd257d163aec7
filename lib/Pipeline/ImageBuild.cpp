//===- ImageBuild.cpp - Encode the weights and pack the image -------------===//

#include "ImageBuild.h"

#include <algorithm>
#include <filesystem>

namespace qzc::pipeline {

using format::SectionKind;
using format::WeightsMode;

void ImageBuild::encode(const Sources &sources, format::Manifest &manifest,
                        const encode::SectionWriter &write) {
  encode::WeightSources opened(sources.weights);
  Factors = encode::encodeWeights(manifest.tensors, sources.refs, opened, write,
                                  Pool, Statistics, &Codes);
  recordSources(sources, manifest);
  if (std::any_of(manifest.tensors.begin(), manifest.tensors.end(),
                  [](const format::Tensor &tensor) {
                    return !tensor.calibrated.empty();
                  }))
    manifest.statistics = Statistics->sha256();
}

ImageBuild::ImageBuild(const CompileOptions &options, const Sources &sources,
                       format::Manifest &manifest,
                       const encode::StatisticsFile *statistics,
                       const encode::CodeStore &codes)
    : Options(options), Statistics(statistics), Codes(codes),
      Pool(options.threads), Image(options.output, options.stub) {
  manifest.weightsMode = options.weightsMode;
  manifest.syntheticSeed = options.seed;
  manifest.weightsBytes = encode::assignOffsets(manifest.tensors);
  if (options.weightsMode == WeightsMode::Embedded)
    encodeInside(sources, manifest);
  else if (options.weightsMode == WeightsMode::External)
    encodeBeside(sources, manifest);
}

void ImageBuild::encodeInside(const Sources &sources,
                              format::Manifest &manifest) {
  Section = Image.reserveSection(SectionKind::Weights, manifest.weightsBytes);
  encode(sources, manifest,
         [&](uint64_t offset, const void *data, size_t bytes) {
           Image.write(Section, offset, data, bytes);
         });
}

void ImageBuild::encodeBeside(const Sources &sources,
                              format::Manifest &manifest) {
  manifest.weightsFile =
      std::filesystem::path(Options.weightsFile).filename().string();
  WeightsFile.emplace(Options.weightsFile);
  WeightsFile->reserve(manifest.weightsBytes);
  encode(sources, manifest,
         [&](uint64_t offset, const void *data, size_t bytes) {
           WeightsFile->writeAt(offset, data, bytes);
         });
  Image.addExternal(SectionKind::Weights, manifest.weightsBytes,
                    pack::hashRegion(*WeightsFile, 0, manifest.weightsBytes));
}

std::vector<encode::WeightError>
ImageBuild::measure(const Sources &sources, const format::Manifest &manifest) {
  if (Options.weightsMode == WeightsMode::Synthetic)
    return {};
  const encode::WeightSources opened(sources.weights);
  return encode::measureWeights(
      manifest.tensors, Factors, sources.refs, opened,
      [&](uint64_t offset, void *data, size_t bytes) {
        if (WeightsFile)
          WeightsFile->readAt(offset, data, bytes);
        else
          Image.read(Section, offset, data, bytes);
      },
      Pool, Statistics);
}

void ImageBuild::finish(const format::Manifest &manifest,
                        const std::string &tokenizerJson,
                        const std::vector<GpuCode> &code) {
  format::verify(manifest);
  Image.addSection(SectionKind::Manifest, format::toJson(manifest));
  if (!tokenizerJson.empty())
    Image.addSection(SectionKind::Tokenizer, tokenizerJson);
  for (const GpuCode &one : code)
    Image.addSection(one.arch.ptx ? SectionKind::Ptx : SectionKind::Cubin,
                     one.section, {one.arch.number, one.arch.specific});
  if (WeightsFile)
    WeightsFile->finish();
  Image.finish(Pool);
}

void ImageBuild::publish() {
  if (WeightsFile)
    WeightsFile->publish();
  Image.publish();
}

} // namespace qzc::pipeline
