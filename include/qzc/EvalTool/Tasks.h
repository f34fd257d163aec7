//===- Tasks.h - Multiple choice, answered by executables -------*- C++ -*-===//

#ifndef QZC_EVALTOOL_TASKS_H
#define QZC_EVALTOOL_TASKS_H

#include <cstdint>
#include <ostream>
#include <string>
#include <vector>

namespace qzc::evaltool {

struct TaskOptions {
  /// JSON lines, an item each: "question", "choices", "answer" (an index), and
  /// maybe "prefix" (few-shot examples in front of the question), "delimiter"
  /// (between question and choice, a space by default). A "question" that is a
  /// list has one text for each choice.
  std::string file;
  std::vector<std::string> images;
  std::string base;   ///< executable to compare the others with; empty: none
  std::string output; ///< folder for tasks.json; empty: none
  int64_t limit = 0;  ///< the first so many items; 0: all
  std::string device = "auto";
  int threads = 0; ///< 0: the executable's choice
};

/// Lets every executable answer and prints accuracies to `results`. One that
/// fails is named on `errors` and has a row of dashes; the return value is
/// whether there was none. Throws qzc::Error where the items cannot be read or
/// the output cannot be written.
bool runTasks(const TaskOptions &options, std::ostream &results,
              std::ostream &errors);

} // namespace qzc::evaltool

#endif // QZC_EVALTOOL_TASKS_H
