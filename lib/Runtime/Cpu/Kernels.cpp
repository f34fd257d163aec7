//===- Kernels.cpp - The kernel tables and the choice among them ----------===//

#include "qzc/Runtime/Cpu/Kernels.h"

#include "KernelParts.h"

namespace qzc::runtime::cpu {

static bool supports(SimdTarget target) {
  __builtin_cpu_init();
  switch (target) {
  case SimdTarget::Avx512:
    return supports(SimdTarget::Avx2) && __builtin_cpu_supports("avx512f") &&
           __builtin_cpu_supports("avx512vl") &&
           __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512bw");
  case SimdTarget::Avx2:
    return supports(SimdTarget::Sse4) && __builtin_cpu_supports("avx") &&
           __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
           __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2") &&
           __builtin_cpu_supports("f16c");
  case SimdTarget::Sse4:
    return __builtin_cpu_supports("sse4.2") &&
           __builtin_cpu_supports("ssse3") &&
           __builtin_cpu_supports("pclmul") && __builtin_cpu_supports("aes");
  }
  return false;
}

static KernelTable makeTable(SimdTarget target, const char *name) {
  KernelTable table = {};
  table.name = name;
  fillMatVec(target, table);
  fillMatMul(target, table);
  fillAttention(target, table);
  fillElementwise(target, table);
  return table;
}

const std::vector<const KernelTable *> &supportedKernels() {
  static const KernelTable avx512 = makeTable(SimdTarget::Avx512, "AVX-512");
  static const KernelTable avx2 = makeTable(SimdTarget::Avx2, "AVX2");
  static const KernelTable sse4 = makeTable(SimdTarget::Sse4, "SSE4.2");
  static const std::vector<const KernelTable *> supported = [] {
    std::vector<const KernelTable *> tables;
    if (supports(SimdTarget::Avx512))
      tables.push_back(&avx512);
    if (supports(SimdTarget::Avx2))
      tables.push_back(&avx2);
    if (supports(SimdTarget::Sse4))
      tables.push_back(&sse4);
    return tables;
  }();
  return supported;
}

} // namespace qzc::runtime::cpu
