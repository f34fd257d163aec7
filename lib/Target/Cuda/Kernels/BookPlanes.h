//===- BookPlanes.h - Entries of a code book as bytes -----------*- C++ -*-===//
//
// An entry is the sum of two bytes, one of a plane each, times the weights of
// the planes, which each half of a book has of its own. A permutation of bytes
// selects a plane's bytes of four codes from the eight of a half: a code's
// upper bit asks for the sign of the byte in place of the byte. So each half is
// asked about all codes, and gives 0, or −1 times a weight, for those of the
// other.
//
// Bytes of 7 bits, or 7 and 8, are 16,384 sums of two real weights and more, of
// which eight are to be entries: nf4's weights are those of a search, by which
// they are within 7e-7.
//
// For the host, NVRTC and the emulator.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_KERNELS_BOOKPLANES_H
#define QZC_KERNELS_BOOKPLANES_H

#include "qzc/Format/Schemes/Fp4.h"
#include "qzc/Format/Schemes/Nf4.h"

namespace qzc::kernels {

struct BookPlanes {
  double weights[2][2]; ///< [half][plane]
  /// Bytes of four entries: of codes 0 … 7 in their order, of 15 … 8 in theirs.
  unsigned words[2][2][2] = {}; ///< [half][plane]

  /// All weights of a half have the sign of its entries. Those of the upper
  /// half come first: their second bytes may be negative.
  constexpr BookPlanes(const float (&book)[16], const double (&upper)[2],
                       const double (&lower)[2])
      : weights{{lower[0], lower[1]}, {upper[0], upper[1]}} {
    for (int i = 0; i < 8; ++i) {
      const bool isNegative = choose(1, 7 - i, book[8 + i], -128);
      choose(0, i, book[i] + (isNegative ? upper[1] : 0.0), 0);
    }
  }

private:
  /// Makes the bytes at a place the nearest to an entry, the second one `least`
  /// or more. Returns whether that is negative.
  constexpr bool choose(int half, int place, double entry, int least) {
    const double first = weights[half][0];
    const double second = weights[half][1];
    double nearest = 1e30;
    int bytes[2] = {};
    for (int i = 0; i < 128; ++i) {
      const double exact = (entry - i * first) / second;
      int j = static_cast<int>(exact < 0 ? exact - 0.5 : exact + 0.5);
      j = exact < least ? least : exact > 127 ? 127 : j;
      const double off = (exact - j) * second;
      const double distance = off < 0 ? -off : off;
      if (distance < nearest) {
        nearest = distance;
        bytes[0] = i;
        bytes[1] = j;
      }
    }
    for (int plane = 0; plane < 2; ++plane)
      words[half][plane][place / 4] |=
          (static_cast<unsigned>(bytes[plane]) & 255u) << (8 * (place % 4));
    return bytes[1] < 0;
  }
};

inline constexpr BookPlanes
    kNf4Planes(format::nf4::kCodeBook,
               {0.0072872049596910873, 0.0010624910006495278},
               {-0.0076552993405788533, -0.00082552501619505736});
inline constexpr BookPlanes kFp4Planes(format::fp4::kCodeBook,
                                       {-128 / 192.0, -1 / 192.0},
                                       {128 / 192.0, 1 / 192.0});

} // namespace qzc::kernels

#endif // QZC_KERNELS_BOOKPLANES_H
