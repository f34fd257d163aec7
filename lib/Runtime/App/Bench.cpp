//===- Bench.cpp - --bench: speed, memory, load time ----------------------===//

#include "Json.h"
#include "qzc/Evaluate/Statistics.h"
#include "qzc/Support/Error.h"
#include "qzc/Support/ThreadPool.h"

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <functional>

namespace qzc::runtime {

namespace {

constexpr int64_t kDefaultPrompt = 512;
constexpr int64_t kDefaultCount = 128;
constexpr double kMegabyte = 1e6;

/// Tokens a second of each of `repetitions` runs, after one that does not
/// count.
std::vector<double> measure(int64_t tokens, int64_t repetitions,
                            const std::function<void()> &prepare,
                            const std::function<void()> &work) {
  std::vector<double> speeds;
  for (int64_t i = -1; i < repetitions; ++i) {
    prepare();
    Stopwatch watch;
    work();
    if (i >= 0)
      speeds.push_back(static_cast<double>(tokens) / watch.seconds());
  }
  return speeds;
}

/// Token ids without pattern, the same in every run.
std::vector<int32_t> someTokens(int64_t count, int64_t vocab) {
  std::vector<int32_t> out;
  out.reserve(static_cast<size_t>(count));
  std::mt19937_64 random(0);
  for (int64_t i = 0; i < count; ++i)
    out.push_back(
        static_cast<int32_t>(random() % static_cast<uint64_t>(vocab)));
  return out;
}

/// VmHWM: unlike getrusage, it knows nothing of the process that started this
/// one.
double peakResidentBytes() {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;)
    if (double kibibytes = 0; word == "VmHWM:" && status >> kibibytes)
      return kibibytes * 1024;
  throw Error("cannot read the peak memory use from /proc/self/status");
}

std::string toText(const Json &json) {
  std::string out;
  char line[160];
  auto speed = [&](const char *what) {
    std::string name = what;
    if (!json.contains(name + "_tok_s"))
      return;
    std::snprintf(line, sizeof line,
                  "%-8s%10.1f ± %.1f tokens/s (%lld tokens)\n", what,
                  json[name + "_tok_s"].get<double>(),
                  json[name + "_tok_s_sd"].get<double>(),
                  json[name + "_tokens"].get<long long>());
    out += line;
  };
  speed("prefill");
  speed("decode");
  std::snprintf(line, sizeof line,
                "load    %10.3f s\nmemory  %10.1f MB resident at most, %.1f MB "
                "on the GPU, weights %.1f MB\n",
                json["load_seconds"].get<double>(),
                json["rss_peak_mb"].get<double>(), json["gpu_mb"].get<double>(),
                json["weights_mb"].get<double>());
  out += line;
  return out + "device  " + json["device"].get<std::string>() + "\n";
}

} // namespace

void bench(const Session &session) {
  const Options &options = session.options();
  const format::ModelInfo &model = session.model();
  int64_t limit = session.contextOr(model.context);
  int64_t prompt =
      options.promptTokens.value_or(std::min(kDefaultPrompt, limit));
  int64_t count = options.count.value_or(std::min(kDefaultCount, limit));
  int64_t needed = std::max(prompt, count);
  if (needed == 0)
    throw usageError("--bench with -p 0 and -n 0 measures nothing");
  if (needed > limit)
    throw Error("--bench of " + std::to_string(needed) +
                " tokens does not fit a context of " + std::to_string(limit));
  auto engine = session.createEngine(options.context.value_or(needed));
  double loadSeconds = session.sinceStart().seconds();

  Json json;
  std::vector<int32_t> tokens = someTokens(needed, model.vocab);
  std::vector<float> logits(static_cast<size_t>(model.vocab));
  auto reset = [&] { engine->reset(); };
  auto add = [&](const std::string &what, int64_t amount,
                 const std::vector<double> &speeds) {
    evaluate::Spread spread = evaluate::spreadOf(speeds);
    json[what + "_tokens"] = amount;
    json[what + "_tok_s"] = spread.mean;
    json[what + "_tok_s_sd"] = spread.deviation;
    json[what + "_tok_s_runs"] = speeds;
  };
  if (prompt > 0)
    add("prefill", prompt, measure(prompt, options.repetitions, reset, [&] {
          engine->prefill(tokens.data(), prompt, logits.data());
        }));
  if (count > 0)
    add("decode", count, measure(count, options.repetitions, reset, [&] {
          engine->decodeMany(tokens[0], count);
        }));
  json["repetitions"] = options.repetitions;
  json["load_seconds"] = loadSeconds;
  MemoryUse memory = engine->memoryUse();
  json["rss_peak_mb"] = peakResidentBytes() / kMegabyte;
  json["gpu_mb"] = static_cast<double>(memory.deviceBytes) / kMegabyte;
  json["weights_mb"] = static_cast<double>(memory.weightBytes) / kMegabyte;
  json["cache_mb"] = static_cast<double>(memory.cacheBytes) / kMegabyte;
  json["workspace_mb"] = static_cast<double>(memory.workspaceBytes) / kMegabyte;
  json["file_mb"] =
      static_cast<double>(session.image().fileBytes()) / kMegabyte;
  json["threads"] = options.threads > 0 ? options.threads : availableThreads();
  addSetting(json, session, *engine);
  session.output().write(options.json ? json.dump(2) + "\n" : toText(json));
}

} // namespace qzc::runtime
