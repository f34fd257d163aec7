//===- LogitsWriter.cpp - Logits of scored tokens on their way out --------===//

#include "LogitsWriter.h"

#include "qzc/Support/Error.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace qzc::runtime {

static bool isPipe(const std::string &path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 && S_ISFIFO(status.st_mode);
}

LogitsWriter::LogitsWriter(const std::string &path,
                           const evaluate::LogitsShape &shape)
    : Vocab(shape.vocab) {
  if (isPipe(path)) {
    Pipe = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
    if (Pipe < 0)
      throw Error("cannot write to '" + path + "': " + std::strerror(errno));
  } else {
    File.emplace(path);
  }
  const std::string head = evaluate::logitsHead(shape);
  write(head.data(), head.size());
}

LogitsWriter::~LogitsWriter() {
  if (Pipe >= 0)
    ::close(Pipe);
}

void LogitsWriter::write(const void *data, size_t bytes) {
  if (File)
    File->append(data, bytes);
  else
    Output(Pipe).write({static_cast<const char *>(data), bytes});
}

void LogitsWriter::append(int32_t target, const float *logits) {
  write(&target, sizeof target);
  write(logits, static_cast<size_t>(Vocab) * sizeof(float));
}

void LogitsWriter::commit() {
  if (File)
    File->commit();
}

} // namespace qzc::runtime
