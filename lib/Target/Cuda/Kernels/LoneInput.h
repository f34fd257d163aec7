//===- LoneInput.h - What matvecTensor stages of its input ------*- C++ -*-===//
//
// Sizes that the lowering and the kernel agree on. No includes: NVRTC takes it
// too.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_KERNELS_LONEINPUT_H
#define QZC_KERNELS_LONEINPUT_H

namespace qzc {

/// One token's input in shared memory, padded to groups of four chunks.
struct LoneInput {
  int groups;
  int perChunk; ///< elements, 16 or 32
  int teams;    ///< of warps, which do not wait for each other

  constexpr int chunks() const { return 4 * groups; }
  constexpr int elements() const { return chunks() * perChunk; }

  // As two planes of f16, then of each chunk a scale.
  /// From one to the other, in halves: apart by half the banks, where both are
  /// read together.
  constexpr int halfStride() const { return elements() + 16; }
  constexpr int halfBytes() const {
    return 2 * 2 * halfStride() + 4 * chunks();
  }

  // As two halves of two planes of bytes and of zeros for each team, then of
  // each chunk a scale and a sum.
  /// Bytes of zeros that a team has in a half.
  static constexpr int kZeros = 32;
  /// From a half's one plane to the other, in bytes: two that are read together
  /// meet in no bank.
  constexpr int byteStride() const {
    return (elements() + 127) / 128 * 128 + (perChunk == 32 ? 48 : 64);
  }
  /// Where the zeros of the first team are in a half.
  constexpr int zeros() const { return 2 * byteStride(); }
  constexpr int halfOfBytes() const { return zeros() + teams * kZeros; }
  constexpr int byteBytes() const { return 2 * halfOfBytes() + 8 * chunks(); }
};

} // namespace qzc

#endif // QZC_KERNELS_LONEINPUT_H
