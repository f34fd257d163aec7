//===- CodeModules.cpp - Modules out of a section -------------------------===//

#include "qzc/Format/CodeModules.h"

#include "qzc/Support/Error.h"

#include <cstring>
#include <set>
#include <zstd.h>

namespace qzc::format {

/// Far more than a program has.
static constexpr uint64_t kMostBytes = uint64_t{1} << 28;

[[noreturn]] static void fail(const std::string &name, const char *what) {
  throw Error(name + " has no kernels as they are packed (" + what +
              "): compile the file again");
}

static std::vector<char> decompress(std::string_view section,
                                    const std::string &name) {
  const uint64_t bytes =
      ZSTD_getFrameContentSize(section.data(), section.size());
  if (bytes == ZSTD_CONTENTSIZE_ERROR || bytes == ZSTD_CONTENTSIZE_UNKNOWN ||
      bytes > kMostBytes)
    fail(name, "no sound size");
  std::vector<char> content(bytes);
  if (ZSTD_decompress(content.data(), bytes, section.data(), section.size()) !=
      bytes)
    fail(name, "damaged");
  return content;
}

namespace {
/// Takes pieces from the front, each at a multiple of kModuleAlign.
struct Reader {
  std::string_view rest;
  const std::string &name;
  size_t at = 0;

  std::string_view take(size_t bytes) {
    if (bytes > rest.size() - at)
      fail(name, "cut");
    const std::string_view piece = rest.substr(at, bytes);
    at += bytes;
    return piece;
  }
  void skipPadding() {
    const size_t padding = (kModuleAlign - at % kModuleAlign) % kModuleAlign;
    for (char byte : take(padding))
      if (byte != 0)
        fail(name, "not zero between pieces");
  }
};
} // namespace

CodeModules::CodeModules(std::string_view section, const std::string &name)
    : Content(decompress(section, name)) {
  Reader reader{{Content.data(), Content.size()}, name};
  std::set<std::string_view> names;
  while (reader.at != reader.rest.size()) {
    ModuleHeader header = {};
    std::memcpy(&header, reader.take(sizeof(header)).data(), sizeof(header));
    CodeModule module;
    module.kernel = reader.take(header.nameBytes);
    reader.skipPadding();
    module.code = reader.take(header.codeBytes);
    reader.skipPadding();
    if (module.kernel.empty() || module.code.empty())
      fail(name, "an empty piece");
    if (!names.insert(module.kernel).second)
      fail(name, "a kernel twice");
    Modules.push_back(module);
  }
}

} // namespace qzc::format
