//===- Folder.cpp - The folder that results go to -------------------------===//

#include "Folder.h"

#include "qzc/Support/AtomicFile.h"
#include "qzc/Support/Error.h"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <unistd.h>

namespace qzc::evaltool {

namespace fs = std::filesystem;

void Folder::prepare(const std::vector<std::string> &names,
                     const std::vector<InputFile> &inputs) const {
  for (const std::string &name : names)
    checkIsNoInput("-o", (fs::path(Path) / name).string(), inputs);
  std::error_code failed;
  fs::create_directories(Path, failed);
  if (failed)
    throw Error("cannot make the folder '" + Path + "': " + failed.message());
  if (::access(Path.c_str(), W_OK | X_OK) != 0)
    throw Error("cannot write into '" + Path + "': " + std::strerror(errno));
}

void Folder::write(const std::string &name, const std::string &text) const {
  AtomicFile file((fs::path(Path) / name).string());
  file.append(text);
  file.commit();
}

} // namespace qzc::evaltool
