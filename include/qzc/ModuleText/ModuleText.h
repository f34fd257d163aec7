//===- ModuleText.h - The text of a module, before it is parsed -*- C++ -*-===//
//
// MLIR's parser and printer recurse wherever text nests. What would take them
// beyond their stack, or an alias that stands for more text than anything
// holds, is refused here.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_MODULETEXT_MODULETEXT_H
#define QZC_MODULETEXT_MODULETEXT_H

#include <string>
#include <string_view>

namespace qzc {

/// Reads the module at `path`, standard input for "-", and checks it. Throws
/// qzc::Error naming the path, and the place of what nests too deeply.
std::string readModuleText(const std::string &path);

/// Throws qzc::Error "<name>:<line>:<column>: …" where brackets or attributes
/// that aliases stand for nest more than 256 deep, an expression has more than
/// 1,000 operators, or aliases stand for more than 2^24 words; and one that
/// names the file alone where it is no text.
void checkModuleText(std::string_view text, const std::string &name);

} // namespace qzc

#endif // QZC_MODULETEXT_MODULETEXT_H
