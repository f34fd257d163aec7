//===- Base64.cpp - Bytes that stand in a text ----------------------------===//

#include "qzc/Support/Base64.h"

#include <nettle/base64.h>

namespace qzc {

std::optional<std::string> fromBase64(std::string_view text) {
  base64_decode_ctx context;
  base64_decode_init(&context);
  std::string out(BASE64_DECODE_LENGTH(text.size()), '\0');
  size_t bytes = out.size();
  if (!base64_decode_update(&context, &bytes,
                            reinterpret_cast<uint8_t *>(out.data()),
                            text.size(), text.data()) ||
      !base64_decode_final(&context))
    return std::nullopt;
  out.resize(bytes);
  return out;
}

} // namespace qzc
