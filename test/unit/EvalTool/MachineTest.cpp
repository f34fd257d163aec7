//===- MachineTest.cpp - What a system says of itself ---------------------===//

#include "Machine.h"
#include "../Support/TempFolder.h"

#include <filesystem>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace qzc::evaltool {
namespace {

using test::TempFolder;
using test::writeAll;

TEST(Machine, AsTheSystemSays) {
  TempFolder folder;
  writeAll(folder.file("cpuinfo"), "processor\t: 0\nmodel name\t: Some CPU @ "
                                   "2 GHz \nprocessor\t: 1\nmodel name\t: x\n");
  writeAll(folder.file("meminfo"), "MemFree: 1 kB\nMemTotal:       2048 kB\n");
  for (const char *gpu : {"0000:02:00.0", "0000:01:00.0"}) {
    std::string path = folder.file("driver/nvidia/gpus/") + gpu;
    std::filesystem::create_directories(path);
    writeAll(path + "/information", "Model: \t\t NVIDIA H200\nIRQ: 1\n");
  }
  writeAll(folder.file("driver/nvidia/version"),
           "NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.54.15  Tue "
           "Mar  5 22:23:56 UTC 2024\nGCC version:  gcc 12.2.0\n");
  Machine machine = thisMachine(folder.file(""));
  EXPECT_EQ(machine.cpu, "Some CPU @ 2 GHz");
  EXPECT_EQ(machine.memoryBytes, 2048U * 1024);
  EXPECT_EQ(machine.driver, "550.54.15");
  EXPECT_THAT(machine.gpus, testing::ElementsAre("NVIDIA H200", "NVIDIA H200"));
  EXPECT_GE(machine.threads, 1);
  EXPECT_THAT(machine.system, testing::StartsWith("Linux "));
}

TEST(Machine, WhatIsNotSaidIsEmpty) {
  TempFolder folder;
  Machine machine = thisMachine(folder.file(""));
  EXPECT_EQ(machine.cpu, "");
  EXPECT_EQ(machine.memoryBytes, 0U);
  EXPECT_EQ(machine.driver, "");
  EXPECT_TRUE(machine.gpus.empty());
}

TEST(Machine, ThisOneHasACpu) {
  EXPECT_NE(thisMachine().cpu, "");
  EXPECT_GT(thisMachine().memoryBytes, uint64_t{1} << 20);
}

} // namespace
} // namespace qzc::evaltool
