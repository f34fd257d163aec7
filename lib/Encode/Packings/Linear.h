//===- Linear.h - Checkpoints of linear codes in groups ---------*- C++ -*-===//
//
// gptq, awq and compressed-tensors hold the same numbers, each in places of its
// own: codes of a few bits, and a scale and a zero point for a group of a row's
// columns. A weight is (code - zero point) · scale.
//
// They are stored as int2, int3, int4 or int8g with groups that divide theirs,
// where scales are f16; and as f32 otherwise, or where the groups' columns do
// not lie side by side.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_LIB_ENCODE_PACKINGS_LINEAR_H
#define QZC_LIB_ENCODE_PACKINGS_LINEAR_H

#include "Packings.h"

namespace qzc::encode {

/// Where a packing has its numbers.
class LinearSource {
public:
  explicit LinearSource(const PackedTensors &tensors) : Tensors(tensors) {}
  virtual ~LinearSource() = default;

  virtual int bits() const = 0;
  virtual int64_t groups() const = 0;
  /// The codes of rows [begin, end), one a byte, row by row.
  virtual void codes(int64_t begin, int64_t end, uint8_t *out) const = 0;
  virtual float scale(int64_t row, int64_t group) const = 0;
  virtual int64_t zero(int64_t row, int64_t group) const = 0;

  /// The group of a column: what `order` says, or even runs.
  int64_t groupOf(int64_t col) const;
  /// Fails where `order` leaves the groups, or the storage's own groups are not
  /// within them.
  void check() const;
  /// PackingTraits::read.
  void read(int64_t begin, int64_t end, std::byte *const *parts) const;

protected:
  const PackedTensors &Tensors;

private:
  void readValues(int64_t begin, int64_t end, const uint8_t *codes,
                  float *out) const;
  std::byte *readScale(int64_t row, int64_t col, std::byte *out) const;
};

/// What reads a packing by `Source`, a LinearSource with checkTensors().
template <class Source> constexpr PackingTraits linearPacking() {
  return {
      [](const PackedTensors &tensors) { Source(tensors).checkTensors(); },
      [](const PackedTensors &tensors, int64_t begin, int64_t end,
         std::byte *const *parts) { Source(tensors).read(begin, end, parts); }};
}

/// `bits` bits from bit `at` of a row of little-endian 32-bit words on, of
/// which there are `stride` words from one to the next.
uint32_t bitsAt(const std::byte *words, int64_t stride, int64_t at, int bits);

/// The bits that `count` codes in `words` words have, of which the last need
/// not be full. Fails where that is none of 2, 3, 4 and 8, or not what the
/// storage has.
int bitsOf(const PackedTensors &tensors, int64_t words, int64_t count);

} // namespace qzc::encode

#endif // QZC_LIB_ENCODE_PACKINGS_LINEAR_H
