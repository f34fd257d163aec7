//===- LogitsReader.cpp - Logits out of an executable's pipe --------------===//

#include "LogitsReader.h"

#include "qzc/Support/Error.h"
#include "qzc/Support/Npy.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <unistd.h>

namespace qzc::evaltool {

static constexpr int64_t kBatchBytes = int64_t{16} << 20;
static constexpr int kPipeBytes = 1 << 20;

LogitsReader::LogitsReader(int fd) : Fd(fd) {
  // Fewer switches between the processes; as many as the system allows.
  (void)::fcntl(fd, F_SETPIPE_SZ, kPipeBytes);
  std::string head(kNpyPrefixBytes, '\0');
  bool whole = readAll(head.data(), head.size());
  auto bytes = whole ? npyHeadBytes(head) : std::nullopt;
  if (bytes && *bytes >= kNpyPrefixBytes) {
    head.resize(*bytes);
    whole = readAll(head.data() + kNpyPrefixBytes, *bytes - kNpyPrefixBytes);
  }
  auto shape = whole ? evaluate::parseLogitsHead(head) : std::nullopt;
  if (!shape)
    throw Error("it wrote no logits; was it made by another version of qzc?");
  Shape = *shape;
}

int64_t LogitsReader::largestBatch() const {
  return std::max<int64_t>(1, kBatchBytes / Shape.recordBytes());
}

void LogitsReader::read(int64_t count) {
  Batch.resize(static_cast<size_t>(count * (1 + Shape.vocab)));
  if (!readAll(Batch.data(), static_cast<size_t>(count * Shape.recordBytes())))
    throw Error("its logits end before the last token");
}

int32_t LogitsReader::target(int64_t index) const {
  int32_t value = 0;
  std::memcpy(&value, logits(index) - 1, sizeof value);
  return value;
}

const float *LogitsReader::logits(int64_t index) const {
  return Batch.data() + index * (1 + Shape.vocab) + 1;
}

std::string_view LogitsReader::records(int64_t count) const {
  return {reinterpret_cast<const char *>(Batch.data()),
          static_cast<size_t>(count * Shape.recordBytes())};
}

bool LogitsReader::readAll(void *data, size_t bytes) const {
  auto *at = static_cast<char *>(data);
  while (bytes > 0) {
    const ssize_t count = ::read(Fd, at, bytes);
    if (count < 0 && errno == EINTR)
      continue;
    if (count < 0)
      throw Error(std::string("cannot read its logits: ") +
                  std::strerror(errno));
    if (count == 0)
      return false;
    at += count;
    bytes -= static_cast<size_t>(count);
  }
  return true;
}

} // namespace qzc::evaltool
