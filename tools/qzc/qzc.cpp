//===- qzc.cpp - The compiler's command line ------------------------------===//

#include "qzc/Pipeline/Compiler.h"
#include "qzc/Pipeline/MlirOptions.h"
#include "qzc/Pipeline/Rederive.h"
#include "qzc/Support/CommandLine.h"
#include "qzc/Support/Output.h"
#include "qzc/Support/ThreadPool.h"

#include <filesystem>
#include <map>

using namespace qzc;
using pipeline::CompileOptions;
using pipeline::Emit;

/// A program that is installed beside this one.
static std::string besideThisProgram(const char *name) {
  std::error_code failed;
  auto self = std::filesystem::read_symlink("/proc/self/exe", failed);
  return failed ? name : (self.parent_path() / name).string();
}

static Emit readEmit(const std::string &text) {
  static const std::map<std::string, Emit> emits = {
      {"qz", Emit::Qz},           {"schedule", Emit::Schedule},
      {"program", Emit::Program}, {"cuda", Emit::Cuda},
      {"ptx", Emit::Ptx},         {"bin", Emit::Bin},
  };
  auto found = emits.find(text);
  if (found == emits.end())
    throw usageError(
        "--emit: '" + text +
        "' is no stage; known are qz, schedule, program, cuda, ptx, bin");
  return found->second;
}

/// What the recipe's file says holds where no option says otherwise; its rules
/// come first.
static void mergeRecipe(const CLI::App &app, const std::string &path,
                        pipeline::Recipe &recipe) {
  const pipeline::Recipe base = pipeline::readRecipe(path);
  auto keep = [&](const char *option, auto &value, const auto &stored) {
    if (app.count(option) == 0)
      value = stored;
  };
  keep("--quantize", recipe.scheme, base.scheme);
  keep("--mix", recipe.mix, base.mix);
  keep("--blocks", recipe.blocks, base.blocks);
  keep("--components", recipe.components, base.components);
  keep("--block-size", recipe.blockSize, base.blockSize);
  keep("--double-quant", recipe.doubleQuant, base.doubleQuant);
  keep("--requantize", recipe.requantize, base.requantize);
  keep("--method", recipe.method, base.method);
  keep("--dtype", recipe.dtype, base.dtype);
  recipe.rules.insert(recipe.rules.begin(), base.rules.begin(),
                      base.rules.end());
}

static void checkSelection(const CLI::App &app) {
  if (app.count("--quantize") != 0 || app.count("--recipe") != 0 ||
      app.count("--target-bpw") != 0 || app.count("--target-size") != 0)
    return;
  for (const char *option :
       {"--blocks", "--components", "--block-size", "--double-quant"})
    if (app.count(option) != 0)
      throw usageError(std::string(option) +
                       " selects nothing without --quantize=SCHEME");
}

/// "120MB", "1.5GB", "900kB", "1000" in bytes.
static uint64_t readSize(const std::string &text) {
  static const std::map<std::string, double> units = {
      {"", 1}, {"B", 1}, {"kB", 1e3}, {"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}};
  const size_t end = text.find_first_not_of("0123456789.");
  const auto unit = units.find(end == text.npos ? "" : text.substr(end));
  double number = 0;
  const std::string digits = text.substr(0, end);
  const auto [last, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), number);
  const double bytes = unit == units.end() ? 0 : number * unit->second;
  if (error != std::errc() || last != digits.data() + digits.size() ||
      !(bytes >= 1) || !(bytes < 1e15))
    throw usageError("--target-size: '" + text +
                     "' is no size such as 120MB or 1.5GB");
  return static_cast<uint64_t>(bytes);
}

static void readWeights(const std::string &text, CompileOptions &options) {
  if (text == "embed") {
    options.weightsMode = format::WeightsMode::Embedded;
  } else if (text == "synthetic") {
    options.weightsMode = format::WeightsMode::Synthetic;
  } else {
    options.weightsMode = format::WeightsMode::External;
    options.weightsFile = text;
  }
}

/// Options of the executable and of synthetic weights, given without them.
static void checkUse(const CLI::App &app, const CompileOptions &options) {
  const bool stops = options.emit != Emit::Bin;
  const auto hasUse = [&](std::string_view option) {
    return option == "--arch" && options.emit == Emit::Program;
  };
  if (stops || (options.output.empty() && !options.gguf.empty()))
    for (const char *option : {"--arch", "--weights"})
      if (app.count(option) != 0 && !hasUse(option))
        throw usageError(
            std::string(option) + " is for executables and does not go with " +
            (stops ? "--emit of another stage" : "--gguf without -o"));
  if (app.count("--seed") != 0 &&
      options.weightsMode != format::WeightsMode::Synthetic)
    throw usageError("--seed makes no difference without --weights=synthetic");
}

/// What stands for something else in CompileOptions.
struct RawOptions {
  std::string emit = "bin";
  std::string weights = "embed";
  std::string recipe;
  std::string targetSize;
  std::string rederive;
};

static void addOptions(CLI::App &app, CompileOptions &options,
                       RawOptions &raw) {
  // As in other compilers the last of several counts.
  app.option_defaults()->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  app.add_option(
         "model", options.input,
         "Module written by qz-import (.mlir); of --rederive the folder "
         "of its weights")
      ->required();
  app.add_option("-o,--output", options.output,
                 "File to write (texts go to standard output without it)");
  app.add_option("--gguf", options.gguf,
                 "GGUF file to write, for llama.cpp; -o may then be left out")
      ->type_name("FILE");
  app.add_option(
         "--gguf-ternary", options.ggufTernary,
         "Blocks that ternary has in the GGUF: TQ2_0 (default) or TQ1_0")
      ->type_name("TYPE");
  app.add_option(
         "--emit", raw.emit,
         "Stage to stop at: qz, schedule, program, cuda, ptx or bin (default)")
      ->type_name("STAGE");
  app.add_flag("--dry-run", options.dryRun,
               "Print the table of layers, schemes and bytes, and the memory "
               "needed at run time, and stop");
  app.add_option("--report", options.report,
                 "File to write what became of each weight to: storage, bytes, "
                 "bits, errors")
      ->type_name("FILE.json|FILE.csv");

  app.add_option("--rederive", raw.rederive,
                 "Compile nothing: encode the weights of an executable again, "
                 "from the folder of its source, and compare every byte")
      ->type_name("MODEL.bin");

  const char *selection = "Selection";
  app.add_option("--quantize", options.recipe.scheme,
                 "How the selected layers are stored (default: none): " +
                     format::storageHelp())
      ->type_name("SPEC")
      ->group(selection);
  app.add_option("--blocks", options.recipe.blocks,
                 "Decoder blocks to quantize, half-open as in Python: "
                 "0:12, :4,-4: (default: all)")
      ->type_name("LO:HI,…")
      ->group(selection);
  app.add_option(
         "--components", options.recipe.components,
         "What to quantize: attn, ffn, qkv, q, k, v, o, up, gate, down, "
         "proj, head, embed, all (default: every linear layer but head "
         "and embed)")
      ->type_name("NAME,…")
      ->group(selection);
  addNumber<int64_t>(
      app, "--block-size", options.recipe.blockSize,
      "Elements that share a scale, as SPEC/N says too (fp4, nf4: "
      "32 to 4096; int2 to int8g: 32, 64, 128; default 64; "
      "fp8: 128, default a row)",
      32, 4096)
      ->group(selection);
  app.add_flag(
         "--double-quant", options.recipe.doubleQuant,
         "Quantize the scales too, as \"SPEC double\" says too (fp4, nf4)")
      ->group(selection);
  app.add_flag("--requantize", options.recipe.requantize,
               "Select weights that the checkpoint holds quantized, too: they "
               "are decoded first")
      ->group(selection);
  app.add_option("--dtype", options.recipe.dtype,
                 "Type of what is not quantized: f32, f16, bf16 (default: as "
                 "imported)")
      ->group(selection);

  app.add_option("--mix", options.recipe.mix,
                 "For every layer and the embeddings what llama-quantize "
                 "chooses: q4_k_s, q4_k_m, q5_k_s, q5_k_m")
      ->type_name("NAME")
      ->excludes("--quantize")
      ->group(selection);
  app.add_option("--rule", options.recipe.rules,
                 "How layers and embeddings are stored in whose names the "
                 "expression matches, selected or not; of several the last")
      ->type_name("REGEX=SPEC")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->group(selection);
  app.add_option(
         "--method", options.recipe.method,
         "How codes are chosen: rtn (as the scheme's reference does: the "
         "default), mse (scales are searched for: the default of a budget), "
         "gptq (by the products of the layers' inputs, from --calibrate or "
         "--statistics), awq (of columns that are scaled by their inputs "
         "first)")
      ->type_name("NAME")
      ->group(selection);
  app.add_option("--recipe", raw.recipe,
                 "File to take the options of this group from; those given "
                 "beside it count more")
      ->type_name("FILE.json")
      ->group(selection);
  app.add_option("--save-recipe", options.saveRecipe,
                 "File to write the options of this group to")
      ->type_name("FILE.json")
      ->group(selection);

  addNumber<double>(
      app, "--target-bpw", options.targetBits,
      "Choose for each selected layer how it is stored: this many "
      "bits a weight together",
      1.0, 32.0)
      ->group(selection);
  app.add_option("--target-size", raw.targetSize,
                 "The same, for all weights of the file: 120MB (10^6), 1.5GB")
      ->type_name("SIZE")
      ->group(selection);

  const char *calibration = "Calibration";
  app.add_option("--calibrate", options.calibrate,
                 "Text to run the model over, on the CPU: what --method=gptq, "
                 "awq and mse take the layers' inputs from")
      ->type_name("TEXT")
      ->group(calibration);
  addCount(app, "--calibration-tokens", options.calibrationTokens,
           "The most tokens of it, in windows of 512 (default: 32768)")
      ->group(calibration);
  app.add_option("--save-statistics", options.saveStatistics,
                 "File to write what was seen to; -o may then be left out. "
                 "NAME.gguf and NAME.dat are importance matrices of llama.cpp")
      ->type_name("FILE")
      ->group(calibration);
  app.add_option("--statistics", options.statistics,
                 "File of --save-statistics, or an importance matrix, to use "
                 "in place of a text")
      ->type_name("FILE")
      ->group(calibration);

  const char *output = "Weights and code";
  app.add_option("--weights", raw.weights,
                 "embed (default), synthetic (random, made at load), or a file "
                 "to write beside the executable")
      ->type_name("embed|synthetic|FILE")
      ->group(output);
  app.add_option("--weights-dir", options.weightsDir,
                 "Folder of the module's files (default: the module's own)")
      ->type_name("DIR")
      ->group(output);
  addNumber<uint64_t>(app, "--seed", options.seed, "Seed of synthetic weights",
                      0, UINT64_MAX)
      ->group(output);
  app.add_option(
         "--arch", options.archs,
         "GPU architectures, as 80,90a,compute_80, or none for the CPU alone "
         "(default: 80, 86, 89, 90a, 100, 120 and the PTX compute_80)")
      ->type_name("SM,…")
      ->group(output);
  addNumber(app, "--threads", options.threads,
            "Threads to compile with (default: all cores)", 1, kMaxThreads)
      ->group(output);
}

static void rederive(const CLI::App &app, const CompileOptions &options,
                     const RawOptions &raw) {
  for (const CLI::Option *option : app.get_options())
    if (option->count() != 0 && !option->check_name("model") &&
        !option->check_name("--rederive") &&
        !option->check_name("--statistics") && !option->check_name("--threads"))
      throw usageError(option->get_name() + " does not go with --rederive");
  pipeline::rederive(
      {raw.rederive, options.input, options.statistics, options.threads},
      Output());
}

static int run(int argc, char **argv) {
  CLI::App app("Compiles a language model to one self-contained executable.",
               "qzc");
  app.set_version_flag("--version", "qzc " QZC_VERSION);
  CompileOptions options;
  RawOptions raw;
  addOptions(app, options, raw);
  app.footer("Options of MLIR are taken as well: --mlir-print-ir-after-all, "
             "--mlir-timing,\n"
             "--mlir-pass-pipeline-crash-reproducer=FILE, …");
  const std::vector<const char *> words = pipeline::takeMlirOptions(argc, argv);
  if (!parseArguments(app, static_cast<int>(words.size()), words.data()))
    return 0;
  if (!raw.rederive.empty()) {
    rederive(app, options, raw);
    return 0;
  }
  checkSelection(app);
  if (!raw.recipe.empty())
    mergeRecipe(app, raw.recipe, options.recipe);
  options.emit = readEmit(raw.emit);
  readWeights(raw.weights, options);
  if (!raw.targetSize.empty())
    options.targetBytes = readSize(raw.targetSize);
  checkUse(app, options);
  options.stub = besideThisProgram("qzc-runtime");
  options.nvrtc = besideThisProgram("qzc-nvrtc");
  pipeline::compile(options, Output());
  return 0;
}

int main(int argc, char **argv) {
  return runTool("qzc", [&] { return run(argc, argv); });
}
