//===- CpuQuotaTest.cpp - Limits of containers as the kernel shows them ---===//

#include "qzc/Support/CpuQuota.h"

#include "TempFolder.h"

#include <gtest/gtest.h>

using namespace qzc;
using namespace qzc::test;

namespace {

/// A made-up file system.
class CpuQuotaTest : public testing::Test {
protected:
  void write(const std::string &path, const std::string &text) {
    std::filesystem::create_directories(
        std::filesystem::path(Root.file(path)).parent_path());
    writeAll(Root.file(path), text);
  }
  void processIn(const std::string &groups, const std::string &mounts) {
    write("proc/self/cgroup", groups);
    write("proc/self/mountinfo", mounts);
  }
  std::optional<double> quota() const { return cpuQuota(Root.path().string()); }

  TempFolder Root;
};

const char *const kUnified =
    "25 30 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw\n";

TEST_F(CpuQuotaTest, NothingToReadIsNoLimit) {
  EXPECT_EQ(quota(), std::nullopt);
  processIn("0::/\n", kUnified);
  EXPECT_EQ(quota(), std::nullopt);
}

TEST_F(CpuQuotaTest, OfVersion2) {
  processIn("0::/\n", kUnified);
  write("sys/fs/cgroup/cpu.max", "max 100000\n");
  EXPECT_EQ(quota(), std::nullopt);
  write("sys/fs/cgroup/cpu.max", "150000 100000\n");
  EXPECT_EQ(quota(), 1.5);
  write("sys/fs/cgroup/cpu.max", "50000 200000\n");
  EXPECT_EQ(quota(), 0.25);
}

TEST_F(CpuQuotaTest, TheLeastOfAGroupAndThoseAbove) {
  processIn("0::/a.slice/b.scope\n",
            "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n" + std::string(kUnified));
  const std::string at = "sys/fs/cgroup/a.slice/";
  write(at + "b.scope/cpu.max", "400000 100000\n");
  EXPECT_EQ(quota(), 4);
  write(at + "cpu.max", "300000 100000\n");
  EXPECT_EQ(quota(), 3);
  write(at + "b.scope/cpu.max", "200000 100000\n");
  EXPECT_EQ(quota(), 2);
  // Not those beside it.
  write(at + "c.scope/cpu.max", "100000 100000\n");
  EXPECT_EQ(quota(), 2);
}

TEST_F(CpuQuotaTest, OfVersion1) {
  processIn("12:cpuset:/x\n4:cpu,cpuacct:/docker/12ab\n1:name=systemd:/\n",
            "33 25 0:29 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset\n"
            "34 25 0:30 / /sys/fs/cgroup/cpu,cpuacct rw shared:11 - cgroup "
            "cgroup rw,cpu,cpuacct\n");
  const std::string at = "sys/fs/cgroup/cpu,cpuacct/docker/12ab/";
  write(at + "cpu.cfs_quota_us", "-1\n");
  write(at + "cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(quota(), std::nullopt);
  write(at + "cpu.cfs_quota_us", "250000\n");
  EXPECT_EQ(quota(), 2.5);
  write("sys/fs/cgroup/cpuset/x/cpu.cfs_quota_us", "100000\n");
  write("sys/fs/cgroup/cpuset/x/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(quota(), 2.5);
}

TEST_F(CpuQuotaTest, AGroupThatAContainerSeesAsTheRoot) {
  // The mount shows the group itself; the process knows its full path.
  processIn("4:cpu:/docker/12ab/in\\ner\n",
            "34 25 0:30 /docker/12ab /sys/fs/c\\040group ro - cgroup cgroup "
            "rw,cpu\n");
  write("sys/fs/c group/cpu.cfs_quota_us", "300000");
  write("sys/fs/c group/cpu.cfs_period_us", "100000");
  EXPECT_EQ(quota(), 3);
  write("sys/fs/c group/in\\ner/cpu.cfs_quota_us", "200000");
  write("sys/fs/c group/in\\ner/cpu.cfs_period_us", "100000");
  EXPECT_EQ(quota(), 2);
  // Paths that the mount does not show.
  for (const char *path : {"/docker/12abc", "/other", "/../../x"}) {
    write("proc/self/cgroup", "4:cpu:" + std::string(path) + "\n");
    EXPECT_EQ(quota(), 3) << path;
  }
}

TEST_F(CpuQuotaTest, BothVersionsAtOnce) {
  processIn("5:cpu:/a\n0::/b\n",
            "34 25 0:30 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n"
            "35 25 0:31 / /sys/fs/cgroup/unified rw - cgroup2 none rw\n");
  write("sys/fs/cgroup/cpu/a/cpu.cfs_quota_us", "200000");
  write("sys/fs/cgroup/cpu/a/cpu.cfs_period_us", "100000");
  EXPECT_EQ(quota(), 2);
  write("sys/fs/cgroup/unified/b/cpu.max", "100000 100000");
  EXPECT_EQ(quota(), 1);
}

TEST_F(CpuQuotaTest, WhatMakesNoSenseIsNoLimit) {
  processIn("0::/\n", kUnified);
  for (const char *text : {"", "x y", "100000", "100000 0", "0 100000",
                           "-5 100000", "nan 100000", "100000 -1", "max"}) {
    write("sys/fs/cgroup/cpu.max", text);
    EXPECT_EQ(quota(), std::nullopt) << text;
  }
  write("sys/fs/cgroup/cpu.max", "200000 100000");
  for (const char *text : {"", ":", "::", "0:", "no colons\n"}) {
    write("proc/self/cgroup", text);
    EXPECT_EQ(quota().value_or(2), 2) << text;
  }
  write("proc/self/cgroup", "0::/\n");
  for (const char *text : {"", " - ", "1 2 3 / /sys/fs/cgroup - cgroup2\n",
                           "25 30 0:26 / /sys/fs/cgroup cgroup2 cgroup2 rw"}) {
    write("proc/self/mountinfo", text);
    EXPECT_EQ(quota(), std::nullopt) << text;
  }
}

} // namespace
