//===- LogitsFile.h - Logits of scored tokens as a NumPy array --*- C++ -*-===//
//
// What `--score FILE --logits OUT` writes and qz-eval reads: an .npy of records
// (target int32, logits float32[vocab]), one for each scored token, in the
// order of the text. A NumPy user loads it as it is; a reader of a pipe knows
// from the head how much follows.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_EVALUATE_LOGITSFILE_H
#define QZC_EVALUATE_LOGITSFILE_H

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace qzc::evaluate {

struct LogitsShape {
  int64_t rows = 0;
  int64_t vocab = 0;

  /// The target, and the logits behind it.
  int64_t recordBytes() const { return 4 + 4 * vocab; }
};

/// All bytes before the first record.
std::string logitsHead(const LogitsShape &shape);

/// Bytes of a head, from its first npyPrefixBytes; nothing where they are none.
/// The shape of a whole head; nothing where it is not exactly what logitsHead
/// writes.
std::optional<LogitsShape> parseLogitsHead(std::string_view head);

} // namespace qzc::evaluate

#endif // QZC_EVALUATE_LOGITSFILE_H
