//===- LogitsWriter.h - Logits of scored tokens, written --------*- C++ -*-===//

#ifndef QZC_LIB_RUNTIME_APP_LOGITSWRITER_H
#define QZC_LIB_RUNTIME_APP_LOGITSWRITER_H

#include "qzc/Evaluate/LogitsFile.h"
#include "qzc/Support/AtomicFile.h"
#include "qzc/Support/Output.h"

#include <optional>
#include <string>

namespace qzc::runtime {

/// Writes a file of logits (Evaluate/LogitsFile.h): one that appears whole or
/// not at all, or, where `path` is a pipe, record by record. Every failure
/// throws qzc::Error, a reader that has gone BrokenPipe.
class LogitsWriter {
public:
  LogitsWriter(const std::string &path, const evaluate::LogitsShape &shape);
  ~LogitsWriter();
  LogitsWriter(const LogitsWriter &) = delete;
  LogitsWriter &operator=(const LogitsWriter &) = delete;

  void append(int32_t target, const float *logits);
  /// After the last record.
  void commit();

private:
  void write(const void *data, size_t bytes);

  int64_t Vocab;
  std::optional<AtomicFile> File;
  int Pipe = -1; ///< instead of File
};

} // namespace qzc::runtime

#endif // QZC_LIB_RUNTIME_APP_LOGITSWRITER_H
