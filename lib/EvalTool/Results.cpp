//===- Results.cpp - What executables say of themselves -------------------===//

#include "Results.h"

#include "qzc/Support/Error.h"

#include <cmath>

namespace qzc::evaltool {

namespace {

/// An object of an executable's JSON, which may be of any version and shape.
class Object {
public:
  explicit Object(const Json &json) : Values(json) {
    if (!json.is_object())
      throw Error("it is not a JSON object");
  }

  bool has(const char *key) const { return Values.contains(key); }
  double number(const char *key) const {
    const Json &value = at(key, "number");
    if (!value.is_number() || !std::isfinite(value.get<double>()))
      missing(key, "number");
    return value.get<double>();
  }
  int64_t integer(const char *key) const {
    const Json &value = at(key, "integer");
    if (!value.is_number_integer())
      missing(key, "integer");
    return value.get<int64_t>();
  }
  uint64_t bytes(const char *key) const {
    int64_t value = integer(key);
    if (value < 0)
      missing(key, "size");
    return static_cast<uint64_t>(value);
  }
  std::string text(const char *key) const {
    const Json &value = at(key, "text");
    if (!value.is_string())
      missing(key, "text");
    return value.get<std::string>();
  }
  Object object(const char *key) const {
    const Json &value = at(key, "object");
    if (!value.is_object())
      missing(key, "object");
    return Object(value);
  }
  const Json &list(const char *key) const {
    const Json &value = at(key, "list");
    if (!value.is_array())
      missing(key, "list");
    return value;
  }

private:
  [[noreturn]] static void missing(const std::string &key,
                                   const std::string &kind) {
    throw Error("it has no " + kind + " '" + key +
                "'; was it made by another version of qzc?");
  }
  const Json &at(const char *key, const char *kind) const {
    auto found = Values.find(key);
    if (found == Values.end())
      missing(key, kind);
    return *found;
  }

  const Json &Values;
};

std::optional<evaluate::Spread> readSpread(const Object &bench,
                                           const std::string &phase) {
  std::string mean = phase + "_tok_s";
  std::string deviation = mean + "_sd";
  if (!bench.has(mean.c_str()))
    return std::nullopt;
  return evaluate::Spread{bench.number(mean.c_str()),
                          bench.number(deviation.c_str())};
}

} // namespace

Facts readFacts(const Json &json) {
  Object info(json);
  Object model = info.object("model");
  Object memory = info.object("memory");
  Facts facts;
  facts.model = model.text("name");
  facts.positions = model.integer("context");
  if (facts.positions < 1)
    throw Error("its model has no positions");
  if (model.has("bos"))
    facts.bos = static_cast<int32_t>(model.integer("bos"));
  facts.selection = info.text("selection");
  for (const Json &use : info.list("stored_as"))
    facts.scheme +=
        (facts.scheme.empty() ? "" : " + ") + Object(use).text("storage");
  facts.fileBytes = info.bytes("file_bytes");
  facts.importedBytes = memory.object("imported").bytes("packed_bytes");
  facts.storedBytes = memory.object("stored").bytes("packed_bytes");
  return facts;
}

Speed readSpeed(const Json &json) {
  Object bench(json);
  Speed speed;
  speed.prefill = readSpread(bench, "prefill");
  speed.decode = readSpread(bench, "decode");
  speed.loadSeconds = bench.number("load_seconds");
  speed.peakRssMb = bench.number("rss_peak_mb");
  speed.gpuMb = bench.number("gpu_mb");
  speed.device = bench.text("device");
  return speed;
}

Perplexity readPerplexity(const Json &json, const Scoring &asked) {
  Object score(json);
  const evaluate::ProtocolOptions &protocol = asked.protocol;
  auto same = [](const std::string &what, const std::string &got,
                 const std::string &wanted) {
    if (got != wanted)
      throw Error("it scored " + what + " " + got + " where " + wanted +
                  " was asked for: the results cannot be compared");
  };
  same("a text with SHA-256", score.text("text_sha256"), asked.textSha256);
  same("by protocol", score.text("protocol"),
       std::string(evaluate::name(protocol.protocol)));
  same("with a context of", std::to_string(score.integer("context")),
       std::to_string(protocol.context));
  if (protocol.protocol == evaluate::Protocol::Stride)
    same("with a stride of", std::to_string(score.integer("stride")),
         std::to_string(protocol.stride));
  // llama.cpp's protocol takes BOS from the model's tokenizer.
  if (protocol.protocol != evaluate::Protocol::LlamaCpp)
    same("with BOS", score.text("bos"),
         std::string(evaluate::name(protocol.bos)));
  Perplexity perplexity;
  perplexity.value = score.number("perplexity");
  perplexity.error = score.number("perplexity_error");
  if (protocol.protocol == evaluate::Protocol::Lines)
    perplexity.meanOfLines = score.number("mean_line_perplexity");
  perplexity.tokensScored = score.integer("tokens_scored");
  perplexity.bitsPerByte = {score.number("bits_per_byte"),
                            score.number("bits_per_byte_error")};
  return perplexity;
}

} // namespace qzc::evaltool
