//===- MemoryFile.cpp - A file that is on no disk -------------------------===//

#include "qzc/Support/MemoryFile.h"

#include "qzc/Support/Error.h"
#include "qzc/Support/Output.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <sys/mman.h>
#include <unistd.h>

namespace qzc {

[[noreturn]] static void failed(int error) {
  throw Error(std::string("cannot use a file in memory: ") +
              std::strerror(error));
}

MemoryFile::MemoryFile(std::string_view text)
    : Descriptor(::memfd_create("qzc", MFD_CLOEXEC)) {
  if (Descriptor < 0)
    failed(errno);
  Output(Descriptor).write(text);
  ::lseek(Descriptor, 0, SEEK_SET);
}

MemoryFile::~MemoryFile() { ::close(Descriptor); }

std::string MemoryFile::path() const {
  return "/proc/" + std::to_string(::getpid()) + "/fd/" +
         std::to_string(Descriptor);
}

std::string MemoryFile::contents() const {
  std::string text;
  std::array<char, 65536> part;
  for (;;) {
    const ssize_t count = ::pread(Descriptor, part.data(), part.size(),
                                  static_cast<off_t>(text.size()));
    if (count == 0)
      return text;
    if (count < 0 && errno != EINTR)
      failed(errno);
    text.append(part.data(), count > 0 ? static_cast<size_t>(count) : 0);
  }
}

} // namespace qzc
