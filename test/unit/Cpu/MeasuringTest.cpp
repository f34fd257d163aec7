//===- MeasuringTest.cpp - Energy counters, and memory that is read -------===//

#include "../Support/TempFolder.h"
#include "Rapl.h"
#include "ReadRate.h"

#include <filesystem>
#include <gtest/gtest.h>
#include <vector>

namespace qzc::runtime::cpu {
namespace {

using test::TempFolder;
using test::writeAll;

class RaplTest : public testing::Test {
protected:
  void zone(const std::string &name, const std::string &energy) {
    std::filesystem::create_directories(Folder.file(name));
    writeAll(Folder.file(name + "/energy_uj"), energy + "\n");
    writeAll(Folder.file(name + "/max_energy_range_uj"), "10000000\n");
  }
  TempFolder Folder;
};

TEST_F(RaplTest, AddsPackagesAndNoticesAWrap) {
  zone("intel-rapl:0", "9000000");
  zone("intel-rapl:1", "1000000");
  zone("intel-rapl:0:0", "5");
  zone("dtpm", "5");
  Rapl rapl(Folder.file(""));
  EXPECT_DOUBLE_EQ(rapl.joules().value_or(-1), 0);
  zone("intel-rapl:0", "500000");
  zone("intel-rapl:1", "1250000");
  zone("intel-rapl:0:0", "9");
  EXPECT_DOUBLE_EQ(rapl.joules().value_or(-1), 1.75);
  zone("intel-rapl:1", "2250000");
  EXPECT_DOUBLE_EQ(rapl.joules().value_or(-1), 2.75);
}

TEST_F(RaplTest, SaysNothingWhereACounterIsMissing) {
  EXPECT_FALSE(Rapl(Folder.file("none")).joules());
  EXPECT_FALSE(Rapl(Folder.file("")).joules());
  zone("intel-rapl:0", "1000000");
  zone("intel-rapl:1", "secret");
  EXPECT_FALSE(Rapl(Folder.file("")).joules());
  zone("intel-rapl:1", "1000000");
  Rapl rapl(Folder.file(""));
  EXPECT_TRUE(rapl.joules());
  std::filesystem::remove_all(Folder.file("intel-rapl:1"));
  EXPECT_FALSE(rapl.joules());
}

TEST(ReadRate, IsThatOfWhatThereIs) {
  ThreadPool pool(2);
  // No multiple of a chunk or of what is added up at once.
  const std::vector<std::byte> memory((1 << 20) + 12345);
  const std::byte *data = memory.data();
  EXPECT_GT(readRate({{data, memory.size()}}, pool), 0);
  EXPECT_GT(readRate({{data, 2048}, {data + 4096, 2048}}, pool), 0);
  EXPECT_EQ(readRate({{data, 4095}}, pool), 0);
}

} // namespace
} // namespace qzc::runtime::cpu
