//===- Inspect.cpp - --info, --verify, --extract, --tokenize --------------===//

#include "Json.h"
#include "qzc/Format/Extract.h"
#include "qzc/Support/Error.h"

#include <cstdio>
#include <map>

namespace qzc::runtime {

namespace {

std::string megabytes(uint64_t bytes) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f MB", static_cast<double>(bytes) / 1e6);
  return text;
}

/// "sm_90a", "compute_80 (PTX)".
std::string codeName(const DeviceCode &code) {
  std::string number = std::to_string(code.arch);
  if (code.ptx)
    return "compute_" + number + " (PTX)";
  return "sm_" + number + (code.specific ? "a" : "");
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

struct SchemeUse {
  int64_t tensors = 0;
  uint64_t bytes = 0;
};

std::string storedAs(const format::PackedShape &shape) {
  std::string text(format::name(shape.scheme));
  if (shape.scheme == format::Scheme::None)
    return text + " (" + std::string(format::name(shape.dtype)) + ")";
  return text;
}

std::string describe(const Image &image) {
  const format::Manifest &manifest = image.manifest();
  const format::ModelInfo &model = manifest.model;
  std::map<std::string, SchemeUse> schemes;
  for (const format::Tensor &tensor : manifest.tensors) {
    SchemeUse &use = schemes[storedAs(tensor.shape)];
    ++use.tensors;
    use.bytes += format::storedBytes(tensor.shape);
  }
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
  for (const auto &[name, use] : schemes)
    line("  " + name,
         std::to_string(use.tensors) + " tensors, " + megabytes(use.bytes));
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
  json["file_bytes"] = image.fileBytes();
  json["gpu_code"] = Json::array();
  for (const DeviceCode &code : image.deviceCode())
    json["gpu_code"].push_back(codeName(code));
  session.output().write(json.dump(2) + "\n");
}

void verifyImage(const Session &session) {
  // Opening checked every section; a difference would have been an error.
  session.output().write("verified: " + megabytes(session.image().fileBytes()) +
                         ", every section has its SHA-256\n");
}

void extract(const Session &session) {
  const Image &image = session.image();
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
