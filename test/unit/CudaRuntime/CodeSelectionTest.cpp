//===- CodeSelectionTest.cpp - Which code of an image a GPU runs ----------===//

#include "qzc/Runtime/Cuda/CodeSelection.h"

#include "qzc/Support/Error.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

using namespace qzc;
using namespace qzc::runtime;

namespace {
const std::vector<DeviceCode> kAll = {
    {80, false, false, ""}, {86, false, false, ""},  {89, false, false, ""},
    {90, true, false, ""},  {100, false, false, ""}, {120, false, false, ""},
    {80, false, true, ""}};

std::string chosen(const std::vector<DeviceCode> &codes, uint32_t capability,
                   bool forcePtx = false) {
  try {
    return codeName(selectCode(codes, capability, "GPU", forcePtx));
  } catch (const Error &error) {
    return error.what();
  }
}

TEST(CodeSelection, TakesTheNewestCubinOfTheSameMajorVersion) {
  EXPECT_EQ(chosen(kAll, 80), "sm_80");
  EXPECT_EQ(chosen(kAll, 86), "sm_86");
  EXPECT_EQ(chosen(kAll, 87), "sm_86");
  EXPECT_EQ(chosen(kAll, 89), "sm_89");
  EXPECT_EQ(chosen(kAll, 90), "sm_90a");
  EXPECT_EQ(chosen(kAll, 103), "sm_100");
  EXPECT_EQ(chosen(kAll, 121), "sm_120");
}

TEST(CodeSelection, FallsBackToPtx) {
  EXPECT_EQ(chosen(kAll, 110), "compute_80 (PTX)");
  EXPECT_EQ(chosen(kAll, 130), "compute_80 (PTX)");
  EXPECT_EQ(chosen(kAll, 90, /*forcePtx=*/true), "compute_80 (PTX)");
}

TEST(CodeSelection, PrefersTheSpecificCubinOnlyOnItsGpu) {
  std::vector<DeviceCode> codes = {
      {90, false, false, ""}, {90, true, false, ""}, {100, true, false, ""}};
  EXPECT_EQ(chosen(codes, 90), "sm_90a");
  EXPECT_THAT(chosen(codes, 103),
              testing::HasSubstr("no code inside this image (sm_90, sm_90a, "
                                 "sm_100a) runs on the GPU 'GPU' (sm_103)"));
}

TEST(CodeSelection, SaysWhatIsInsideWhenTheGpuIsTooOld) {
  EXPECT_THAT(
      chosen(kAll, 75),
      testing::HasSubstr("the GPU 'GPU' (sm_75) is older than all code inside "
                         "this image (sm_80, sm_86, sm_89, sm_90a, sm_100, "
                         "sm_120, compute_80 (PTX))"));
}

TEST(CodeSelection, SaysWhenThereIsNoPtxToForce) {
  EXPECT_THAT(chosen({{90, true, false, ""}}, 90, /*forcePtx=*/true),
              testing::HasSubstr("--force-ptx: this image holds no PTX"));
  EXPECT_THAT(chosen({}, 90), testing::HasSubstr("holds no GPU code"));
}

TEST(CodeSelection, FindsTheProgramOfACode) {
  format::Manifest manifest;
  manifest.cuda.resize(2);
  manifest.cuda[0].archs = {"sm_80", "compute_80"};
  manifest.cuda[1].archs = {"sm_90a"};
  const auto programOf = [&](const DeviceCode &code) {
    return &runtime::programOf(manifest, code);
  };
  EXPECT_EQ(programOf({90, true, false, ""}), &manifest.cuda[1]);
  EXPECT_EQ(programOf({80, false, false, ""}), &manifest.cuda[0]);
  EXPECT_EQ(programOf({80, false, true, ""}), &manifest.cuda[0]);
  EXPECT_THROW(programOf({90, false, false, ""}), Error);
}
} // namespace
