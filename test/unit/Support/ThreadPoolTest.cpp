//===- ThreadPoolTest.cpp - Every index once, whatever the threads --------===//

#include "qzc/Support/ThreadPool.h"

#include "NoThreads.h"
#include "qzc/Support/Error.h"

#include <atomic>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdexcept>
#include <vector>

using namespace qzc;
using namespace qzc::test;

class ThreadPoolTest : public testing::TestWithParam<int> {};

TEST_P(ThreadPoolTest, VisitsEveryIndexOnce) {
  ThreadPool pool(GetParam());
  for (int64_t count : {0, 1, 7, 64, 1000}) {
    for (int64_t grain : {1, 3, 64, 5000}) {
      std::vector<std::atomic<int>> visits(static_cast<size_t>(count));
      pool.parallelFor(count, grain,
                       [&](int64_t begin, int64_t end, int worker) {
                         ASSERT_LE(end - begin, grain);
                         ASSERT_GE(worker, 0);
                         ASSERT_LT(worker, pool.threads());
                         for (int64_t i = begin; i != end; ++i)
                           ++visits[static_cast<size_t>(i)];
                       });
      for (const auto &visit : visits)
        ASSERT_EQ(visit.load(), 1);
    }
  }
}

TEST_P(ThreadPoolTest, VisitsEveryIndexOfUnequalSharesOnce) {
  ThreadPool pool(GetParam());
  for (int64_t size : {0, 1, 40}) {
    // Nothing for the first one, ever more for the others.
    std::vector<int64_t> ends;
    for (int64_t share = 0; share != pool.threads(); ++share)
      ends.push_back((ends.empty() ? 0 : ends.back()) + share * size);
    ends.back() += size;
    std::vector<std::atomic<int>> visits(static_cast<size_t>(ends.back()));
    pool.parallelShares(ends, [&](ThreadPool::Indices &indices, int worker) {
      EXPECT_GE(worker, 0);
      EXPECT_LT(worker, pool.threads());
      for (int64_t index; indices.take(index);)
        ++visits[static_cast<size_t>(index)];
    });
    for (const auto &visit : visits)
      ASSERT_EQ(visit.load(), 1);
  }
}

TEST_P(ThreadPoolTest, ManyShortLoopsDoNotLoseAWakeup) {
  ThreadPool pool(GetParam());
  std::atomic<int64_t> sum{0};
  for (int loop = 0; loop != 5000; ++loop)
    pool.parallelFor(4, 1, [&](int64_t begin, int64_t, int) { sum += begin; });
  EXPECT_EQ(sum.load(), 5000 * 6);
}

TEST_P(ThreadPoolTest, AnExceptionReachesTheCallerAndThePoolLivesOn) {
  ThreadPool pool(GetParam());
  auto fail = [](int64_t begin, int64_t, int) {
    if (begin == 5)
      throw std::runtime_error("five");
  };
  EXPECT_THROW(pool.parallelFor(10, 1, fail), std::runtime_error);
  std::vector<int64_t> ends(static_cast<size_t>(pool.threads()), 4);
  ends.back() = 10;
  EXPECT_THROW(pool.parallelShares(ends,
                                   [&](ThreadPool::Indices &indices, int) {
                                     for (int64_t i; indices.take(i);)
                                       fail(i, i + 1, 0);
                                   }),
               std::runtime_error);
  std::atomic<int> visits{0};
  pool.parallelFor(10, 1, [&](int64_t, int64_t, int) { ++visits; });
  EXPECT_EQ(visits.load(), 10);
}

/// What a thread only counts once another one has failed is counted, whichever
/// comes first.
TEST_P(ThreadPoolTest, LoopsThatFailEndAlways) {
  ThreadPool pool(GetParam());
  for (int loop = 0; loop != 3000; ++loop)
    EXPECT_THROW(pool.parallelFor(1000, 1,
                                  [&](int64_t begin, int64_t, int) {
                                    if (begin == 0 || loop % 2 == 1)
                                      throw std::runtime_error("early");
                                  }),
                 std::runtime_error);
}

TEST(ThreadPool, ThreadsThatCannotStartAreAnError) {
  NoThreads none;
  try {
    ThreadPool pool(3);
    FAIL() << "started threads without a stack";
  } catch (const Error &error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("3 threads"));
    EXPECT_THAT(error.what(), testing::HasSubstr("--threads"));
  }
  ThreadPool alone(1); // needs none
}

INSTANTIATE_TEST_SUITE_P(Threads, ThreadPoolTest, testing::Values(1, 2, 5));
