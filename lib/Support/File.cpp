//===- File.cpp - Files that are read, and what may not replace them ------===//

#include "qzc/Support/File.h"

#include "qzc/Support/Error.h"
#include "qzc/Support/Transfer.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

namespace qzc {

namespace fs = std::filesystem;

static Error noRegularFile(const std::string &path) {
  return Error("cannot read '" + path + "': it is not a regular file");
}

RegularFile::RegularFile(std::string path) : Path(std::move(path)) {
  // Opening alone can already have an effect on what is none. It may have been
  // replaced between the two looks: then at least nothing waits.
  struct stat info = {};
  if (::stat(Path.c_str(), &info) == 0 && !S_ISREG(info.st_mode))
    throw noRegularFile(Path);
  Fd = ::open(Path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (Fd < 0)
    throw Error("cannot open '" + Path + "': " + std::strerror(errno));
  if (::fstat(Fd, &info) != 0 || !S_ISREG(info.st_mode)) {
    ::close(Fd);
    throw noRegularFile(Path);
  }
  Size = static_cast<uint64_t>(info.st_size);
}

RegularFile::RegularFile(RegularFile &&other) noexcept
    : Path(std::move(other.Path)), Fd(std::exchange(other.Fd, -1)),
      Size(other.Size) {}

RegularFile::~RegularFile() {
  if (Fd >= 0)
    ::close(Fd);
}

std::string readFile(const std::string &path, uint64_t most) {
  const RegularFile file(path);
  if (file.size() > most)
    throw Error("cannot read '" + path + "': it has " +
                std::to_string(file.size()) + " bytes, more than " +
                std::to_string(most));
  std::string contents(file.size(), '\0');
  const std::optional<size_t> got =
      readAll(file.descriptor(), 0, contents.data(), contents.size());
  if (!got)
    throw Error("cannot read '" + path + "': " + std::strerror(errno));
  contents.resize(*got);
  return contents;
}

/// The path without links, as far as it exists.
static fs::path place(const fs::path &path) {
  std::error_code failed;
  fs::path result = fs::weakly_canonical(fs::absolute(path), failed);
  return failed ? fs::absolute(path).lexically_normal() : result;
}

bool isSameFile(const std::string &a, const std::string &b) {
  std::error_code ignored;
  return place(a) == place(b) || fs::equivalent(a, b, ignored);
}

void checkIsNoInput(const std::string &option, const std::string &output,
                    const std::vector<InputFile> &inputs) {
  for (const InputFile &input : inputs)
    if (isSameFile(output, input.path))
      throw usageError(option + " '" + output + "' would overwrite " +
                       input.what + ": name another file");
}

} // namespace qzc
