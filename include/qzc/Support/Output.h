//===- Output.h - Results to stdout, failures noticed -----------*- C++ -*-===//

#ifndef QZC_SUPPORT_OUTPUT_H
#define QZC_SUPPORT_OUTPUT_H

#include <string_view>

namespace qzc {

/// Whoever read the output has gone; nothing is left to say.
struct BrokenPipe {};

/// Unbuffered results, so that text appears as it is made and no failure waits
/// for the end of the process.
class Output {
public:
  explicit Output(int fd = 1) : Fd(fd) {}
  /// Writes all of `text`. Throws BrokenPipe, or qzc::Error (a full disk).
  void write(std::string_view text) const;

private:
  int Fd;
};

} // namespace qzc

#endif // QZC_SUPPORT_OUTPUT_H
