//===- Tasks.cpp - Multiple choice, answered by executables ---------------===//

#include "qzc/EvalTool/Tasks.h"

#include "Execute.h"
#include "Folder.h"
#include "Report.h"
#include "StatusLine.h"
#include "TaskItems.h"
#include "qzc/Evaluate/Choice.h"
#include "qzc/Support/Error.h"
#include "qzc/Support/MemoryFile.h"
#include "qzc/Support/OneLine.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <optional>
#include <sstream>

namespace qzc::evaltool {

namespace {

/// What an executable answered.
struct Answers {
  std::vector<std::vector<double>> logLikelihoods; ///< by item and choice
  std::vector<evaluate::Choice> choices;
  std::vector<bool> right;
  std::vector<bool> rightByLength;
  int64_t cut = 0; ///< choices whose context did not fit
};

struct ModelAnswers {
  std::string file;
  std::optional<Answers> answers;
  std::string error;
};

double readAnswer(const std::string &line, int64_t &cut) {
  const Json json = Json::parse(line, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object() || !json.contains("logprob") ||
      !json["logprob"].is_number())
    throw Error("its answers are no log-likelihoods; was it made by another "
                "version of qzc?");
  cut += json.contains("dropped") ? 1 : 0;
  return json["logprob"].get<double>();
}

Answers readAnswers(const std::string &text,
                    const std::vector<TaskItem> &items) {
  Answers answers;
  std::istringstream lines(text);
  for (const TaskItem &item : items) {
    std::vector<double> values;
    for (size_t i = 0; i < item.contexts.size(); ++i) {
      std::string line;
      if (!std::getline(lines, line))
        throw Error("its answers end before the last question");
      values.push_back(readAnswer(line, answers.cut));
    }
    const evaluate::Choice choice = evaluate::choose(values, item.lengths);
    answers.logLikelihoods.push_back(std::move(values));
    answers.choices.push_back(choice);
    answers.right.push_back(choice.likeliest == item.answer);
    answers.rightByLength.push_back(choice.likeliestByLength == item.answer);
  }
  return answers;
}

constexpr const char *kTasksName = "tasks.json";

class TaskRun {
public:
  TaskRun(const TaskOptions &options, std::ostream &errors)
      : Options(options), Errors(errors), OutputFolder(options.output),
        Questions(readTaskItems(options.file, options.limit)) {
    for (const std::string &image : options.images)
      Models.push_back({image, std::nullopt, ""});
    if (!options.base.empty() && !find(options.base))
      Models.push_back({options.base, std::nullopt, ""});
  }

  bool run(std::ostream &results);

private:
  void answer(ModelAnswers &model, const std::string &requests);
  const ModelAnswers *find(const std::string &file) const;
  /// The base's answers, where there are some and `model` is another one.
  const Answers *baseOf(const ModelAnswers &model) const;
  std::vector<InputFile> inputs() const;
  std::string table() const;
  Json toJson() const;

  const TaskOptions &Options;
  std::ostream &Errors;
  Folder OutputFolder;
  TaskFile Questions;
  std::vector<ModelAnswers> Models; ///< the base among them
  StatusLine Status;
};

const ModelAnswers *TaskRun::find(const std::string &file) const {
  auto found = std::find_if(
      Models.begin(), Models.end(), [&](const ModelAnswers &model) {
        std::error_code ignored;
        return std::filesystem::equivalent(model.file, file, ignored);
      });
  return found == Models.end() ? nullptr : &*found;
}

const Answers *TaskRun::baseOf(const ModelAnswers &model) const {
  if (Options.base.empty())
    return nullptr;
  const ModelAnswers *base = find(Options.base);
  return base && base != &model && base->answers ? &*base->answers : nullptr;
}

void TaskRun::answer(ModelAnswers &model, const std::string &requests) {
  std::vector<std::string> argv = {model.file, "--requests=" + requests,
                                   "--device=" + Options.device};
  if (Options.threads > 0)
    argv.push_back("--threads=" + std::to_string(Options.threads));
  try {
    Status.set("qz-eval: " + model.file + " answers");
    const Outcome outcome = runProcess(argv, [&] { Status.refresh(); });
    requireSuccess(outcome, model.file);
    model.answers = readAnswers(outcome.out, Questions.items);
  } catch (const Error &error) {
    model.error = oneLine("'" + model.file + "' --requests: " + error.what());
    Status.clear();
    Errors << "qz-eval: error: " << model.error << std::endl;
  }
}

std::string percent(const evaluate::Estimate &estimate) {
  char text[64];
  std::snprintf(text, sizeof text, "%.2f ± %.2f", 100 * estimate.value,
                100 * estimate.error);
  return text;
}

std::string TaskRun::table() const {
  const bool compared = !Options.base.empty();
  std::string text = "| executable | accuracy % | by length % |";
  text += compared ? " Δ accuracy % | Δ by length % |\n" : "\n";
  text += "| --- | ---: | ---: |";
  text += compared ? " ---: | ---: |\n" : "\n";
  for (const ModelAnswers &model : Models) {
    std::vector<std::string> cells = {
        std::filesystem::path(model.file).filename().string()};
    if (model.answers) {
      cells.push_back(percent(evaluate::accuracy(model.answers->right)));
      cells.push_back(
          percent(evaluate::accuracy(model.answers->rightByLength)));
    }
    if (const Answers *base = baseOf(model); base && model.answers) {
      cells.push_back(percent(
          evaluate::accuracyDifference(model.answers->right, base->right)));
      cells.push_back(percent(evaluate::accuracyDifference(
          model.answers->rightByLength, base->rightByLength)));
    }
    cells.resize(compared ? 5 : 3, "–");
    text += "|";
    for (const std::string &cell : cells)
      text += " " + cell + " |";
    text += "\n";
  }
  text += "\n" + std::to_string(Questions.items.size()) + " questions of " +
          std::filesystem::path(Options.file).filename().string() +
          " (SHA-256 " + Questions.sha256 +
          "): the choice of the highest log-likelihood, and of the highest "
          "one a character; ± standard error";
  return text + (compared ? ", that of differences paired.\n" : ".\n");
}

Json TaskRun::toJson() const {
  Json json;
  json["version"] = 1;
  json["conditions"] = {
      {"commit", builtFrom()},
      {"machine", jsonOf(thisMachine())},
      {"file", Options.file},
      {"sha256", Questions.sha256},
      {"items", Questions.items.size()},
      {"device", Options.device},
  };
  if (!Options.base.empty())
    json["conditions"]["base"] = Options.base;
  json["executables"] = Json::array();
  for (const ModelAnswers &model : Models) {
    Json entry = {{"file", model.file}};
    if (!model.error.empty())
      entry["error"] = model.error;
    if (const auto &answers = model.answers) {
      addEstimate(entry, "acc", evaluate::accuracy(answers->right));
      addEstimate(entry, "acc_norm",
                  evaluate::accuracy(answers->rightByLength));
      if (const Answers *base = baseOf(model)) {
        addEstimate(entry, "acc_difference",
                    evaluate::accuracyDifference(answers->right, base->right));
        addEstimate(entry, "acc_norm_difference",
                    evaluate::accuracyDifference(answers->rightByLength,
                                                 base->rightByLength));
      }
      entry["choices_cut"] = answers->cut;
      entry["items"] = Json::array();
      for (size_t i = 0; i < Questions.items.size(); ++i)
        entry["items"].push_back(
            {{"answer", Questions.items[i].answer},
             {"likeliest", answers->choices[i].likeliest},
             {"likeliest_by_length", answers->choices[i].likeliestByLength},
             {"log_likelihoods", answers->logLikelihoods[i]}});
    }
    json["executables"].push_back(std::move(entry));
  }
  return json;
}

std::vector<InputFile> TaskRun::inputs() const {
  std::vector<InputFile> files = {{"the items", Options.file}};
  for (const ModelAnswers &model : Models)
    files.push_back({"'" + model.file + "'", model.file});
  return files;
}

bool TaskRun::run(std::ostream &results) {
  if (OutputFolder.wanted())
    OutputFolder.prepare({kTasksName}, inputs());
  {
    const MemoryFile requests(requestsOf(Questions.items));
    for (ModelAnswers &model : Models)
      answer(model, requests.path());
  }
  Status.clear();
  if (OutputFolder.wanted())
    OutputFolder.write(kTasksName, textOf(toJson()));
  results << table() << std::flush;
  if (!results)
    throw Error("cannot write the table to the standard output");
  return std::all_of(
      Models.begin(), Models.end(),
      [](const ModelAnswers &model) { return model.error.empty(); });
}

} // namespace

bool runTasks(const TaskOptions &options, std::ostream &results,
              std::ostream &errors) {
  return TaskRun(options, errors).run(results);
}

} // namespace qzc::evaltool
