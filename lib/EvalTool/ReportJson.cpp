//===- ReportJson.cpp - The JSON of an evaluation -------------------------===//

#include "Report.h"

namespace qzc::evaltool {

Json jsonOf(const Machine &machine) {
  Json json;
  json["cpu"] = machine.cpu;
  json["threads"] = machine.threads;
  json["memory_bytes"] = machine.memoryBytes;
  json["system"] = machine.system;
  json["gpus"] = machine.gpus;
  json["driver"] = machine.driver;
  return json;
}

void addEstimate(Json &json, const std::string &name,
                 const evaluate::Estimate &estimate) {
  json[name] = estimate.value;
  json[name + "_error"] = estimate.error;
}

std::string textOf(const Json &json) {
  // Paths need not be UTF-8.
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

namespace {

Json jsonOf(const std::vector<WeightError> &errors) {
  Json json = Json::array();
  for (const WeightError &error : errors)
    json.push_back({{"name", error.name},
                    {"role", error.role},
                    {"block", error.block},
                    {"storage", error.storage},
                    {"elements", error.elements},
                    {"squares", error.squares},
                    {"squared_errors", error.squaredErrors},
                    {"largest_error", error.largest}});
  return json;
}

Json jsonOf(const Conditions &conditions, const std::vector<Measured> &images) {
  Json json;
  json["commit"] = conditions.commit;
  json["machine"] = jsonOf(conditions.machine);
  json["device"] = conditions.device;
  json["devices_used"] = devicesOf(images);
  json["threads"] =
      conditions.threads > 0 ? Json(conditions.threads) : Json("auto");
  json["prefill_tokens"] = conditions.promptTokens;
  json["decode_tokens"] = conditions.count;
  if (conditions.depth > 0)
    json["depth"] = conditions.depth;
  if (conditions.batch > 1)
    json["batch"] = conditions.batch;
  json["repetitions"] = conditions.repetitions;
  if (const auto &scoring = conditions.scoring) {
    const evaluate::ProtocolOptions &protocol = scoring->protocol;
    json["text"] = scoring->text;
    json["text_bytes"] = scoring->textBytes;
    json["text_sha256"] = scoring->textSha256;
    json["protocol"] = evaluate::name(protocol.protocol);
    json["context"] = protocol.context;
    if (protocol.protocol == evaluate::Protocol::Stride)
      json["stride"] = protocol.stride;
    if (protocol.maxWindows > 0)
      json["max_windows"] = protocol.maxWindows;
    if (protocol.protocol != evaluate::Protocol::LlamaCpp)
      json["bos"] = evaluate::name(protocol.bos);
    if (!scoring->base.empty())
      json["base"] = scoring->base;
  }
  return json;
}

Json jsonOf(const evaluate::Comparison &comparison) {
  Json json;
  auto add = [&](const char *name, const evaluate::Estimate &estimate) {
    addEstimate(json, name, estimate);
  };
  json["tokens"] = comparison.tokens;
  add("perplexity", comparison.perplexity);
  add("base_perplexity", comparison.basePerplexity);
  add("perplexity_difference", comparison.difference);
  add("perplexity_ratio", comparison.ratio);
  add("log_perplexity_ratio", comparison.logRatio);
  json["correlation"] = comparison.correlation;
  add("kl_divergence", comparison.divergence);
  json["kl_quantiles"] = Json::array();
  for (const evaluate::Quantile &quantile : comparison.divergenceQuantiles)
    json["kl_quantiles"].push_back({quantile.fraction, quantile.value});
  const evaluate::Histogram &histogram = comparison.divergenceHistogram;
  json["kl_histogram"] = {{"edges", histogram.edges},
                          {"counts", histogram.counts},
                          {"below", histogram.below},
                          {"above", histogram.above}};
  add("same_top", comparison.sameTop);
  add("mean_change", comparison.meanChange);
  add("rms_change", comparison.rmsChange);
  return json;
}

} // namespace

std::string formatJson(const std::vector<Measured> &images,
                       const Conditions &conditions) {
  Json json;
  json["version"] = 1;
  json["conditions"] = jsonOf(conditions, images);
  json["executables"] = Json::array();
  for (const Measured &image : images) {
    Json entry;
    entry["file"] = image.file;
    entry["info"] = image.info;
    entry["info"].erase("tensors");
    if (!image.bench.is_null())
      entry["bench"] = image.bench;
    if (!image.score.is_null())
      entry["score"] = image.score;
    if (image.comparison)
      entry["comparison"] = jsonOf(*image.comparison);
    if (!image.weightErrors.empty())
      entry["weight_errors"] = jsonOf(image.weightErrors);
    if (!image.error.empty())
      entry["error"] = image.error;
    json["executables"].push_back(std::move(entry));
  }
  return textOf(json);
}

} // namespace qzc::evaltool
