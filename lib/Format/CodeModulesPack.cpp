//===- CodeModulesPack.cpp - Modules into a section -----------------------===//
//
// Apart from CodeModules.cpp, so that no runtime holds a compressor.
//
//===----------------------------------------------------------------------===//

#include "qzc/Format/CodeModules.h"

#include "qzc/Support/Error.h"

#include <zstd.h>

namespace qzc::format {

/// Higher levels take ten times as long for a tenth less.
static constexpr int kLevel = 9;

static void pad(std::string &content) {
  content.resize((content.size() + kModuleAlign - 1) / kModuleAlign *
                 kModuleAlign);
}

std::string packModules(const std::vector<CodeModule> &modules) {
  std::string content;
  for (const CodeModule &module : modules) {
    const ModuleHeader header = {static_cast<uint32_t>(module.kernel.size()),
                                 static_cast<uint32_t>(module.code.size())};
    content.append(reinterpret_cast<const char *>(&header), sizeof(header));
    content.append(module.kernel);
    pad(content);
    content.append(module.code);
    pad(content);
  }
  std::string section(ZSTD_compressBound(content.size()), '\0');
  const size_t bytes = ZSTD_compress(section.data(), section.size(),
                                     content.data(), content.size(), kLevel);
  if (ZSTD_isError(bytes))
    throw Error(std::string("zstd: compressing GPU code failed: ") +
                ZSTD_getErrorName(bytes));
  section.resize(bytes);
  return section;
}

} // namespace qzc::format
