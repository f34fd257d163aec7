//===- CodeModules.h - A program's kernels in a section of code -*- C++ -*-===//
//
// What a Cubin or Ptx section of an image holds: one zstd frame with the
// content's size in its header, in which, for each kernel instance of the
// architecture's program, one behind the other:
//
//   ModuleHeader  little endian
//   name          of the instance, as launches call it; zeros up to a multiple
//                 of kModuleAlign, counted from the frame's first byte
//   code          a cubin, or PTX text with its NUL at the end; zeros likewise
//
// An instance is a module of its own, so that it is compiled once for all
// models that have it; compressed together, what they share costs little.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_FORMAT_CODEMODULES_H
#define QZC_FORMAT_CODEMODULES_H

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace qzc::format {

struct ModuleHeader {
  uint32_t nameBytes;
  uint32_t codeBytes;
};
static_assert(sizeof(ModuleHeader) == 8);

/// Also what drivers want of code in memory.
inline constexpr size_t kModuleAlign = 16;

struct CodeModule {
  std::string_view kernel;
  std::string_view code;
};

/// The section of these modules. The same modules give the same bytes.
std::string packModules(const std::vector<CodeModule> &modules);

/// The modules of a section, unpacked.
class CodeModules {
public:
  /// Throws qzc::Error saying what is wrong with it where `section` is none;
  /// there it is called `name`.
  CodeModules(std::string_view section, const std::string &name);
  CodeModules(const CodeModules &) = delete;
  CodeModules &operator=(const CodeModules &) = delete;

  /// They point into this object.
  const std::vector<CodeModule> &modules() const { return Modules; }

private:
  std::vector<char> Content;
  std::vector<CodeModule> Modules;
};

} // namespace qzc::format

#endif // QZC_FORMAT_CODEMODULES_H
