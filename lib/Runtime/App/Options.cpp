//===- Options.cpp - The arguments of a compiled model --------------------===//

#include "Options.h"

#include "qzc/Runtime/CacheRange.h"
#include "qzc/Support/CommandLine.h"
#include "qzc/Support/ThreadPool.h"

#include <cfloat>

namespace qzc::runtime {

namespace {

constexpr unsigned bit(Mode mode) { return 1u << static_cast<unsigned>(mode); }
constexpr unsigned kTalking = bit(Mode::Chat) | bit(Mode::Messages);
constexpr unsigned kWriting = bit(Mode::Generate) | kTalking;
/// Of --bench.
constexpr int64_t kMostSequences = 1024;

constexpr unsigned kRunning = kWriting | bit(Mode::Score) | bit(Mode::Bench) |
                              bit(Mode::Tokens) | bit(Mode::Requests);

/// Arguments as they come; strings that name an enumerator among them.
struct Raw {
  Options options;
  std::string tokens;
  std::string protocol = "windows";
  std::string bos = "none";
  std::string device = "auto";
  std::string cache = "f32";
  std::string instructions;
  std::string date;
};

/// Noon of a day such as 2024-07-26, here.
std::time_t readDate(const std::string &text) {
  std::tm day{};
  const char *end = ::strptime(text.c_str(), "%Y-%m-%d", &day);
  day.tm_hour = 12;
  day.tm_isdst = -1;
  std::tm asked = day;
  const std::time_t time = end && !*end ? std::mktime(&day) : -1;
  // The 31st of February would be a day of March.
  if (time == -1 || asked.tm_mday != day.tm_mday)
    throw usageError("--date: '" + text + "' is no day such as 2024-07-26");
  return time;
}

class Parser {
public:
  Parser() : App("A language model, compiled to one executable by qzc.") {
    App.set_help_flag();
    App.get_formatter()->column_width(34);
    addModes();
    addGeneration();
    addChat();
    addScoring();
    addBench();
    addDevice();
  }

  Options run(int argc, const char *const *argv);

private:
  CLI::Option *mode(CLI::Option *option, Mode mode) {
    option->group("Modes (exactly one)");
    Modes.emplace_back(option, mode);
    return option;
  }
  CLI::Option *extra(CLI::Option *option, const std::string &group,
                     unsigned modes) {
    option->group(group);
    Extras.emplace_back(option, modes);
    return option;
  }

  void addModes();
  void addGeneration();
  void addChat();
  void addScoring();
  void addBench();
  void addDevice();
  Mode findMode() const;
  void checkExtras(Mode mode) const;
  void checkValues(const Options &options) const;
  bool given(const std::string &option) const {
    return App.get_option(option)->count() > 0;
  }

  CLI::App App;
  Raw Values;
  std::vector<std::pair<CLI::Option *, Mode>> Modes;
  std::vector<std::pair<CLI::Option *, unsigned>> Extras;
};

void Parser::addModes() {
  Options &o = Values.options;
  mode(App.add_option("--prompt", o.prompt, "Continue this text")
           ->type_name("TEXT"),
       Mode::Generate);
  mode(App.add_option("--prompt-file", o.promptFile,
                      "Continue the text of a file")
           ->type_name("FILE"),
       Mode::Generate);
  mode(App.add_flag("--chat", "Talk with the model: on a terminal, turn by "
                              "turn; otherwise stdin is one message"),
       Mode::Chat);
  mode(App.add_option("--messages", o.messagesFile,
                      "Answer a JSON list of messages with role and content")
           ->type_name("FILE"),
       Mode::Messages);
  mode(App.add_option("--score", o.textFile, "Perplexity of a text")
           ->type_name("FILE"),
       Mode::Score);
  mode(App.add_flag("--bench", "Speed of prefill and decoding, memory, load "
                               "time"),
       Mode::Bench);
  mode(App.add_option("--tokens", Values.tokens,
                      "Run these token ids (3,5,7), for --logits or -n")
           ->type_name("IDS"),
       Mode::Tokens);
  mode(App.add_option("--requests", o.requestsFile,
                      "Answer JSON lines (- is the standard input): how likely "
                      "continuations are, token ids, greedy continuations")
           ->type_name("FILE"),
       Mode::Requests);
  mode(App.add_option("--extract", o.outputFile,
                      "Write the weights, decoded to f32, as safetensors")
           ->type_name("FILE"),
       Mode::Extract);
  mode(App.add_option("--tokenize", o.textFile,
                      "Token ids of a text as a JSON list, no special tokens")
           ->type_name("FILE"),
       Mode::Tokenize);
  mode(App.add_flag("--info", "What is inside"), Mode::Info);
  mode(App.add_flag("--version", "Print the version"), Mode::Version);
  mode(App.add_flag("-h,--help", "Print this text"), Mode::Help);
  extra(App.add_flag("--json", o.json, "Print results as JSON"), "Output",
        bit(Mode::Score) | bit(Mode::Bench) | bit(Mode::Info));
  App.add_flag("--verify", o.verify,
               "Check every byte of the file by SHA-256 first, not only by "
               "XXH3; a mode of its own when alone")
      ->group("Checking");
}

void Parser::addGeneration() {
  Options &o = Values.options;
  const std::string group = "Generating";
  constexpr unsigned kTokens = kWriting | bit(Mode::Tokens);
  extra(
      addCount(App, "-n", o.count,
               "Tokens to generate (default 128, or a whole answer, as far as "
               "the context goes)",
               0),
      group, kTokens | bit(Mode::Bench));
  extra(addNumber(App, "--temperature", o.sampler.temperature,
                  "0: always the most likely token", 0.0, DBL_MAX)
            ->type_name("T")
            ->capture_default_str(),
        group, kWriting);
  extra(addCount(App, "--top-k", o.sampler.topK,
                 "Draw from the K most likely tokens; 0: from all", 0)
            ->type_name("K")
            ->capture_default_str(),
        group, kWriting);
  extra(addNumber(App, "--top-p", o.sampler.topP,
                  "Draw from the likeliest tokens that together have "
                  "probability P",
                  0.0, 1.0)
            ->type_name("P")
            ->capture_default_str(),
        group, kWriting);
  extra(addNumber(App, "--min-p", o.sampler.minP,
                  "Draw from tokens at least P times as likely as the "
                  "likeliest",
                  0.0, 1.0)
            ->type_name("P")
            ->capture_default_str(),
        group, kWriting);
  extra(addNumber(App, "--repetition-penalty", o.sampler.repetitionPenalty,
                  "Divides the logits of tokens that were there before "
                  "(negative ones are multiplied); 1: none",
                  0.01, 100.0)
            ->type_name("R")
            ->capture_default_str(),
        group, kWriting);
  extra(App.add_option("--stop", o.stops,
                       "End before this text; may be given several times")
            ->type_name("TEXT")
            ->allow_extra_args(false),
        group, kWriting);
  extra(addNumber<uint64_t>(App, "--seed", o.sampler.seed,
                            "The same seed draws the same text", 0, UINT64_MAX)
            ->type_name("S")
            ->capture_default_str(),
        group, kWriting);
  extra(App.add_flag("--ignore-eos", o.ignoreEos,
                     "Go on after an end-of-text token"),
        group, kTokens);
  extra(App.add_option("--logits", o.logitsFile,
                       "With --tokens: float32 [tokens, vocabulary] as .npy; "
                       "with --score: a record a scored token")
            ->type_name("FILE"),
        group, bit(Mode::Tokens) | bit(Mode::Score));
  extra(App.add_flag("--stepwise", o.stepwise,
                     "With --tokens: one token at a time"),
        group, bit(Mode::Tokens));
}

void Parser::addChat() {
  Options &o = Values.options;
  const std::string group = "Chatting";
  extra(App.add_option("--system", o.system,
                       "With --chat: what the model is told first")
            ->type_name("TEXT"),
        group, bit(Mode::Chat));
  extra(App.add_flag("--render", o.render,
                     "With --messages: print the prompt, do not answer"),
        group, bit(Mode::Messages));
  extra(App.add_option("--date", Values.date,
                       "The day that the chat template sees (2024-07-26; "
                       "default: today)")
            ->type_name("DAY"),
        group, kTalking);
}

void Parser::addScoring() {
  Options &o = Values.options;
  const std::string group = "Scoring";
  extra(App.add_option("--protocol", Values.protocol,
                       "windows, stride, llama.cpp or lines")
            ->type_name("NAME")
            ->check(CLI::IsMember({"windows", "stride", "llama.cpp", "lines"}))
            ->capture_default_str(),
        group, bit(Mode::Score));
  extra(addCount(App, "--stride", o.stride,
                 "With --protocol=stride: new tokens a window (default "
                 "half the context)"),
        group, bit(Mode::Score));
  extra(addCount(App, "--max-windows", o.maxWindows,
                 "Score the first N windows only"),
        group, bit(Mode::Score));
  extra(App.add_flag("--plan", o.planOnly,
                     "Print the windows that would be scored, as JSON, and "
                     "stop"),
        group, bit(Mode::Score));
  extra(App.add_option("--bos", Values.bos,
                       "Where the BOS token goes: none, first (once) or window")
            ->type_name("WHERE")
            ->check(CLI::IsMember({"none", "first", "window"}))
            ->capture_default_str(),
        group, bit(Mode::Score));
}

void Parser::addBench() {
  Options &o = Values.options;
  const std::string group = "Timing";
  extra(addCount(App, "-p", o.promptTokens,
                 "Prompt tokens (default 512); -n 128 are decoded", 0),
        group, bit(Mode::Bench));
  extra(addCount(App, "-d", o.depth,
                 "Tokens in the KV cache before those that are timed (default "
                 "0)",
                 0),
        group, bit(Mode::Bench));
  extra(addNumber(App, "-b", o.batch,
                  "Sequences that are timed at once, each with these tokens",
                  int64_t{1}, kMostSequences)
            ->capture_default_str(),
        group, bit(Mode::Bench));
  extra(
      addCount(App, "-r", o.repetitions, "Repetitions")->capture_default_str(),
      group, bit(Mode::Bench));
}

void Parser::addDevice() {
  Options &o = Values.options;
  const std::string group = "Device";
  extra(App.add_option("--device", Values.device,
                       "auto, cuda or cpu; auto takes the CPU only where there "
                       "is no NVIDIA driver or GPU, or no code for one inside")
            ->type_name("NAME")
            ->check(CLI::IsMember({"auto", "cuda", "cpu"}))
            ->capture_default_str(),
        group, kRunning);
  extra(addNumber(App, "--threads", o.threads,
                  "CPU threads (default: all this process may use)", 1,
                  kMaxThreads),
        group, kRunning);
  extra(App.add_option("--isa", Values.instructions,
                       "With --device=cpu: kernels for avx512-vnni, avx512, "
                       "avx2 or sse4.2 (default: the best the CPU can run)")
            ->type_name("NAME")
            ->check(CLI::IsMember({"avx512-vnni", "avx512", "avx2", "sse4.2"})),
        group, kRunning);
  extra(addCount(App, "--context", o.context,
                 "Positions: of a scoring window (default 1024), or of "
                 "the KV cache (default: as many as needed)"),
        group, kRunning);
  extra(App.add_option("--kv-cache", Values.cache,
                       "f32; f16: half the memory, a little less exact; q8: a "
                       "quarter, less exact")
            ->type_name("TYPE")
            ->check(CLI::IsMember({"f32", "f16", "q8"}))
            ->capture_default_str(),
        group, kRunning);
  extra(App.add_flag("--force-ptx", o.forcePtx,
                     "GPU: compile the PTX inside, ignore the machine code"),
        group, kRunning);
}

Mode Parser::findMode() const {
  const CLI::Option *chosen = nullptr;
  Mode result = Mode::Help;
  for (const auto &[option, mode] : Modes) {
    if (!option->count())
      continue;
    if (mode == Mode::Help || mode == Mode::Version)
      return mode;
    if (chosen)
      throw usageError(chosen->get_name() + " and " + option->get_name() +
                       " cannot go together");
    chosen = option;
    result = mode;
  }
  if (!chosen && Values.options.verify)
    return Mode::Verify;
  if (!chosen)
    throw usageError("nothing to do: give one of --prompt, --chat, --messages, "
                     "--score, --bench, --tokens, --requests, --extract, "
                     "--tokenize, --info, --verify, or --help");
  return result;
}

void Parser::checkExtras(Mode mode) const {
  std::string name = "--verify"; // alone
  for (const auto &[option, itsMode] : Modes)
    if (option->count())
      name = option->get_name();
  for (const auto &[option, modes] : Extras)
    if (option->count() && !(modes & bit(mode)))
      throw usageError(option->get_name() + " does not go with " + name);
}

void Parser::checkValues(const Options &options) const {
  if (options.count == 0 && options.mode != Mode::Bench)
    throw usageError("-n 0 asks for nothing: give 1 or more");
  if (options.sampler.topP == 0)
    throw usageError("--top-p 0 leaves no token to draw: give more");
  if (given("--stride") && options.protocol != evaluate::Protocol::Stride)
    throw usageError("--stride needs --protocol=stride");
  if (options.mode == Mode::Tokens && options.logitsFile.empty() &&
      !options.count)
    throw usageError("--tokens needs --logits FILE or -n N");
  if (options.ignoreEos && !options.count && options.mode == Mode::Tokens)
    throw usageError("--ignore-eos needs -n N");
  if (options.planOnly && given("--logits"))
    throw usageError("--plan runs nothing: it does not go with --logits");
  if (options.forcePtx && options.device == DeviceChoice::Cpu)
    throw usageError("--force-ptx does not go with --device=cpu");
  if (given("--isa") && options.device != DeviceChoice::Cpu)
    throw usageError("--isa needs --device=cpu");
}

Options Parser::run(int argc, const char *const *argv) {
  try {
    parseWords(App, argc, argv);
  } catch (const CLI::ParseError &error) {
    throw usageError(error.what());
  }
  refuseEmptyTexts(App, {"--prompt", "--system"});
  Options options = Values.options;
  options.mode = findMode();
  if (options.mode == Mode::Help || options.mode == Mode::Version) {
    options.helpText = App.help();
    return options;
  }
  checkExtras(options.mode);
  options.protocol = *evaluate::parseProtocol(Values.protocol);
  options.bos = *evaluate::parseBosMode(Values.bos);
  options.device = Values.device == "cuda"  ? DeviceChoice::Cuda
                   : Values.device == "cpu" ? DeviceChoice::Cpu
                                            : DeviceChoice::Auto;
  if (given("--isa"))
    options.instructions =
        Values.instructions == "avx512-vnni" ? InstructionSet::Avx512Vnni
        : Values.instructions == "avx512"    ? InstructionSet::Avx512
        : Values.instructions == "avx2"      ? InstructionSet::Avx2
                                             : InstructionSet::Sse42;
  for (const CacheType type : {CacheType::F32, CacheType::F16, CacheType::Q8})
    if (Values.cache == cacheName(type))
      options.cache = type;
  if (given("--date"))
    options.date = readDate(Values.date);
  if (options.mode == Mode::Tokens)
    options.tokens =
        parseNumbers<int32_t>("--tokens", Values.tokens, 0, INT32_MAX);
  checkValues(options);
  return options;
}

} // namespace

Options parseOptions(int argc, const char *const *argv) {
  return Parser().run(argc, argv);
}

} // namespace qzc::runtime
