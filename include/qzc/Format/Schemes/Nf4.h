//===- Nf4.h - The nf4 scheme: its code book --------------------*- C++ -*-===//
//
// Quantiles of the normal distribution (QLoRA, arXiv:2305.14314), the values
// bitsandbytes uses. Blocks and codes: CodeBook.h.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_FORMAT_SCHEMES_NF4_H
#define QZC_FORMAT_SCHEMES_NF4_H

#include "qzc/Format/Schemes/CodeBook.h"

namespace qzc::format::nf4 {

#define QZC_NF4_CODE_BOOK                                                      \
  {                                                                            \
    -1.0f, -0.6961928009986877f, -0.5250730514526367f, -0.39491748809814453f,  \
        -0.28444138169288635f, -0.18477343022823334f, -0.09105003625154495f,   \
        0.0f, 0.07958029955625534f, 0.16093020141124725f,                      \
        0.24611230194568634f, 0.33791524171829224f, 0.44070982933044434f,      \
        0.5626170039176941f, 0.7229568362236023f, 1.0f,                        \
  }

/// For host code and for constant expressions on the device; device code that
/// indexes at run time makes its own copy from QZC_NF4_CODE_BOOK.
inline constexpr float kCodeBook[16] = QZC_NF4_CODE_BOOK;
inline constexpr codebook::Coder kCoder = codebook::makeCoder(kCodeBook);

} // namespace qzc::format::nf4

#endif // QZC_FORMAT_SCHEMES_NF4_H
