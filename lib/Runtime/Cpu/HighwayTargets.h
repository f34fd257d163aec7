//===- HighwayTargets.h - Which targets Highway compiles for ----*- C++ -*-===//
//
// Included before any Highway header. The lowest target is SSE4.2: an image
// says so instead of crawling on anything older. What each target needs is
// listed in Kernels.cpp; no kernel uses AES, which Highway would ask for.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_RUNTIME_CPU_HIGHWAYTARGETS_H
#define QZC_RUNTIME_CPU_HIGHWAYTARGETS_H

#define HWY_DISABLED_TARGETS HWY_SSSE3
#define HWY_BASELINE_TARGETS HWY_SSE4
#define HWY_DISABLE_PCLMUL_AES
// Highway's assertions would need its library.
#define HWY_IS_DEBUG_BUILD 0

#endif // QZC_RUNTIME_CPU_HIGHWAYTARGETS_H
