//===- ByteLevel.h - Bytes written as printable characters ------*- C++ -*-===//
//
// GPT-2's way of writing any byte as one character: printable Latin-1 stands
// for itself, the other 68 bytes follow from U+0100 on.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_LIB_TOKENIZER_BYTELEVEL_H
#define QZC_LIB_TOKENIZER_BYTELEVEL_H

#include <optional>
#include <string>
#include <string_view>

namespace qzc::tokenizer {

/// Appends each byte as its character.
void appendByteLevel(std::string_view bytes, std::string &out);

/// The bytes behind byte-level characters; nothing if any is none of them.
std::optional<std::string> fromByteLevel(std::string_view text);

} // namespace qzc::tokenizer

#endif // QZC_LIB_TOKENIZER_BYTELEVEL_H
