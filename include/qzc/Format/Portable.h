//===- Portable.h - What host and device code share -------------*- C++ -*-===//
//
// The block layouts and code books are written once and compiled three ways:
// by the host compiler, by nvcc and by NVRTC, which has no standard headers.
// Only this header knows the difference.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_FORMAT_PORTABLE_H
#define QZC_FORMAT_PORTABLE_H

#ifdef __CUDACC_RTC__
using int8_t = signed char;
using uint8_t = unsigned char;
using int16_t = short;
using uint16_t = unsigned short;
using int32_t = int;
using uint32_t = unsigned int;
// As the host's headers define them: the CUDA headers may do so as well.
using int64_t = long;
using uint64_t = unsigned long;
#else
#include <cstdint>
#include <cstring>
#endif

#ifdef __CUDACC__
#define QZC_HD __host__ __device__ __forceinline__
#else
#define QZC_HD inline
#endif

namespace qzc::format {

QZC_HD uint32_t floatBits(float value) {
#ifdef __CUDA_ARCH__
  return __float_as_uint(value);
#elif defined(__CUDACC_RTC__)
  return 0;
#else
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  return bits;
#endif
}

QZC_HD float floatFromBits(uint32_t bits) {
#ifdef __CUDA_ARCH__
  return __uint_as_float(bits);
#elif defined(__CUDACC_RTC__)
  return 0;
#else
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
#endif
}

/// A product and a sum that no compiler contracts into an fma (the host's
/// libraries are built with -ffp-contract=off).
QZC_HD float mulRounded(float a, float b) {
#ifdef __CUDA_ARCH__
  return __fmul_rn(a, b);
#else
  return a * b;
#endif
}
QZC_HD float addRounded(float a, float b) {
#ifdef __CUDA_ARCH__
  return __fadd_rn(a, b);
#else
  return a + b;
#endif
}

} // namespace qzc::format

#endif // QZC_FORMAT_PORTABLE_H
