//===- Inspect.cpp - --info, --verify, --extract, --tokenize --------------===//

#include "Json.h"
#include "qzc/Format/Extract.h"
#include "qzc/Format/Footprint.h"
#include "qzc/Support/Error.h"

#include <algorithm>
#include <cstdio>

namespace qzc::runtime {

namespace {

std::string megabytes(uint64_t bytes) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f MB", static_cast<double>(bytes) / 1e6);
  return text;
}

const char *weightsName(format::WeightsMode mode) {
  switch (mode) {
  case format::WeightsMode::Embedded:
    return "embedded";
  case format::WeightsMode::External:
    return "external";
  case format::WeightsMode::Synthetic:
    return "synthetic";
  }
  return "";
}

struct StorageUse {
  std::string name; ///< as format::describeStorage
  bool quantized = false;
  int64_t tensors = 0;
  uint64_t bytes = 0;
};

/// What is stored how, quantized weights first, each group by name.
std::vector<StorageUse> storageUses(const format::Manifest &manifest) {
  std::vector<StorageUse> uses;
  for (const format::Tensor &tensor : manifest.tensors) {
    std::string name = format::describeStorage(tensor.shape);
    auto use = std::find_if(uses.begin(), uses.end(), [&](const auto &other) {
      return other.name == name;
    });
    if (use == uses.end())
      use = uses.insert(
          use, {name, tensor.shape.scheme != format::Scheme::None, 0, 0});
    ++use->tensors;
    use->bytes += format::storedBytes(tensor.shape);
  }
  std::sort(uses.begin(), uses.end(), [](const auto &a, const auto &b) {
    return std::pair(!a.quantized, a.name) < std::pair(!b.quantized, b.name);
  });
  return uses;
}

std::string describe(const Image &image) {
  const format::Manifest &manifest = image.manifest();
  const format::ModelInfo &model = manifest.model;
  std::string out;
  auto line = [&](const std::string &what, const std::string &value) {
    out += what + std::string(what.size() < 12 ? 12 - what.size() : 1, ' ') +
           value + "\n";
  };
  line("model", model.name + " (" + model.family + ", " +
                    std::to_string(model.layers) + " layers, hidden " +
                    std::to_string(model.hidden) + ", vocabulary " +
                    std::to_string(model.vocab) + ", context " +
                    std::to_string(model.context) + ")");
  line("selection", manifest.selection);
  line("weights",
       megabytes(manifest.weightsBytes) + ", " +
           weightsName(manifest.weightsMode) +
           (manifest.weightsFile.empty() ? "" : " in " + manifest.weightsFile));
  for (const StorageUse &use : storageUses(manifest))
    line("  " + use.name,
         std::to_string(use.tensors) + " tensors, " + megabytes(use.bytes));
  format::Footprint before = format::sourceFootprint(manifest);
  format::Footprint after = format::storedFootprint(manifest);
  line("memory", "packed " + megabytes(after.packed) + " (imported " +
                     megabytes(before.packed) + "), hf-footprint " +
                     megabytes(after.hfFootprint) + ", with buffers " +
                     megabytes(after.hfFootprintWithBuffers()));
  std::string codes;
  for (const DeviceCode &code : image.deviceCode())
    codes += (codes.empty() ? "" : ", ") + codeName(code);
  line("gpu code", codes.empty() ? "none" : codes);
  line("file", megabytes(image.fileBytes()));
  line("made by",
       manifest.producer + (manifest.nvrtcVersion.empty()
                                ? ""
                                : ", NVRTC " + manifest.nvrtcVersion));
  return out;
}

Json toJson(const format::Footprint &footprint) {
  return {{"packed_bytes", footprint.packed},
          {"hf_footprint_bytes", footprint.hfFootprint},
          {"hf_footprint_buffers_bytes", footprint.hfFootprintWithBuffers()}};
}

} // namespace

void info(const Session &session) {
  const Image &image = session.image();
  if (!session.options().json) {
    session.output().write(describe(image));
    return;
  }
  Json json = Json::parse(format::toJson(image.manifest()));
  // The lowering is for machines, and many times the rest.
  json.erase("plan");
  json.erase("cuda");
  json["stored_as"] = Json::array();
  for (const StorageUse &use : storageUses(image.manifest()))
    json["stored_as"].push_back({{"storage", use.name},
                                 {"quantized", use.quantized},
                                 {"tensors", use.tensors},
                                 {"bytes", use.bytes}});
  json["memory"] = {
      {"imported", toJson(format::sourceFootprint(image.manifest()))},
      {"stored", toJson(format::storedFootprint(image.manifest()))}};
  json["components"] = Json::array();
  for (const format::ComponentUse &use :
       format::componentUses(image.manifest()))
    json["components"].push_back({{"component", use.component},
                                  {"imported_bytes", use.imported},
                                  {"stored_bytes", use.stored}});
  json["file_bytes"] = image.fileBytes();
  json["gpu_code"] = Json::array();
  for (const DeviceCode &code : image.deviceCode())
    json["gpu_code"].push_back(codeName(code));
  session.output().write(json.dump(2) + "\n");
}

void verifyImage(const Session &session) {
  // Opening checked every byte; a difference would have been an error.
  const format::Manifest &manifest = session.image().manifest();
  std::string what = megabytes(session.image().fileBytes());
  if (manifest.weightsMode == format::WeightsMode::External)
    what += " and " + megabytes(manifest.weightsBytes) + " of weights in '" +
            manifest.weightsFile + "'";
  session.output().write("verified: " + what + ", every byte by its SHA-256\n");
}

void extract(const Session &session) {
  const Image &image = session.image();
  session.checkOutput("--extract", session.options().outputFile);
  format::extractDecoded(
      image.manifest(), [&](int64_t index) { return image.tensor(index); },
      session.options().outputFile);
}

void tokenizeText(const Session &session) {
  std::string text = readText(session.options().textFile);
  std::vector<int32_t> ids =
      session.readTokenizer().encode(text, /*addSpecial=*/false);
  session.output().write(nlohmann::json(ids).dump() + "\n");
}

} // namespace qzc::runtime
