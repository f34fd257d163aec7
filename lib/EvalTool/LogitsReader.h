//===- LogitsReader.h - Logits out of an executable's pipe ------*- C++ -*-===//

#ifndef QZC_LIB_EVALTOOL_LOGITSREADER_H
#define QZC_LIB_EVALTOOL_LOGITSREADER_H

#include "qzc/Evaluate/LogitsFile.h"

#include <string_view>
#include <vector>

namespace qzc::evaltool {

/// Reads a file of logits (Evaluate/LogitsFile.h) from a pipe, a batch of
/// records at a time.
class LogitsReader {
public:
  /// Reads the head. Throws qzc::Error where there is none.
  explicit LogitsReader(int fd);

  const evaluate::LogitsShape &shape() const { return Shape; }
  /// The most that a batch may hold.
  int64_t largestBatch() const;
  /// Reads the next `count` records. Throws qzc::Error where there are fewer.
  void read(int64_t count);
  /// Of record `index` of the batch.
  int32_t target(int64_t index) const;
  const float *logits(int64_t index) const;
  /// The first `count` records of the batch, as they were read.
  std::string_view records(int64_t count) const;

private:
  /// False where the pipe ends before.
  bool readAll(void *data, size_t bytes) const;

  int Fd;
  evaluate::LogitsShape Shape;
  std::vector<float> Batch; ///< records: the target's bits, then the logits
};

} // namespace qzc::evaltool

#endif // QZC_LIB_EVALTOOL_LOGITSREADER_H
