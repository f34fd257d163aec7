//===- CodeCache.cpp - Compiled code on disk ------------------------------===//

#include "CodeCache.h"

#include "qzc/Support/AtomicFile.h"
#include "qzc/Support/Error.h"
#include "qzc/Support/File.h"

#include <cstdlib>
#include <cstring>
#include <filesystem>

using namespace qzc;
using namespace qzc::cuda;

/// Far more than a program has.
static constexpr uint64_t kMostEntryBytes = uint64_t{1} << 28;

static std::string variable(const char *name) {
  const char *value = std::getenv(name);
  return value ? value : "";
}

CodeCache::CodeCache() {
  Folder = variable("QZC_CACHE_DIR");
  if (Folder.empty() && !variable("XDG_CACHE_HOME").empty())
    Folder = variable("XDG_CACHE_HOME") + "/qzc";
  if (Folder.empty() && !variable("HOME").empty())
    Folder = variable("HOME") + "/.cache/qzc";
}

std::optional<std::string> CodeCache::load(const std::string &key) const {
  if (Folder.empty())
    return std::nullopt;
  std::string content;
  try {
    content = readFile(Folder + "/" + key, kMostEntryBytes);
  } catch (const Error &) {
    return std::nullopt; // none, or nothing that was stored here
  }
  Sha256Digest digest;
  if (content.size() <= digest.size())
    return std::nullopt;
  std::memcpy(digest.data(), content.data(), digest.size());
  content.erase(0, digest.size());
  if (sha256(content.data(), content.size()) != digest)
    return std::nullopt;
  return content;
}

void CodeCache::store(const std::string &key, const std::string &bytes) {
  const std::lock_guard<std::mutex> alone(Storing);
  if (Folder.empty())
    return;
  std::error_code ignored;
  std::filesystem::create_directories(Folder, ignored);
  try {
    AtomicFile file(Folder + "/" + key);
    const Sha256Digest digest = sha256(bytes.data(), bytes.size());
    file.append(digest.data(), digest.size());
    file.append(bytes);
    file.commit();
  } catch (const Error &) {
    // An unwritable cache only costs time; what else would go there is not
    // tried.
    Folder.clear();
  }
}
