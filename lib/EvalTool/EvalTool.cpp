//===- EvalTool.cpp - Executables side by side ----------------------------===//

#include "qzc/EvalTool/EvalTool.h"

#include "Process.h"
#include "Report.h"
#include "StatusLine.h"
#include "qzc/Support/AtomicFile.h"
#include "qzc/Support/Error.h"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <unistd.h>

namespace qzc::evaltool {

namespace {

/// The last line of what a program said on stderr, without its own name.
std::string lastWords(const std::string &err, const std::string &program) {
  size_t end = err.find_last_not_of(" \r\n");
  if (end == std::string::npos)
    return "it said nothing";
  size_t newline = err.find_last_of("\r\n", end);
  size_t begin = newline == std::string::npos ? 0 : newline + 1;
  std::string line = err.substr(begin, end + 1 - begin);
  for (const std::string &prefix : {program + ": ", std::string("error: ")})
    if (line.rfind(prefix, 0) == 0)
      line.erase(0, prefix.size());
  return line;
}

/// One evaluation, in the order of its steps.
class Evaluation {
public:
  Evaluation(const EvalOptions &options, std::ostream &errors)
      : Options(options), Errors(errors), Images(options.images.size()) {
    for (size_t i = 0; i < Images.size(); ++i)
      Images[i].file = options.images[i];
  }

  bool run(std::ostream &results);

private:
  /// Runs one mode of one executable and hands its JSON to `read`. A failure is
  /// said and noted, and false.
  template <typename Read>
  bool measure(Measured &image, const std::vector<std::string> &arguments,
               Json &json, Read read);
  Json call(const Measured &image, const std::vector<std::string> &arguments);
  /// Of all executables; false if one failed.
  bool readAllFacts();
  void measureAll(const Conditions &conditions);
  void prepareFolder() const;
  void writeFile(const std::string &name, const std::string &text) const;

  const EvalOptions &Options;
  std::ostream &Errors;
  std::vector<Measured> Images; ///< as options.images
  StatusLine Status;
  bool Failed = false;
};

Json Evaluation::call(const Measured &image,
                      const std::vector<std::string> &arguments) {
  const std::string &program = image.file;
  std::vector<std::string> argv = {program};
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  Outcome outcome = runProcess(argv, [&] { Status.refresh(); });
  if (outcome.signal != 0)
    throw Error("was ended by signal " + std::to_string(outcome.signal) + " (" +
                ::strsignal(outcome.signal) + "); " +
                lastWords(outcome.err, program));
  if (outcome.exitCode != 0)
    throw Error("failed with exit code " + std::to_string(outcome.exitCode) +
                ": " + lastWords(outcome.err, program));
  Json json = Json::parse(outcome.out, nullptr, /*allow_exceptions=*/false);
  if (json.is_discarded())
    throw Error("did not print JSON; was it made by qzc?");
  return json;
}

template <typename Read>
bool Evaluation::measure(Measured &image,
                         const std::vector<std::string> &arguments, Json &json,
                         Read read) {
  std::string mode = arguments[0].substr(0, arguments[0].find('='));
  auto number = std::to_string(&image - Images.data() + 1);
  Status.set("qz-eval: " + number + "/" + std::to_string(Images.size()) + " " +
             image.file + " " + mode);
  try {
    json = call(image, arguments);
    read();
    return true;
  } catch (const Error &error) {
    std::string message = "'" + image.file + "' " + mode + ": " + error.what();
    Status.clear();
    Errors << "qz-eval: error: " << message << std::endl;
    image.error = message;
    Failed = true;
    return false;
  }
}

bool Evaluation::readAllFacts() {
  for (Measured &image : Images)
    measure(image, {"--info", "--json"}, image.info,
            [&] { image.facts = readFacts(image.info); });
  return !Failed;
}

void Evaluation::measureAll(const Conditions &conditions) {
  for (Measured &image : Images) {
    bool timed = measure(image, conditions.benchArguments(), image.bench,
                         [&] { image.speed = readSpeed(image.bench); });
    // What failed once would most likely fail again, for the same reason.
    if (timed && conditions.scoring)
      measure(image, conditions.scoreArguments(), image.score, [&] {
        image.perplexity = readPerplexity(image.score, *conditions.scoring);
      });
  }
}

/// Notices before the work what would be a pity after it.
void Evaluation::prepareFolder() const {
  std::error_code failed;
  std::filesystem::create_directories(Options.output, failed);
  if (failed)
    throw Error("cannot make the folder '" + Options.output +
                "': " + failed.message());
  if (::access(Options.output.c_str(), W_OK | X_OK) != 0)
    throw Error("cannot write into '" + Options.output +
                "': " + std::strerror(errno));
}

void Evaluation::writeFile(const std::string &name,
                           const std::string &text) const {
  AtomicFile file((std::filesystem::path(Options.output) / name).string());
  file.append(text);
  file.commit();
}

bool Evaluation::run(std::ostream &results) {
  if (!readAllFacts())
    return false;
  std::vector<Facts> facts;
  for (const Measured &image : Images)
    facts.push_back(image.facts);
  Conditions conditions = resolve(Options, facts);
  if (!Options.output.empty())
    prepareFolder();
  measureAll(conditions);
  Status.clear();
  std::string table = formatTable(Images, conditions);
  results << table << std::flush;
  if (!results)
    throw Error("cannot write the table to the standard output");
  if (!Options.output.empty()) {
    writeFile("results.json", formatJson(Images, conditions));
    writeFile("table.md", table);
  }
  return !Failed;
}

} // namespace

bool evaluateImages(const EvalOptions &options, std::ostream &results,
                    std::ostream &errors) {
  return Evaluation(options, errors).run(results);
}

} // namespace qzc::evaltool
