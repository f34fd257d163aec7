//===- Output.cpp - Results to stdout, failures noticed -------------------===//

#include "qzc/Support/Output.h"

#include "qzc/Support/Error.h"

#include <cerrno>
#include <cstring>
#include <unistd.h>

namespace qzc {

void Output::write(std::string_view text) const {
  while (!text.empty()) {
    ssize_t written = ::write(Fd, text.data(), text.size());
    if (written >= 0) {
      text.remove_prefix(static_cast<size_t>(written));
      continue;
    }
    if (errno == EINTR)
      continue;
    if (errno == EPIPE)
      throw BrokenPipe();
    throw Error(std::string("cannot write the output: ") +
                std::strerror(errno));
  }
}

} // namespace qzc
