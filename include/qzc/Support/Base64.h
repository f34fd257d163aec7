//===- Base64.h - Bytes that stand in a text --------------------*- C++ -*-===//

#ifndef QZC_SUPPORT_BASE64_H
#define QZC_SUPPORT_BASE64_H

#include <optional>
#include <string>
#include <string_view>

namespace qzc {

/// The bytes of a text in base 64; nothing of one that is not.
std::optional<std::string> fromBase64(std::string_view text);

} // namespace qzc

#endif // QZC_SUPPORT_BASE64_H
