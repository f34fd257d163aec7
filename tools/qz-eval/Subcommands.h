//===- Subcommands.h - What follows the program's name ----------*- C++ -*-===//

#ifndef QZC_TOOLS_QZ_EVAL_SUBCOMMANDS_H
#define QZC_TOOLS_QZ_EVAL_SUBCOMMANDS_H

#include <string>
#include <vector>

namespace qzc {

/// A subcommand written in Python, and what --help says of it.
struct Subcommand {
  const char *name;
  const char *description;
};
const std::vector<Subcommand> &pythonSubcommands();

/// Whether the first argument names one.
bool isPythonSubcommand(const std::string &argument);

/// Becomes `python -m qz_eval ARGUMENTS…`. The interpreter is the one that
/// scripts/setup prepared, or that which the variable QZ_EVAL_PYTHON names.
/// Throws qzc::Error where it cannot be started.
[[noreturn]] void runInPython(int argc, char **argv);

/// `qz-eval tasks …`; the exit code.
int runTasksCommand(int argc, char **argv);

} // namespace qzc

#endif // QZC_TOOLS_QZ_EVAL_SUBCOMMANDS_H
