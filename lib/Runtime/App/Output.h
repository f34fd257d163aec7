//===- Output.h - Results to stdout, failures noticed -----------*- C++ -*-===//

#ifndef QZC_LIB_RUNTIME_APP_OUTPUT_H
#define QZC_LIB_RUNTIME_APP_OUTPUT_H

#include <string_view>

namespace qzc::runtime {

/// Whoever read the output has gone; nothing is left to say.
struct BrokenPipe {};

/// Unbuffered results, so that text appears as it is made.
class Output {
public:
  explicit Output(int fd) : Fd(fd) {}
  /// Writes all of `text`. Throws BrokenPipe, or qzc::Error (a full disk).
  void write(std::string_view text) const;

private:
  int Fd;
};

} // namespace qzc::runtime

#endif // QZC_LIB_RUNTIME_APP_OUTPUT_H
