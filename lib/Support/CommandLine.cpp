//===- CommandLine.cpp - What the tools' command lines share --------------===//

#include "qzc/Support/CommandLine.h"

#include "qzc/Support/OneLine.h"
#include "qzc/Support/Output.h"
#include "qzc/Support/Process.h"

#include <cstdio>
#include <new>

namespace qzc {

bool parseArguments(CLI::App &app, int argc, const char *const *argv) {
  try {
    app.parse(argc, argv);
    return true;
  } catch (const CLI::CallForHelp &) {
    Output().write(app.help());
  } catch (const CLI::CallForVersion &version) {
    Output().write(std::string(version.what()) + "\n");
  } catch (const CLI::ParseError &error) {
    throw usageError(std::string(error.what()) + " (see --help)");
  }
  return false;
}

static int fail(const std::string &name, const char *message, ExitCode code) {
  std::fprintf(stderr, "%s: error: %s\n", name.c_str(),
               oneLine(message).c_str());
  return static_cast<int>(code);
}

int exitCodeOf(const std::string &name, const std::function<int()> &work) {
  try {
    return work();
  } catch (const BrokenPipe &) {
    return static_cast<int>(ExitCode::Failed);
  } catch (const Error &error) {
    return fail(name, error.what(), error.code());
  } catch (const std::bad_alloc &) {
    return fail(name, "out of memory", ExitCode::Failed);
  } catch (const std::exception &error) {
    return fail(name, error.what(), ExitCode::Failed);
  }
}

int runTool(const std::string &name, const std::function<int()> &work) {
  prepareProcess();
  return exitCodeOf(name, work);
}

} // namespace qzc
