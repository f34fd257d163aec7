//===- KeepBase.cpp - The base's logits, kept in a file -------------------===//

#include "KeepBase.h"

#include "qzc/Support/Error.h"

#include <filesystem>

namespace qzc::evaltool {

namespace fs = std::filesystem;

static std::string gigabytes(uint64_t bytes) {
  char text[32];
  std::snprintf(text, sizeof text, "%.3f GB", static_cast<double>(bytes) / 1e9);
  return text;
}

void KeepBase::begin(const evaluate::LogitsShape &shape) {
  if (Path.empty())
    return;
  const std::string head = evaluate::logitsHead(shape);
  const uint64_t bytes =
      head.size() + static_cast<uint64_t>(shape.rows * shape.recordBytes());
  Messages << "qz-eval: --keep-base: '" << Path << "' gets " << gigabytes(bytes)
           << " (" << shape.rows << " tokens, " << shape.vocab
           << " logits each)" << std::endl;
  std::error_code failed;
  const fs::path folder = fs::absolute(Path, failed).parent_path();
  const fs::space_info space = fs::space(folder, failed);
  if (!failed && space.available < bytes)
    throw Error("--keep-base: there is no room for '" + Path +
                "': " + gigabytes(bytes) + " are needed, " +
                gigabytes(space.available) + " are free");
  File.emplace(Path);
  File->append(head);
}

void KeepBase::append(const LogitsReader &rows, int64_t count) {
  if (File)
    File->append(rows.records(count));
}

void KeepBase::commit() {
  if (!File)
    return;
  File->commit();
  File.reset();
  Path.clear();
}

} // namespace qzc::evaltool
