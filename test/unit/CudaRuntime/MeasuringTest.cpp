//===- MeasuringTest.cpp - Copies timed, energy read ----------------------===//

#include "CudaFixture.h"
#include "qzc/Runtime/Cuda/Device.h"
#include "qzc/Runtime/Cuda/Nvml.h"

using namespace qzc;
using namespace qzc::test;

namespace {
using CudaMeasuringTest = CudaFixture;

TEST_F(CudaMeasuringTest, CopiesAreTimedInMemoryThatIsGivenBack) {
  runtime::Device device(QZC_FAKE_CUDA);
  EXPECT_GT(device.copyRate(), 0);
  EXPECT_EQ(Fake->bytesCopied, size_t{18} * (256 << 20));
  EXPECT_TRUE(Fake->allocations.empty());
  // No more than a part of what is free.
  Fake->bytesCopied = 0;
  Fake->freeBytes = 4096;
  EXPECT_GT(device.copyRate(), 0);
  EXPECT_EQ(Fake->bytesCopied, size_t{18} * 1024);
  Fake->freeBytes = 0;
  EXPECT_EQ(device.copyRate(), 0);
}

TEST_F(CudaMeasuringTest, TheEngineMeasuresItsDevice) {
  auto engine = open();
  EXPECT_GT(engine->streamingRate(), 0);
  EXPECT_GT(Fake->bytesCopied, 0U);
}

TEST_F(CudaMeasuringTest, EnergyIsThatOfTheDevice) {
  runtime::Device device(QZC_FAKE_CUDA);
  const runtime::Nvml nvml(device.bus(), QZC_FAKE_NVML);
  EXPECT_DOUBLE_EQ(nvml.joules().value_or(0), 1234.567);
  EXPECT_FALSE(runtime::Nvml("0000:0B:00.0", QZC_FAKE_NVML).joules());
  EXPECT_FALSE(runtime::Nvml(device.bus(), "no-such-library.so").joules());
  // A library that is no NVML.
  EXPECT_FALSE(runtime::Nvml(device.bus(), QZC_OLD_CUDA).joules());
}

TEST_F(CudaMeasuringTest, RewindsToAPosition) {
  auto text = openText();
  const std::vector<int32_t> tokens = {5, 0, 19, 7};
  std::vector<float> logits(kVocab);
  text->prefill(tokens.data(), 4, logits.data());
  text->rewind(2);
  EXPECT_EQ(text->position(), 2);
  text->prefill(tokens.data() + 2, 2, logits.data());
  for (int64_t id = 0; id != kVocab; ++id)
    EXPECT_EQ(logits[size_t(id)], tinyLogit(tinyHidden(3, 7), id));
  text->rewind(0);
  EXPECT_EQ(text->position(), 0);
}
} // namespace
