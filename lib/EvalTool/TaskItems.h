//===- TaskItems.h - Questions with choices, from JSON lines ----*- C++ -*-===//

#ifndef QZC_LIB_EVALTOOL_TASKITEMS_H
#define QZC_LIB_EVALTOOL_TASKITEMS_H

#include <cstdint>
#include <string>
#include <vector>

namespace qzc::evaltool {

/// A question as a model sees it.
struct TaskItem {
  std::vector<std::string> contexts;      ///< one for each choice
  std::vector<std::string> continuations; ///< with the delimiter in front
  std::vector<size_t> lengths;            ///< characters of each choice
  size_t answer = 0;                      ///< index of the right choice
};

struct TaskFile {
  std::vector<TaskItem> items;
  std::string sha256; ///< of the whole file
};

/// Reads at most `limit` items (0: all). Throws qzc::Error naming the file and
/// the line.
TaskFile readTaskItems(const std::string &path, int64_t limit);

/// The requests that ask an executable about all of them, a line each choice.
std::string requestsOf(const std::vector<TaskItem> &items);

} // namespace qzc::evaltool

#endif // QZC_LIB_EVALTOOL_TASKITEMS_H
