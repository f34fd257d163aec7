//===- Score.cpp - --score: perplexity of a text --------------------------===//

#include "Json.h"
#include "LogitsScorer.h"
#include "Together.h"
#include "qzc/Runtime/Sequence.h"
#include "qzc/Support/Hash.h"
#include "qzc/Support/Progress.h"

#include <algorithm>
#include <cstdio>

namespace qzc::runtime {

namespace {

/// Windows that one run may score, short ones.
constexpr int64_t kMostTogether = 128;

evaluate::ProtocolOptions protocolOptions(const Session &session) {
  const Options &options = session.options();
  const format::ModelInfo &model = session.model();
  evaluate::ProtocolOptions out;
  out.protocol = options.protocol;
  bool llamaCpp = out.protocol == evaluate::Protocol::LlamaCpp;
  out.context =
      session.contextOr(evaluate::defaultContext(out.protocol, model.context));
  out.stride = options.stride.value_or(evaluate::defaultStride(out.context));
  out.maxWindows = options.maxWindows;
  out.bos = options.bos;
  if (model.bos && (!llamaCpp || model.addBos))
    out.bosId = static_cast<int32_t>(*model.bos);
  return out;
}

/// What the text is to the tokenizer.
struct Encoded {
  int64_t tokens = 0;
  int64_t bytes = 0;
};

struct Scored {
  evaluate::Score score;
  Encoded encoded;
  int64_t tokens;
  int64_t skippedLines;
  /// What scoring alone took; nothing where a reader of logits set the pace.
  std::optional<double> seconds;
};

Json toJson(const Session &session, const evaluate::ProtocolOptions &protocol,
            const Scored &scored, const std::string &text,
            const Engine &engine) {
  const evaluate::Score &score = scored.score;
  Json json;
  json["perplexity"] = score.perplexity;
  json["perplexity_error"] = score.perplexityError;
  json["mean_nll"] = score.meanNll;
  json["mean_nll_error"] = score.meanNllError;
  const evaluate::Estimate bits =
      evaluate::bitsPerByte(score, scored.encoded.tokens, scored.encoded.bytes);
  json["bits_per_byte"] = bits.value;
  json["bits_per_byte_error"] = bits.error;
  if (score.meanLinePerplexity) {
    json["mean_line_perplexity"] = *score.meanLinePerplexity;
    json["skipped_lines"] = scored.skippedLines;
  }
  json["protocol"] = evaluate::name(protocol.protocol);
  json["context"] = protocol.context;
  if (protocol.protocol == evaluate::Protocol::Stride)
    json["stride"] = protocol.stride;
  if (protocol.protocol == evaluate::Protocol::LlamaCpp)
    json["bos"] = protocol.bosId ? "window" : "none";
  else
    json["bos"] = evaluate::name(protocol.bos);
  json["tokens"] = scored.tokens;
  json["tokens_scored"] = score.tokensScored;
  json["windows"] = score.windows;
  json["text_bytes"] = text.size();
  json["text_sha256"] = toHex(sha256(text.data(), text.size()));
  if (scored.seconds) {
    json["seconds"] = *scored.seconds;
    json["tokens_per_second"] =
        static_cast<double>(score.tokensScored) / *scored.seconds;
    json["seconds_per_window"] =
        *scored.seconds / static_cast<double>(score.windows);
  }
  addSetting(json, session, engine);
  return json;
}

std::string toText(const Json &json) {
  char line[256];
  std::snprintf(
      line, sizeof line,
      "perplexity %.4f ± %.4f\n%lld tokens scored in %lld windows",
      json["perplexity"].get<double>(), json["perplexity_error"].get<double>(),
      json["tokens_scored"].get<long long>(), json["windows"].get<long long>());
  std::string out = line;
  std::snprintf(line, sizeof line, ", %.4f ± %.4f bits a byte",
                json["bits_per_byte"].get<double>(),
                json["bits_per_byte_error"].get<double>());
  out += line;
  if (json.contains("tokens_per_second")) {
    std::snprintf(line, sizeof line, ", %.0f tokens/s",
                  json["tokens_per_second"].get<double>());
    out += line;
  }
  out += "\n";
  for (const char *key : {"mean_line_perplexity", "skipped_lines", "protocol",
                          "context", "stride", "bos", "text_sha256", "device"})
    if (json.contains(key))
      out += std::string(key) + " " +
             (json[key].is_string() ? json[key].get<std::string>()
                                    : json[key].dump()) +
             "\n";
  return out;
}

/// What would be run: a window's tokens, and how many at its end are scored;
/// the text's tokens and bytes, for bits a byte.
Json windowsOf(const evaluate::Text &text, const evaluate::Plan &plan,
               const evaluate::ProtocolOptions &protocol,
               const Encoded &encoded) {
  Json windows = Json::array();
  evaluate::score(
      text, plan, protocol, evaluate::ScoreBatch(),
      [&](const std::vector<evaluate::ScoredWindow> &batch) {
        for (const evaluate::ScoredWindow &window : batch) {
          std::vector<int32_t> ids(window.tokens, window.tokens + window.count);
          ids.push_back(window.targets[window.count - 1]);
          windows.push_back(
              {{"tokens", ids}, {"scored", window.count - window.firstScored}});
        }
      },
      {});
  return {{"tokens", encoded.tokens},
          {"bytes", encoded.bytes},
          {"tokens_scored", plan.scored()},
          {"windows", std::move(windows)}};
}

/// Windows in one run, or in several where memory has no room for all.
void scoreTogether(Engine &engine,
                   const std::vector<evaluate::ScoredWindow> &windows) {
  runTogether(0, windows.size(), [&](size_t first, size_t count) {
    std::vector<std::unique_ptr<Sequence>> sequences;
    std::vector<Piece> batch;
    for (size_t i = first; i != first + count; ++i) {
      const evaluate::ScoredWindow &window = windows[i];
      sequences.push_back(std::make_unique<Sequence>(engine));
      Piece piece = sequences.back()->piece(window.tokens, window.count);
      piece.firstRow = window.firstScored;
      piece.losses = window.losses;
      piece.targets = window.targets;
      batch.push_back(piece);
    }
    engine.run(batch);
  });
}

} // namespace

void scoreText(const Session &session) {
  const Options &options = session.options();
  if (!options.logitsFile.empty())
    session.checkOutput("--logits", options.logitsFile);
  evaluate::ProtocolOptions protocol = protocolOptions(session);
  std::string bytes = readText(options.textFile);
  tokenizer::Tokenizer tokenizer = session.readTokenizer();
  Encoded encoded;
  evaluate::Text text =
      evaluate::tokenize(bytes, protocol, [&](std::string_view part) {
        std::vector<int32_t> ids = tokenizer.encode(part, /*addSpecial=*/false);
        encoded.tokens += static_cast<int64_t>(ids.size());
        encoded.bytes += static_cast<int64_t>(part.size());
        return ids;
      });
  session.checkIds(text.tokens, options.textFile);
  evaluate::Plan plan = evaluate::plan(text, protocol);
  if (options.planOnly) {
    session.output().write(windowsOf(text, plan, protocol, encoded).dump() +
                           "\n");
    return;
  }
  const auto together = std::min<int64_t>(
      kMostTogether, static_cast<int64_t>(plan.windows.size()));
  auto engine = session.createEngine(plan.largestWindow(), together);

  std::optional<LogitsWriter> logits;
  std::optional<LogitsScorer> byLogits;
  if (!options.logitsFile.empty()) {
    logits.emplace(options.logitsFile,
                   evaluate::LogitsShape{plan.scored(), session.model().vocab});
    byLogits.emplace(*engine, session.model().vocab, options.threads, *logits);
  }
  Progress progress("score", static_cast<uint64_t>(plan.scored()), "tokens");
  Stopwatch running;
  Scored scored{};
  scored.score = evaluate::score(
      text, plan, protocol, {together, engine->options().chunk},
      [&](const std::vector<evaluate::ScoredWindow> &windows) {
        if (!byLogits)
          return scoreTogether(*engine, windows);
        for (const evaluate::ScoredWindow &window : windows)
          byLogits->score(window);
      },
      [&](int64_t done) { progress.advance(static_cast<uint64_t>(done)); });
  if (logits)
    logits->commit();
  else
    scored.seconds = running.seconds();
  scored.encoded = encoded;
  scored.tokens = static_cast<int64_t>(text.tokens.size());
  scored.skippedLines = plan.skippedLines;

  Json json = toJson(session, protocol, scored, bytes, *engine);
  session.output().write(options.json ? json.dump(2) + "\n" : toText(json));
}

} // namespace qzc::runtime
