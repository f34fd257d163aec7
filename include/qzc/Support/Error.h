//===- Error.h - The one way a user-facing failure travels ------*- C++ -*-===//
//
// Everything outside MLIR (whose passes use diagnostics) reports a failure by
// throwing qzc::Error. The message is one line that says what is wrong, where
// (file, tensor, option) and what to do; tool mains print it after "TOOL: " on
// stderr and exit with its code.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_SUPPORT_ERROR_H
#define QZC_SUPPORT_ERROR_H

#include <stdexcept>
#include <string>

namespace qzc {

/// Exit codes of every tool: 1, the work failed; 2, the call was wrong.
enum class ExitCode : int { Failed = 1, Usage = 2 };

/// A failure that a user can act on.
class Error : public std::runtime_error {
public:
  explicit Error(const std::string &message, ExitCode code = ExitCode::Failed)
      : std::runtime_error(message), Code(code) {}

  ExitCode code() const { return Code; }

private:
  ExitCode Code;
};

/// A failure caused by how the tool was called (exit code 2).
inline Error usageError(const std::string &message) {
  return Error(message, ExitCode::Usage);
}

} // namespace qzc

#endif // QZC_SUPPORT_ERROR_H
