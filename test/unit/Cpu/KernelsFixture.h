//===- KernelsFixture.h - A table of kernels to be tested -------*- C++ -*-===//

#ifndef QZC_TEST_UNIT_CPU_KERNELSFIXTURE_H
#define QZC_TEST_UNIT_CPU_KERNELSFIXTURE_H

#include "qzc/Format/Schemes/Dense.h"
#include "qzc/Runtime/Cpu/Kernels.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <random>
#include <vector>

namespace qzc::runtime::test {

inline std::vector<float> randomFloats(std::mt19937 &random, int64_t n,
                                       float deviation = 1) {
  std::normal_distribution<float> normal(0, deviation);
  std::vector<float> values(n);
  for (float &value : values)
    value = normal(random);
  return values;
}

/// `of`: what they were made of, for the message.
inline void expectSameBits(float got, float want, uint32_t of) {
  if (std::isnan(want))
    EXPECT_TRUE(std::isnan(got)) << std::hex << of;
  else
    EXPECT_EQ(format::floatBits(got), format::floatBits(want))
        << std::hex << of;
}

/// For each instruction set that the machine has (KernelsTest.cpp).
class KernelsTest : public testing::TestWithParam<const cpu::KernelTable *> {
protected:
  const cpu::KernelTable &kernels() const { return *GetParam(); }
  std::mt19937 Random{1234};
};

} // namespace qzc::runtime::test

#endif // QZC_TEST_UNIT_CPU_KERNELSFIXTURE_H
