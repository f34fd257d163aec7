//===- Bench.cpp - --bench: speed, memory, load time ----------------------===//

#include "Json.h"
#include "Traffic.h"
#include "qzc/Evaluate/Statistics.h"
#include "qzc/Runtime/Sequence.h"
#include "qzc/Support/Error.h"
#include "qzc/Support/ThreadPool.h"

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <fstream>
#include <functional>
#include <memory>

namespace qzc::runtime {

namespace {

constexpr int64_t kDefaultPrompt = 512;
constexpr int64_t kDefaultCount = 128;
constexpr double kMegabyte = 1e6;
constexpr double kGigabyte = 1e9;

/// Energy is read over so many steps of its meter: the reading is off by one of
/// them at most.
constexpr double kMeterSteps = 20;

/// Seconds of each of `repetitions` runs after one that does not count, and
/// what a run takes of the device's energy, where it tells.
struct Runs {
  std::vector<double> seconds;
  std::optional<double> joules;
};
Runs measure(Engine &engine, int64_t repetitions,
             const std::function<void()> &prepare,
             const std::function<void()> &work) {
  Runs runs;
  prepare();
  work();
  const std::optional<double> before = engine.joules();
  const Stopwatch metered;
  int64_t count = 0;
  for (; count < repetitions; ++count) {
    prepare();
    Stopwatch watch;
    work();
    runs.seconds.push_back(watch.seconds());
  }
  // Short runs go on for the meter alone.
  const double enough = kMeterSteps * engine.meterSeconds();
  for (; before && metered.seconds() < enough; ++count) {
    prepare();
    work();
  }
  if (const auto after = engine.joules(); before && after && *after > *before)
    runs.joules = (*after - *before) / static_cast<double>(count);
  return runs;
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

/// What is timed: of each of `batch` sequences `prompt` tokens at once and
/// `count` one by one, each after `depth` tokens that are not.
struct Work {
  int64_t prompt = 0;
  int64_t count = 0;
  int64_t depth = 0;
  int64_t batch = 1;

  int64_t positions() const { return depth + std::max(prompt, count); }
};

/// As llama-bench names its tests: "pp512 @ d4096"; "tg128 b8" for a batch.
std::string testName(const char *phase, int64_t tokens, const Work &work) {
  std::string name = phase + std::to_string(tokens);
  if (work.batch > 1)
    name += " b" + std::to_string(work.batch);
  return work.depth > 0 ? name + " @ d" + std::to_string(work.depth) : name;
}

/// Sequences that do all the same.
class Sequences {
public:
  Sequences(Engine &engine, int64_t count) : Model(engine) {
    for (int64_t i = 0; i != count; ++i)
      All.push_back(std::make_unique<Sequence>(engine));
  }

  void rewind(int64_t position) {
    for (auto &sequence : All)
      sequence->rewind(position);
  }
  /// If lastLogits is not null it receives those of each, [count, vocab].
  void prefill(const int32_t *tokens, int64_t count, float *lastLogits,
               int64_t vocab) {
    std::vector<Piece> batch;
    for (auto &sequence : All) {
      Piece piece = sequence->piece(tokens, count);
      piece.firstRow = lastLogits ? count - 1 : count;
      if (lastLogits)
        piece.logits = lastLogits + vocab * static_cast<int64_t>(batch.size());
      batch.push_back(piece);
    }
    if (count > 0)
      Model.run(batch);
    advance(count);
  }
  void decodeMany(int32_t token, int64_t count) {
    Model.decodeMany(steps(std::vector<int32_t>(All.size(), token)), count);
    advance(count);
  }
  /// `tokens` become those that are chosen; `ahead` as the engine's.
  void decodeGreedy(std::vector<int32_t> &tokens, bool ahead) {
    Model.decodeGreedy(steps(tokens), ahead, tokens.data());
    advance(1);
  }

private:
  std::vector<Step> steps(const std::vector<int32_t> &tokens) const {
    std::vector<Step> steps;
    for (size_t i = 0; i != All.size(); ++i)
      steps.push_back(All[i]->step(tokens[i]));
    return steps;
  }
  void advance(int64_t count) {
    for (auto &sequence : All)
      sequence->advance(count);
  }

  Engine &Model;
  std::vector<std::unique_ptr<Sequence>> All;
};

/// What a phase of `tokens` tokens a run came to.
void addPhase(Json &json, const std::string &what, const std::string &test,
              int64_t tokens, const Runs &runs) {
  std::vector<double> speeds;
  for (double seconds : runs.seconds)
    speeds.push_back(static_cast<double>(tokens) / seconds);
  const evaluate::Spread speed = evaluate::spreadOf(speeds);
  const evaluate::Spread seconds = evaluate::spreadOf(runs.seconds);
  json[what + "_test"] = test;
  json[what + "_tokens"] = tokens;
  json[what + "_tok_s"] = speed.mean;
  json[what + "_tok_s_sd"] = speed.deviation;
  json[what + "_tok_s_runs"] = speeds;
  json[what + "_seconds"] = seconds.mean;
  json[what + "_seconds_sd"] = seconds.deviation;
  if (runs.joules)
    json[what + "_joules_per_token"] =
        *runs.joules / static_cast<double>(tokens);
}

/// Milliseconds from token to token, by the host's clock: each is waited for,
/// as by somebody who reads along.
std::vector<double> tokenTimes(Sequences &texts, std::vector<int32_t> tokens,
                               int64_t count) {
  std::vector<double> times;
  for (int64_t i = 0; i < count; ++i) {
    Stopwatch watch;
    texts.decodeGreedy(tokens, /*ahead=*/i + 1 < count);
    times.push_back(1000 * watch.seconds());
  }
  return times;
}

void addTokenTimes(Json &json, std::vector<double> times) {
  std::sort(times.begin(), times.end());
  json["token_ms"] = {
      {"p50", evaluate::quantileOf(times, 0.5)},
      {"p90", evaluate::quantileOf(times, 0.9)},
      {"p99", evaluate::quantileOf(times, 0.99)},
      {"max", times.back()},
  };
}

/// How near decoding comes to what memory streams.
void addStreaming(Json &json, const Session &session, Engine &engine,
                  const Work &work) {
  const double limit = engine.streamingRate();
  if (limit <= 0)
    return;
  json["stream_gb_s"] = limit / kGigabyte;
  if (work.count == 0)
    return;
  // Its own among them, a decoded token sees these many positions on average.
  const double positions =
      static_cast<double>(work.depth) + static_cast<double>(work.count + 1) / 2;
  const double bytes = decodeBytes(session.image().manifest(), positions,
                                   engine.options().cache, work.batch) /
                       static_cast<double>(work.batch);
  const double rate = bytes * json["decode_tok_s"].get<double>();
  json["decode_bytes_per_token"] = bytes;
  json["decode_gb_s"] = rate / kGigabyte;
  json["decode_stream_percent"] = 100 * rate / limit;
}

std::string printed(const char *format, ...)
    __attribute__((format(printf, 1, 2)));
std::string printed(const char *format, ...) {
  char line[256];
  va_list values;
  va_start(values, format);
  std::vsnprintf(line, sizeof line, format, values);
  va_end(values);
  return line;
}

std::string toText(const Json &json) {
  const auto number = [&](const std::string &key) {
    return json.at(key).get<double>();
  };
  std::string out;
  for (const std::string phase : {"prefill", "decode"}) {
    if (!json.contains(phase + "_test"))
      continue;
    out += printed("%-14s %9.1f ± %.1f tokens/s",
                   json[phase + "_test"].get<std::string>().c_str(),
                   number(phase + "_tok_s"), number(phase + "_tok_s_sd"));
    if (json.contains(phase + "_joules_per_token"))
      out += printed(", %.4f J a token", number(phase + "_joules_per_token"));
    out += "\n";
  }
  if (json.contains("first_token_ms"))
    out += printed("first token    %9.1f ± %.1f ms\n", number("first_token_ms"),
                   number("first_token_ms_sd"));
  if (json.contains("step_ms") && json["batch"].get<int64_t>() > 1)
    out += printed("a step         %9.3f ± %.3f ms for %lld tokens\n",
                   number("step_ms"), number("step_ms_sd"),
                   static_cast<long long>(json["batch"].get<int64_t>()));
  if (json.contains("token_ms")) {
    const Json &times = json["token_ms"];
    out += printed("a token        %9.2f ms median, %.2f 90%%, %.2f 99%%, %.2f "
                   "at most\n",
                   times["p50"].get<double>(), times["p90"].get<double>(),
                   times["p99"].get<double>(), times["max"].get<double>());
  }
  if (json.contains("sample_seconds"))
    out += printed("a sample       %9.3f s (prompt and tokens)\n",
                   number("sample_seconds"));
  if (json.contains("decode_gb_s"))
    out += printed("reads          %9.1f GB/s, %.0f%% of the %.1f that memory "
                   "streams\n",
                   number("decode_gb_s"), number("decode_stream_percent"),
                   number("stream_gb_s"));
  out += printed("load           %9.3f s\n", number("load_seconds"));
  out +=
      printed("memory         %9.1f MB resident at most, %.1f MB on the GPU; "
              "weights %.1f MB, KV cache %.1f, workspace %.1f\n",
              number("rss_peak_mb"), number("gpu_mb"), number("weights_mb"),
              number("cache_mb"), number("workspace_mb"));
  return out + "device         " + json["device"].get<std::string>() + "\n";
}

void addMemory(Json &json, const Session &session, const Engine &engine) {
  const MemoryUse memory = engine.memoryUse();
  const auto megabytes = [](uint64_t bytes) {
    return static_cast<double>(bytes) / kMegabyte;
  };
  json["rss_peak_mb"] = peakResidentBytes() / kMegabyte;
  json["gpu_mb"] = megabytes(memory.deviceBytes);
  json["weights_mb"] = megabytes(memory.weightBytes);
  json["cache_mb"] = megabytes(memory.cacheBytes);
  json["workspace_mb"] = megabytes(memory.workspaceBytes);
  json["file_mb"] = megabytes(session.image().fileBytes());
}

Work workOf(const Session &session) {
  const Options &options = session.options();
  const int64_t limit = session.contextOr(session.model().context);
  Work work;
  work.depth = options.depth;
  work.batch = options.batch;
  const int64_t room = std::max<int64_t>(limit - work.depth, 0);
  work.prompt = options.promptTokens.value_or(std::min(kDefaultPrompt, room));
  work.count = options.count.value_or(std::min(kDefaultCount, room));
  if (work.positions() > limit || room == 0)
    throw Error("--bench of " +
                std::to_string(std::max<int64_t>(work.positions(), limit + 1)) +
                " tokens does not fit a context of " + std::to_string(limit));
  if (work.prompt == 0 && work.count == 0)
    throw usageError("--bench with -p 0 and -n 0 measures nothing");
  return work;
}

} // namespace

void bench(const Session &session) {
  const Options &options = session.options();
  const Work work = workOf(session);
  auto engine = session.createEngine(options.context.value_or(work.positions()),
                                     work.batch);
  Json json;
  json["load_seconds"] = session.sinceStart().seconds();

  const int64_t vocab = session.model().vocab;
  const std::vector<int32_t> tokens = someTokens(work.positions(), vocab);
  const int32_t *begin = tokens.data() + work.depth;
  std::vector<float> logits(static_cast<size_t>(vocab * work.batch));
  Sequences texts(*engine, work.batch);
  texts.prefill(tokens.data(), work.depth, nullptr, vocab);
  const auto prepare = [&] { texts.rewind(work.depth); };
  json["batch"] = work.batch;
  json["depth"] = work.depth;
  json["repetitions"] = options.repetitions;
  if (work.prompt > 0) {
    const Runs runs = measure(*engine, options.repetitions, prepare, [&] {
      texts.prefill(begin, work.prompt, logits.data(), vocab);
    });
    addPhase(json, "prefill", testName("pp", work.prompt, work),
             work.prompt * work.batch, runs);
    // At the end of a prompt its first token is known.
    json["first_token_ms"] = 1000 * json["prefill_seconds"].get<double>();
    json["first_token_ms_sd"] = 1000 * json["prefill_seconds_sd"].get<double>();
  }
  if (work.count > 0) {
    const Runs runs = measure(*engine, options.repetitions, prepare,
                              [&] { texts.decodeMany(begin[0], work.count); });
    addPhase(json, "decode", testName("tg", work.count, work),
             work.count * work.batch, runs);
    // A token of each sequence.
    const auto steps = static_cast<double>(work.count);
    json["step_ms"] = 1000 * json["decode_seconds"].get<double>() / steps;
    json["step_ms_sd"] = 1000 * json["decode_seconds_sd"].get<double>() / steps;
    prepare();
    const std::vector<int32_t> first(static_cast<size_t>(work.batch), begin[0]);
    addTokenTimes(json, tokenTimes(texts, first, work.count));
  }
  if (work.prompt > 0 && work.count > 0)
    json["sample_seconds"] = json["prefill_seconds"].get<double>() +
                             json["decode_seconds"].get<double>();
  addMemory(json, session, *engine);
  addStreaming(json, session, *engine, work);
  json["threads"] = options.threads > 0 ? options.threads : availableThreads();
  addSetting(json, session, *engine);
  session.output().write(options.json ? json.dump(2) + "\n" : toText(json));
}

} // namespace qzc::runtime
