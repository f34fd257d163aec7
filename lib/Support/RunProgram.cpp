//===- RunProgram.cpp - A program run to its end --------------------------===//
//
// The program's input and outputs are files in memory: no pipe can fill up, and
// nothing has to be read while it runs.
//
//===----------------------------------------------------------------------===//

#include "qzc/Support/RunProgram.h"

#include "qzc/Support/Error.h"
#include "qzc/Support/MemoryFile.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

namespace qzc {

[[noreturn]] static void failed(const std::string &program, int error) {
  throw Error("cannot run '" + program + "': " + std::strerror(error));
}

/// Starts the program with the three files as its standard ones.
static pid_t start(const std::vector<std::string> &argv,
                   const std::array<int, 3> &files) {
  std::vector<char *> words;
  words.reserve(argv.size() + 1);
  for (const std::string &word : argv)
    words.push_back(const_cast<char *>(word.c_str()));
  words.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  int error = posix_spawn_file_actions_init(&actions);
  for (int i = 0; error == 0 && i < 3; ++i)
    error = posix_spawn_file_actions_adddup2(&actions, files[i], i);
  pid_t id = -1;
  if (error == 0)
    error =
        posix_spawn(&id, words[0], &actions, nullptr, words.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0)
    failed(argv[0], error);
  return id;
}

ProgramResult runProgram(const std::vector<std::string> &argv,
                         std::string_view input) {
  const MemoryFile in(input);
  const MemoryFile out;
  const MemoryFile err;
  const pid_t id =
      start(argv, {in.descriptor(), out.descriptor(), err.descriptor()});
  int status = 0;
  while (::waitpid(id, &status, 0) < 0)
    if (errno != EINTR)
      failed(argv[0], errno);
  ProgramResult result;
  if (WIFSIGNALED(status))
    result.signal = WTERMSIG(status);
  else
    result.exitCode = WEXITSTATUS(status);
  result.out = out.contents();
  result.err = err.contents();
  return result;
}

} // namespace qzc
