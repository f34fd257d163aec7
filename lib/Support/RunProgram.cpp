//===- RunProgram.cpp - A program run to its end --------------------------===//
//
// The program's input and outputs are files in memory: no pipe can fill up, and
// nothing has to be read while it runs.
//
//===----------------------------------------------------------------------===//

#include "qzc/Support/RunProgram.h"

#include "qzc/Support/Error.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

namespace qzc {

namespace {

[[noreturn]] void failed(const std::string &program, int error) {
  throw Error("cannot run '" + program + "': " + std::strerror(error));
}

/// An anonymous file that a started program does not inherit by itself.
class MemoryFile {
public:
  explicit MemoryFile(const std::string &program)
      : Program(program), Descriptor(::memfd_create("qzc", MFD_CLOEXEC)) {
    if (Descriptor < 0)
      failed(Program, errno);
  }
  ~MemoryFile() { ::close(Descriptor); }
  MemoryFile(const MemoryFile &) = delete;
  MemoryFile &operator=(const MemoryFile &) = delete;

  int descriptor() const { return Descriptor; }

  /// Writes all of the text; what reads the file then begins at its start.
  void fill(std::string_view text) {
    while (!text.empty()) {
      const ssize_t count = ::write(Descriptor, text.data(), text.size());
      if (count < 0 && errno != EINTR)
        failed(Program, errno);
      text.remove_prefix(count > 0 ? static_cast<size_t>(count) : 0);
    }
    ::lseek(Descriptor, 0, SEEK_SET);
  }

  std::string contents() const {
    std::string text;
    std::array<char, 65536> part;
    for (;;) {
      const ssize_t count = ::pread(Descriptor, part.data(), part.size(),
                                    static_cast<off_t>(text.size()));
      if (count == 0)
        return text;
      if (count < 0 && errno != EINTR)
        failed(Program, errno);
      text.append(part.data(), count > 0 ? static_cast<size_t>(count) : 0);
    }
  }

private:
  const std::string &Program;
  int Descriptor;
};

} // namespace

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
  MemoryFile in(argv[0]);
  MemoryFile out(argv[0]);
  MemoryFile err(argv[0]);
  in.fill(input);
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
