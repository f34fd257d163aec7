//===- WorkspaceTest.cpp - How much memory a model takes ------------------===//

#include "qzc/Runtime/Cuda/Workspace.h"

#include "CudaFixture.h"

#include <cstring>

using namespace qzc;
using namespace qzc::test;
using namespace qzc::runtime;

namespace {
constexpr uint64_t kPlenty = uint64_t{1} << 40;

TEST(Workspace, DefaultsFollowTheModel) {
  format::Manifest manifest = tinyManifest();
  WorkspacePlan plan = planWorkspace(manifest, manifest.cuda[0], {}, kPlenty);
  EXPECT_EQ(plan.capacity, kContext);
  EXPECT_EQ(plan.chunk, kContext);
  EXPECT_EQ(plan.headRows, kContext);
  EXPECT_EQ(plan.cache, CacheType::F32);
  manifest.model.context = 100000;
  // A narrow model takes more tokens at once, of several sequences too.
  const auto chunkOf = [&](const EngineOptions &options) {
    return planWorkspace(manifest, manifest.cuda[0], options, kPlenty).chunk;
  };
  EXPECT_EQ(chunkOf({}), 16384);
  EngineOptions options;
  options.context = 1000;
  options.sequences = 9;
  EXPECT_EQ(chunkOf(options), 9000);
  options.sequences = 100;
  EXPECT_EQ(chunkOf(options), 16384);
  options.sequences = 1;
  options.context = 300;
  EXPECT_EQ(chunkOf(options), 300);
  manifest.model.hidden = 1024;
  options.context = 100000;
  EXPECT_EQ(chunkOf(options), 8192);
}

TEST(Workspace, ChunkShrinksUntilAllFits) {
  format::Manifest manifest = tinyManifest();
  manifest.model.context = 4096;
  manifest.cuda[0].memory.bytesPerToken = 1000000;
  WorkspacePlan plan = planWorkspace(manifest, manifest.cuda[0], {}, 600000000);
  EXPECT_EQ(plan.chunk, 512);
  EXPECT_LE(plan.total(), 600000000U);
  // One that was asked for does not.
  EngineOptions options;
  options.chunk = 1024;
  EXPECT_THAT(errorOf([&] {
                planWorkspace(manifest, manifest.cuda[0], options, 600000000);
              }),
              testing::HasSubstr("use a smaller --context"));
}

TEST(Workspace, AnAbsurdContextIsAnError) {
  format::Manifest manifest = tinyManifest();
  EngineOptions options;
  options.context = INT64_MAX / 8;
  EXPECT_THAT(errorOf([&] {
                planWorkspace(manifest, manifest.cuda[0], options, kPlenty);
              }),
              testing::HasSubstr("--context"));
}

class WorkspaceOnDevice : public CudaFixture {};

TEST_F(WorkspaceOnDevice, LargeUploadsArriveWhole) {
  Device device(QZC_FAKE_CUDA);
  std::vector<std::byte> source((size_t{20} << 20) + 7);
  uint32_t value = 1;
  for (std::byte &byte : source) {
    value = value * 1664525 + 1013904223;
    byte = static_cast<std::byte>(value >> 24);
  }
  DeviceBuffer buffer(device, source.size(), "a test", false);
  uploadLarge(device, buffer.address(), source.data(), source.size());
  EXPECT_EQ(std::memcmp(reinterpret_cast<void *>(buffer.address()),
                        source.data(), source.size()),
            0);
}

TEST_F(WorkspaceOnDevice, WhatIsReportedIsWhatIsAllocated) {
  auto text = openText();
  for (const bool filled : {false, true}) {
    if (filled)
      text->decodeGreedy(1);
    uint64_t allocated = 0;
    for (auto [address, bytes] : Fake->allocations)
      allocated += bytes;
    MemoryUse use = text->engine().memoryUse();
    EXPECT_EQ(use.cacheBytes > 0, filled);
    EXPECT_EQ(use.deviceBytes, allocated);
    EXPECT_EQ(use.deviceBytes,
              use.weightBytes + use.cacheBytes + use.workspaceBytes);
  }
}
} // namespace
