//===- Compiler.cpp - From a module to an executable ----------------------===//

#include "qzc/Pipeline/Compiler.h"

#include "Account.h"
#include "Calibration.h"
#include "GgufBuild.h"
#include "GpuBuild.h"
#include "ImageBuild.h"
#include "Outputs.h"
#include "Sources.h"
#include "Stages.h"
#include "Target.h"

#include "qzc/Dialect/Qz/Transforms/Report.h"
#include "qzc/Init.h"
#include "qzc/Pipeline/Diagnostics.h"
#include "qzc/Pipeline/ModuleFile.h"
#include "qzc/Support/AtomicFile.h"
#include "qzc/Support/Error.h"
#include "qzc/Support/OneLine.h"
#include "qzc/Target/Cuda/Compile.h"
#include "qzc/Target/Cuda/Emit.h"
#include "qzc/Target/Cuda/Lowering.h"
#include "qzc/Target/Manifest/Manifest.h"

#include "mlir/IR/MLIRContext.h"
#include "llvm/Support/raw_ostream.h"

#include <algorithm>
#include <filesystem>
#include <optional>

namespace qzc::pipeline {

namespace {
/// One compilation, in the order of its stages.
class Compilation {
public:
  Compilation(const CompileOptions &options, const Output &results)
      : Options(options), Results(results), Context(registry()),
        Diagnostics(&Context) {
    Context.loadAllAvailableDialects();
  }

  void run();

private:
  static mlir::DialectRegistry registry() {
    mlir::DialectRegistry registry;
    registerAllDialects(registry);
    return registry;
  }

  void parse();
  std::string ptxOf(const format::Manifest &manifest);
  /// The executable, and `gguf` where there is one.
  void writeExecutable(format::Manifest &manifest,
                       const std::vector<cuda::Arch> &archs, GgufBuild &gguf);
  /// What a dry run says of the plan.
  void foretell(const format::Manifest &manifest) const;
  /// Finishes --report's file, and warns of what the table shows.
  void reportTo(std::optional<AtomicFile> &file, const Account &account) const;
  /// Writes text to the output, or to the results without one.
  void writeText(const std::string &text) const;
  static std::string textOf(mlir::ModuleOp module);
  std::string sourceFolder() const;
  /// Refuses what no layer that is selected makes use of, or warns of it.
  void checkMethod(bool hasBudget);
  /// Puts what meets the budget in the recipe's place, and prints it.
  void chooseStorages();

  CompileOptions Options;
  /// Of the run that a budget needed, if there was one.
  std::unique_ptr<encode::StatisticsFile> Seen;
  /// What the module's weights are called in files of llama.cpp.
  gguf::TensorNames Names;
  const Output &Results;
  mlir::MLIRContext Context;
  DiagnosticCollector Diagnostics;
  mlir::OwningOpRef<mlir::ModuleOp> Module;
};
} // namespace

void Compilation::parse() {
  Module = parseModule(Options.input, Context, Diagnostics);
  auto models = Module->getOps<qz::ModelOp>();
  if (models.empty() || std::next(models.begin()) != models.end())
    throw Error("'" + Options.input +
                "' must hold exactly one qz.model; write it with qz-import");
}

void Compilation::writeText(const std::string &text) const {
  if (Options.output.empty()) {
    Results.write(text);
    return;
  }
  AtomicFile file(Options.output);
  file.append(text);
  file.commit();
}

std::string Compilation::textOf(mlir::ModuleOp module) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  module.print(stream);
  stream << '\n';
  return stream.str();
}

std::string Compilation::sourceFolder() const {
  if (!Options.weightsDir.empty())
    return Options.weightsDir;
  return std::filesystem::path(Options.input).parent_path().string();
}

/// What every image can fall back to, and --emit shows.
static constexpr cuda::Arch kPtxArch = {80, false, true};

static std::string cudaOf(mlir::MLIRContext &context,
                          const format::Manifest &manifest) {
  return cuda::emitCuda(
      *cuda::lowerToCuda(context, manifest, cuda::gpuOf(kPtxArch)));
}

void Compilation::chooseStorages() {
  if (!Options.recipe.method)
    Options.recipe.method = kBudgetMethod;
  // Which layers the budget is for is what a scheme of any kind selects.
  CompileOptions any = Options;
  any.recipe.scheme = "nf4";
  const mlir::OwningOpRef<mlir::ModuleOp> copy = Module->clone();
  Stages stages(*copy, Diagnostics);
  stages.select(any);
  stages.fuse();
  stages.schedule();
  mlir::FailureOr<format::Manifest> manifest = translateToManifest(*copy);
  mlir::FailureOr<ProgramSources> program = collectSources(*copy);
  if (mlir::failed(manifest) || mlir::failed(program))
    Diagnostics.fail("cannot translate '" + Options.input + "' to a plan");
  const Sources sources = resolveSources(*program, manifest->tensors,
                                         sourceFolder(), /*synthetic=*/false);
  encode::CodeStore none; // of a model that is not quantized
  Seen = statisticsFor(Options, sources, unquantized(*manifest), Names, none);
  const TargetResult result =
      meetTarget(Options, sources, *manifest, Seen.get());
  Options.recipe.rules = result.rules;
  // The rules say all.
  Options.recipe.blocks.clear();
  Options.recipe.components.clear();
  Results.write(result.table);
}

void Compilation::checkMethod(bool hasBudget) {
  bool hasMethod = false;
  Module->walk(
      [&](qz::ParamOp param) { hasMethod |= param.getMethod().has_value(); });
  // Who says rtn compares methods.
  if (!hasBudget && Options.recipe.method != "rtn")
    checkIsUsed(Options, hasMethod);
  if (!hasMethod && Options.recipe.method && *Options.recipe.method != "rtn")
    llvm::errs() << "qzc: warning: --method=" << *Options.recipe.method
                 << " makes no difference to any layer that is selected\n";
}

void Compilation::run() {
  std::vector<cuda::Arch> archs = Options.archs.empty()
                                      ? cuda::defaultArchs()
                                      : cuda::parseArchs(Options.archs);
  checkOutputs(Options);
  checkCalibration(Options);
  parse();
  checkInputsAreKept(Options, *Module, sourceFolder());
  if (!Options.statistics.empty() || !Options.saveStatistics.empty())
    Names = gguf::tensorNames(*Module);
  const bool hasBudget = hasTarget(Options);
  if (hasBudget)
    chooseStorages();
  Stages stages(*Module, Diagnostics);
  stages.select(Options);
  checkMethod(hasBudget);
  GgufBuild gguf(Options, *Module, describe(Options.recipe));
  if (Options.emit == Emit::Bin || Options.dryRun)
    Results.write(qz::formatReport(qz::makeReport(*Module)) + gguf.report());
  if (!Options.saveRecipe.empty()) {
    AtomicFile file(Options.saveRecipe);
    file.append(writeRecipe(Options.recipe));
    file.commit();
  }
  const bool isCalibrated =
      !Options.calibrate.empty() || !Options.statistics.empty();
  if (!Options.dryRun && Options.emit == Emit::Bin && Options.output.empty() &&
      !isCalibrated) {
    encode::CodeStore codes;
    gguf.write(sourceFolder(), /*statistics=*/nullptr, codes);
    gguf.finish();
    return gguf.publish();
  }

  stages.fuse();
  if (Options.emit == Emit::Qz && !Options.dryRun)
    return writeText(textOf(*Module));
  stages.schedule();
  if (Options.emit == Emit::Schedule && !Options.dryRun)
    return writeText(textOf(*Module));

  mlir::FailureOr<format::Manifest> manifest = translateToManifest(*Module);
  if (mlir::failed(manifest))
    Diagnostics.fail("cannot translate '" + Options.input + "' to a plan");
  manifest->selection = describe(Options.recipe);
  if (Options.dryRun)
    return foretell(*manifest);
  switch (Options.emit) {
  case Emit::Program:
    return writeText(textOf(*lowerForGpus(Context, *manifest, archs)));
  case Emit::Cuda:
    return writeText(cudaOf(Context, *manifest));
  case Emit::Ptx:
    return writeText(ptxOf(*manifest));
  default:
    return writeExecutable(*manifest, archs, gguf);
  }
}

void Compilation::reportTo(std::optional<AtomicFile> &file,
                           const Account &account) const {
  for (const std::string &warning : account.warnings())
    llvm::errs() << "qzc: warning: " << oneLine(warning) << '\n';
  file.emplace(Options.report);
  file->append(account.textFor(Options.report));
  file->finish();
}

void Compilation::foretell(const format::Manifest &manifest) const {
  Results.write(RunMemory(manifest).describe(manifest.model.context));
  std::optional<AtomicFile> report;
  if (Options.report.empty())
    return;
  reportTo(report, Account(manifest, {}));
  report->publish();
}

/// The PTX of compute_80, without its terminating NUL. An executable's differs
/// where weights do not fit f16: that is known only once they are encoded.
std::string Compilation::ptxOf(const format::Manifest &manifest) {
  std::string source = cudaOf(Context, manifest);
  return cuda::CudaCompiler(Options.nvrtc)
      .compile({{source, kPtxArch}}, Options.threads)[0]
      .bytes.c_str();
}

void Compilation::writeExecutable(format::Manifest &manifest,
                                  const std::vector<cuda::Arch> &archs,
                                  GgufBuild &gguf) {
  mlir::FailureOr<ProgramSources> program = collectSources(*Module);
  if (mlir::failed(program))
    Diagnostics.fail("cannot find the files of '" + Options.input + "'");
  Sources sources =
      resolveSources(*program, manifest.tensors, sourceFolder(),
                     Options.weightsMode == format::WeightsMode::Synthetic);
  std::string tokenizerJson =
      sources.tokenizer ? readTokenizer(*sources.tokenizer) : "";

  encode::CodeStore codes;
  const std::unique_ptr<encode::StatisticsFile> statistics =
      Seen ? std::move(Seen)
           : statisticsFor(Options, sources, manifest, Names, codes);
  gguf.write(sourceFolder(), statistics.get(), codes);
  if (Options.output.empty()) { // they and a GGUF were all that was asked for
    gguf.finish();
    return gguf.publish();
  }
  ImageBuild image(Options, sources, manifest, statistics.get(), codes);
  warnOfStatistics(Options, manifest);
  manifest.producer = "qzc " QZC_VERSION;
  std::optional<AtomicFile> report;
  if (!Options.report.empty())
    reportTo(report, Account(manifest, image.measure(sources, manifest)));
  std::vector<GpuCode> code;
  if (!archs.empty())
    code = buildForGpu(*lowerForGpus(Context, manifest, archs), manifest, archs,
                       Options);
  image.finish(manifest, tokenizerJson, code);
  gguf.finish();
  image.publish();
  gguf.publish();
  if (report)
    report->publish();
}

void compile(const CompileOptions &options, const Output &results) {
  Compilation(options, results).run();
}

} // namespace qzc::pipeline
