//===- Hash.cpp - SHA-256 (nettle) and XXH3 (xxhash) ----------------------===//

#include "qzc/Support/Hash.h"

#include <nettle/sha2.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

namespace qzc {

struct Sha256::State {
  sha256_ctx context;
};

Sha256::Sha256() : Impl(std::make_unique<State>()) {
  sha256_init(&Impl->context);
}

Sha256::~Sha256() = default;

void Sha256::update(const void *data, size_t bytes) {
  sha256_update(&Impl->context, bytes, static_cast<const uint8_t *>(data));
}

Sha256Digest Sha256::finish() {
  Sha256Digest digest;
  sha256_digest(&Impl->context, digest.size(), digest.data());
  return digest;
}

struct Xxh3::State {
  alignas(64) XXH3_state_t state;
};

Xxh3::Xxh3() : Impl(std::make_unique<State>()) {
  XXH3_64bits_reset(&Impl->state);
}

Xxh3::~Xxh3() = default;

void Xxh3::update(const void *data, size_t bytes) {
  XXH3_64bits_update(&Impl->state, data, bytes);
}

uint64_t Xxh3::finish() const { return XXH3_64bits_digest(&Impl->state); }

Sha256Digest sha256(const void *data, size_t bytes) {
  Sha256 hash;
  hash.update(data, bytes);
  return hash.finish();
}

uint64_t xxh3(const void *data, size_t bytes) {
  return XXH3_64bits(data, bytes);
}

std::string toHex(const Sha256Digest &digest) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  text.reserve(2 * digest.size());
  for (uint8_t byte : digest) {
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

} // namespace qzc
