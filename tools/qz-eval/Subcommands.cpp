//===- Subcommands.cpp - What the Python package does ---------------------===//

#include "Subcommands.h"

#include "qzc/Support/Error.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <unistd.h>

namespace qzc {

const std::vector<Subcommand> &pythonSubcommands() {
  static const std::vector<Subcommand> kAll = {
      {"sweep", "Compile a model under many selections, measure each, report"},
      {"convert", "Turn published benchmarks into items for tasks"},
      {"card", "Make a folder for the Hugging Face Hub of a report"},
      {"report", "Write the report on results that are there"},
  };
  return kAll;
}

bool isPythonSubcommand(const std::string &argument) {
  const std::vector<Subcommand> &all = pythonSubcommands();
  return std::any_of(all.begin(), all.end(), [&](const Subcommand &command) {
    return argument == command.name;
  });
}

void runInPython(int argc, char **argv) {
  namespace fs = std::filesystem;
  std::error_code ignored;
  // The package finds qzc and this program there.
  fs::path folder = fs::read_symlink("/proc/self/exe", ignored).parent_path();
  ::setenv("QZC_BIN_DIR", folder.c_str(), /*overwrite=*/1);
  const char *named = std::getenv("QZ_EVAL_PYTHON");
  std::string python = named ? named : QZC_PYTHON;
  if (!named && !fs::exists(python, ignored))
    python = "python3";
  std::vector<char *> words = {python.data(), const_cast<char *>("-m"),
                               const_cast<char *>("qz_eval")};
  words.insert(words.end(), argv + 1, argv + argc);
  words.push_back(nullptr);
  ::execvp(words[0], words.data());
  throw Error("cannot run '" + python + "': " + std::strerror(errno) +
              "; QZ_EVAL_PYTHON names another Python");
}

} // namespace qzc
