//===- KeepBase.h - The base's logits, kept in a file -----------*- C++ -*-===//

#ifndef QZC_LIB_EVALTOOL_KEEPBASE_H
#define QZC_LIB_EVALTOOL_KEEPBASE_H

#include "LogitsReader.h"
#include "qzc/Support/AtomicFile.h"

#include <optional>
#include <ostream>
#include <string>

namespace qzc::evaltool {

/// Writes what a comparison reads from its base to a file of logits
/// (Evaluate/LogitsFile.h), in the course of the first comparison that comes to
/// its end: the base's are the same in all of them.
class KeepBase {
public:
  /// An empty path keeps nothing.
  KeepBase(std::string path, std::ostream &messages)
      : Path(std::move(path)), Messages(messages) {}

  /// Says how large the file gets, and throws away what a comparison that
  /// failed began. Throws qzc::Error where it cannot be written or there is no
  /// room for it.
  void begin(const evaluate::LogitsShape &shape);
  /// The next `count` records.
  void append(const LogitsReader &rows, int64_t count);
  void commit();

private:
  std::string Path; ///< empty: kept already, or not wanted
  std::ostream &Messages;
  std::optional<AtomicFile> File;
};

} // namespace qzc::evaltool

#endif // QZC_LIB_EVALTOOL_KEEPBASE_H
