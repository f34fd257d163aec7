//===- Kernels.cpp - The kernel tables and the choice among them ----------===//

#include "qzc/Runtime/Cpu/Kernels.h"

#include "KernelParts.h"

#include "qzc/Support/Error.h"

namespace qzc::runtime::cpu {

#define QZC_SSE4(NAME) N_SSE4::NAME,
#define QZC_AVX2(NAME) N_AVX2::NAME,
#define QZC_AVX3(NAME) N_AVX3::NAME,
#define QZC_VNNI(NAME) N_AVX3_VNNI::NAME,
/// By InstructionSet.
static constexpr KernelTable kTables[] = {
    {"SSE4.2", true, false, QZC_KERNELS(QZC_SSE4)},
    {"AVX2", true, false, QZC_KERNELS(QZC_AVX2)},
    {"AVX-512", false, false, QZC_KERNELS(QZC_AVX3)},
    {"AVX-512 VNNI", false, true,
     QZC_DOT_KERNELS(QZC_VNNI) QZC_OTHER_KERNELS(QZC_AVX3)},
};
#undef QZC_SSE4
#undef QZC_AVX2
#undef QZC_AVX3
#undef QZC_VNNI

namespace {

/// Something that not every CPU has, the least set that uses it (those above do
/// too), and whether the CPU has it and the system lets it be used.
struct Extension {
  InstructionSet first;
  const char *name;
  bool present;
};

} // namespace

/// What the compiler was let use for each set: Highway's targets, and POPCNT,
/// which comes with SSE4.2.
static std::vector<Extension> extensions() {
  __builtin_cpu_init();
  // The builtin takes nothing but literals.
#define QZC_EXTENSION(SET, PRINTED, NAME)                                      \
  { InstructionSet::SET, PRINTED, __builtin_cpu_supports(NAME) != 0 }
  return {
      QZC_EXTENSION(Sse42, "SSE3", "sse3"),
      QZC_EXTENSION(Sse42, "SSSE3", "ssse3"),
      QZC_EXTENSION(Sse42, "SSE4.1", "sse4.1"),
      QZC_EXTENSION(Sse42, "SSE4.2", "sse4.2"),
      QZC_EXTENSION(Sse42, "POPCNT", "popcnt"),
      QZC_EXTENSION(Avx2, "AVX", "avx"),
      QZC_EXTENSION(Avx2, "AVX2", "avx2"),
      QZC_EXTENSION(Avx2, "FMA", "fma"),
      QZC_EXTENSION(Avx2, "F16C", "f16c"),
      QZC_EXTENSION(Avx2, "BMI1", "bmi"),
      QZC_EXTENSION(Avx2, "BMI2", "bmi2"),
      QZC_EXTENSION(Avx512, "AVX512F", "avx512f"),
      QZC_EXTENSION(Avx512, "AVX512VL", "avx512vl"),
      QZC_EXTENSION(Avx512, "AVX512DQ", "avx512dq"),
      QZC_EXTENSION(Avx512, "AVX512BW", "avx512bw"),
      QZC_EXTENSION(Avx512Vnni, "AVX512_VNNI", "avx512vnni"),
  };
#undef QZC_EXTENSION
}

/// "SSE4.2 and POPCNT": what this machine lacks of what a set needs; empty if
/// it can run it.
static std::string lackedFor(InstructionSet set) {
  std::vector<std::string> lacked;
  for (const Extension &extension : extensions())
    if (extension.first <= set && !extension.present)
      lacked.push_back(extension.name);
  std::string text;
  for (size_t i = 0; i != lacked.size(); ++i)
    text += (i == 0 ? "" : i + 1 == lacked.size() ? " and " : ", ") + lacked[i];
  return text;
}

const std::vector<const KernelTable *> &supportedKernels() {
  static const std::vector<const KernelTable *> supported = [] {
    std::vector<const KernelTable *> tables;
    for (auto set : {InstructionSet::Avx512Vnni, InstructionSet::Avx512,
                     InstructionSet::Avx2, InstructionSet::Sse42})
      if (lackedFor(set).empty())
        tables.push_back(&kTables[static_cast<size_t>(set)]);
    return tables;
  }();
  return supported;
}

const KernelTable &kernelsFor(std::optional<InstructionSet> wanted) {
  if (!wanted && !supportedKernels().empty())
    return *supportedKernels().front();
  const InstructionSet set = wanted.value_or(InstructionSet::Sse42);
  const KernelTable &table = kTables[static_cast<size_t>(set)];
  if (const std::string lacked = lackedFor(set); !lacked.empty())
    throw Error("this CPU lacks " + lacked + ", which the " + table.name +
                " kernels need" +
                (wanted ? "" : " (there are none for older CPUs)"));
  return table;
}

} // namespace qzc::runtime::cpu
