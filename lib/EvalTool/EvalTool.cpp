//===- EvalTool.cpp - Executables side by side ----------------------------===//

#include "qzc/EvalTool/EvalTool.h"

#include "Compare.h"
#include "Folder.h"
#include "Report.h"
#include "StatusLine.h"
#include "qzc/Support/Error.h"
#include "qzc/Support/OneLine.h"

#include <algorithm>
#include <filesystem>
#include <memory>

namespace qzc::evaltool {

namespace {

/// One evaluation, in the order of its steps.
class Evaluation {
public:
  Evaluation(const EvalOptions &options, std::ostream &errors)
      : Options(options), Errors(errors), OutputFolder(options.output),
        BaseLogits(options.keepBase, errors), Images(options.images.size()) {
    for (size_t i = 0; i < Images.size(); ++i)
      Images[i].file = options.images[i];
    if (!options.base.empty() &&
        std::none_of(Images.begin(), Images.end(),
                     [&](const Measured &image) { return isBase(image); }))
      Base.emplace().file = options.base;
  }

  bool run(std::ostream &results);

private:
  /// One mode of one executable: a failure of `work` is said and noted, and
  /// false.
  template <typename Work>
  bool attempt(Measured &image, const std::string &mode, Work work);
  /// Runs one mode and hands its JSON to `read`.
  template <typename Reader>
  bool measure(Measured &image, const std::vector<std::string> &arguments,
               Json &json, Reader read);
  /// Of all executables; false if one failed.
  bool readAllFacts();
  void scoreImage(Measured &image, const Conditions &conditions);
  /// Scores it beside the base.
  void compareImage(Measured &image, const Conditions &conditions);
  bool isBase(const Measured &image) const;
  void measureAll(const Conditions &conditions);
  std::vector<InputFile> inputs() const;

  const EvalOptions &Options;
  std::ostream &Errors;
  Folder OutputFolder;
  KeepBase BaseLogits;
  std::vector<Measured> Images; ///< as options.images
  /// Where the base is none of them.
  std::optional<Measured> Base;
  std::unique_ptr<ThreadPool> Pool; ///< for comparisons
  StatusLine Status;
  bool Failed = false;
};

template <typename Work>
bool Evaluation::attempt(Measured &image, const std::string &mode, Work work) {
  std::string number;
  if (!Base || &image != &*Base)
    number = std::to_string(&image - Images.data() + 1) + "/" +
             std::to_string(Images.size()) + " ";
  Status.set("qz-eval: " + number + image.file + " " + mode);
  try {
    work();
    return true;
  } catch (const Error &error) {
    const std::string message =
        oneLine("'" + image.file + "' " + mode + ": " + error.what());
    Status.clear();
    Errors << "qz-eval: error: " << message << std::endl;
    image.error = message;
    Failed = true;
    return false;
  }
}

template <typename Reader>
bool Evaluation::measure(Measured &image,
                         const std::vector<std::string> &arguments, Json &json,
                         Reader read) {
  std::string mode = arguments[0].substr(0, arguments[0].find('='));
  return attempt(image, mode, [&] {
    json = execute(image.file, arguments, [&] { Status.refresh(); });
    read();
  });
}

bool Evaluation::readAllFacts() {
  auto read = [&](Measured &image) {
    measure(image, {"--info", "--json"}, image.info, [&] {
      image.facts = readFacts(image.info);
      image.facts.file = image.file;
    });
  };
  for (Measured &image : Images)
    read(image);
  if (Base)
    read(*Base);
  return !Failed;
}

void Evaluation::measureAll(const Conditions &conditions) {
  for (Measured &image : Images) {
    bool timed = measure(image, conditions.benchArguments(), image.bench,
                         [&] { image.speed = readSpeed(image.bench); });
    // What failed once would most likely fail again, for the same reason.
    if (!timed || !conditions.scoring)
      continue;
    if (Options.base.empty() || isBase(image))
      scoreImage(image, conditions);
    else
      compareImage(image, conditions);
  }
}

void Evaluation::scoreImage(Measured &image, const Conditions &conditions) {
  measure(image, conditions.scoreArguments(), image.score, [&] {
    image.perplexity = readPerplexity(image.score, *conditions.scoring);
  });
}

void Evaluation::compareImage(Measured &image, const Conditions &conditions) {
  if (!Pool)
    Pool = std::make_unique<ThreadPool>(Options.threads);
  bool compared = attempt(image, "--score", [&] {
    Compared compared =
        compareImages(Options.base, image.file, conditions.scoreArguments(),
                      *Pool, BaseLogits, [&](int64_t) { Status.refresh(); });
    readPerplexity(compared.base, *conditions.scoring);
    image.score = std::move(compared.model);
    image.perplexity = readPerplexity(image.score, *conditions.scoring);
    image.comparison = std::move(compared.comparison);
  });
  if (!compared)
    return;
  attempt(image, "comparing weights", [&] {
    image.weightErrors =
        weightErrors(*runtime::Image::open(Options.base, false),
                     *runtime::Image::open(image.file, false), *Pool);
  });
}

bool Evaluation::isBase(const Measured &image) const {
  std::error_code ignored;
  return std::filesystem::equivalent(Options.base, image.file, ignored);
}

static constexpr const char *kResultsName = "results.json";
static constexpr const char *kTableName = "table.md";

/// The executables with their weights, and the text.
std::vector<InputFile> Evaluation::inputs() const {
  std::vector<InputFile> files;
  if (!Options.text.empty())
    files.push_back({"the text", Options.text});
  const auto add = [&](const Measured &image) {
    files.push_back({"'" + image.file + "'", image.file});
    const Json::json_pointer weights("/weights/file");
    std::error_code ignored;
    if (image.info.contains(weights) && image.info.at(weights).is_string())
      files.push_back(
          {"the weights of '" + image.file + "'",
           std::filesystem::weakly_canonical(image.file, ignored)
               .replace_filename(image.info.at(weights).get<std::string>())
               .string()});
  };
  for (const Measured &image : Images)
    add(image);
  if (Base)
    add(*Base);
  return files;
}

bool Evaluation::run(std::ostream &results) {
  if (!readAllFacts())
    return false;
  std::vector<Facts> facts;
  for (const Measured &image : Images)
    facts.push_back(image.facts);
  if (Base)
    facts.push_back(Base->facts);
  Conditions conditions = resolve(Options, facts);
  conditions.machine = thisMachine();
  conditions.commit = builtFrom();
  if (OutputFolder.wanted())
    OutputFolder.prepare({kResultsName, kTableName}, inputs());
  if (!Options.keepBase.empty())
    checkIsNoInput("--keep-base", Options.keepBase, inputs());
  measureAll(conditions);
  Status.clear();
  std::string table = formatTable(Images, conditions);
  // A reader who went away loses what is printed, not what was measured.
  if (OutputFolder.wanted()) {
    OutputFolder.write(kResultsName, formatJson(Images, conditions));
    OutputFolder.write(kTableName, table);
  }
  results << table << std::flush;
  if (!results)
    throw Error("cannot write the table to the standard output");
  return !Failed;
}

} // namespace

bool evaluateImages(const EvalOptions &options, std::ostream &results,
                    std::ostream &errors) {
  return Evaluation(options, errors).run(results);
}

} // namespace qzc::evaltool
