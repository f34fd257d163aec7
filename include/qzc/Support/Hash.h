//===- Hash.h - SHA-256 and XXH3 --------------------------------*- C++ -*-===//

#ifndef QZC_SUPPORT_HASH_H
#define QZC_SUPPORT_HASH_H

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

namespace qzc {

using Sha256Digest = std::array<uint8_t, 32>;

/// Incremental SHA-256.
class Sha256 {
public:
  Sha256();
  ~Sha256();
  void update(const void *data, size_t bytes);
  Sha256Digest finish();

private:
  struct State;
  std::unique_ptr<State> Impl;
};

/// Incremental XXH3-64, seed 0.
class Xxh3 {
public:
  Xxh3();
  ~Xxh3();
  void update(const void *data, size_t bytes);
  uint64_t finish() const;

private:
  struct State;
  std::unique_ptr<State> Impl;
};

Sha256Digest sha256(const void *data, size_t bytes);
uint64_t xxh3(const void *data, size_t bytes);

/// Lower-case hexadecimal.
std::string toHex(const Sha256Digest &digest);

} // namespace qzc

#endif // QZC_SUPPORT_HASH_H
