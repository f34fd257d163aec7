//===- Fp4.h - The fp4 scheme: its code book --------------------*- C++ -*-===//
//
// bitsandbytes' 4-bit floats: bit 3 of a code is the sign, the others a
// magnitude in an order of its own (neither IEEE-style E2M1 nor MXFP4). Codes 0
// and 8 both are zero; as the package does on the CPU, positive values below
// the first midpoint take 8, zeros and negative ones 0. Blocks and codes:
// CodeBook.h.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_FORMAT_SCHEMES_FP4_H
#define QZC_FORMAT_SCHEMES_FP4_H

#include "qzc/Format/Schemes/CodeBook.h"

namespace qzc::format::fp4 {

#define QZC_FP4_CODE_BOOK                                                      \
  {                                                                            \
    0.0f, 0.0052083334885537624f, 0.6666666865348816f, 1.0f,                   \
        0.3333333432674408f, 0.5f, 0.1666666716337204f, 0.25f, 0.0f,           \
        -0.0052083334885537624f, -0.6666666865348816f, -1.0f,                  \
        -0.3333333432674408f, -0.5f, -0.1666666716337204f, -0.25f,             \
  }

/// For host code and for constant expressions on the device; device code that
/// indexes at run time makes its own copy from QZC_FP4_CODE_BOOK.
inline constexpr float kCodeBook[16] = QZC_FP4_CODE_BOOK;
inline constexpr codebook::Coder kCoder = codebook::makeCoder(kCodeBook);

} // namespace qzc::format::fp4

#endif // QZC_FORMAT_SCHEMES_FP4_H
