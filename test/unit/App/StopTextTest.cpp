//===- StopTextTest.cpp - Texts at which generating ends ------------------===//

#include "StopText.h"

#include <gtest/gtest.h>
#include <random>

namespace qzc::runtime {
namespace {

TEST(StopText, HoldsBackWhatMayBeginAStop) {
  StopText stop({"END", "\n\n"});
  EXPECT_EQ(stop.push("one E"), "one ");
  EXPECT_EQ(stop.push("N"), "");
  EXPECT_EQ(stop.push("ough\n"), "ENough");
  EXPECT_EQ(stop.push("x\n"), "\nx");
  EXPECT_EQ(stop.push("\ny"), "");
  EXPECT_TRUE(stop.stopped());
  EXPECT_EQ(stop.push("z"), "");
  EXPECT_EQ(stop.finish(), "");
}

TEST(StopText, GivesBackWhatWaited) {
  StopText stop({"END"});
  EXPECT_EQ(stop.push("EN"), "");
  EXPECT_EQ(stop.finish(), "EN");
  EXPECT_FALSE(stop.stopped());
  StopText none({});
  EXPECT_EQ(none.push("text"), "text");
}

TEST(StopText, CutsAtTheFirstStopHoweverTheTextComes) {
  std::mt19937 random(11);
  auto word = [&](size_t least, size_t most) {
    std::string out(least + random() % (most - least + 1), 'a');
    for (char &letter : out)
      letter = static_cast<char>('a' + random() % 2);
    return out;
  };
  for (int round = 0; round < 500; ++round) {
    std::vector<std::string> stops{word(1, 6), word(1, 6)};
    std::string text = word(0, 30);
    // Letter by letter, until one is complete; the longest of those.
    size_t end = std::string::npos;
    for (size_t read = 1; read <= text.size() && end == std::string::npos;
         ++read)
      for (const std::string &stop : stops)
        if (read >= stop.size() &&
            text.compare(read - stop.size(), stop.size(), stop) == 0)
          end = std::min(end, read - stop.size());
    StopText stop(stops);
    std::string shown;
    for (size_t at = 0; at < text.size();) {
      size_t bytes = 1 + random() % 4;
      shown += stop.push(text.substr(at, bytes));
      at += bytes;
    }
    shown += stop.finish();
    EXPECT_EQ(shown, text.substr(0, end)) << stops[0] << " " << stops[1];
    EXPECT_EQ(stop.stopped(), end != std::string::npos);
  }
}

} // namespace
} // namespace qzc::runtime
