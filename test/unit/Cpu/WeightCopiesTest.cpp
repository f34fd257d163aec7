//===- WeightCopiesTest.cpp - Weights as decoding reads them --------------===//

#include "WeightCopies.h"

#include "RowGroups.h"
#include "WeightsFixture.h"

using namespace qzc;
using namespace qzc::runtime;
using namespace qzc::runtime::cpu;
using namespace qzc::runtime::test;

namespace {

class WeightCopiesTest : public testing::TestWithParam<bool> {
protected:
  WeightCopiesTest() {
    Image.CanRelease = GetParam();
    format::Plan &plan = Image.edit().plan;
    plan.body = {launchOf({Eight, Four}), launchOf({Four})};
    plan.head = {launchOf({Four}), launchOf({Eight}), launchOf({Dense})};
  }

  int32_t add(format::Scheme scheme) {
    return Image.add(Random, shapeOf(32, 64, scheme, 0, format::DType::F32), 1);
  }
  static format::Launch launchOf(std::vector<int32_t> weights) {
    format::Launch launch;
    launch.opcode = format::Opcode::Linear;
    format::LinearParams params;
    params.parts = static_cast<int32_t>(weights.size());
    launch.params = params;
    launch.weights = std::move(weights);
    return launch;
  }

  std::mt19937 Random{5};
  FakeImage Image;
  ThreadPool Pool{2};
  const int32_t Four = add(format::Scheme::Q4_0);
  const int32_t Eight = add(format::Scheme::Int8);
  const int32_t Unused = add(format::Scheme::Q4_0);
  const int32_t Dense = add(format::Scheme::None);
};

TEST_P(WeightCopiesTest, AreInGroupsOrAsStoredAndTheImageLetsGo) {
  const WeightCopies copies(Image, Image.manifest().plan,
                            kernelsFor(std::nullopt), Pool);
  EXPECT_NE(copies.groups(Four).data, nullptr);
  EXPECT_EQ(copies.groups(Four).shape.rows, 32);
  EXPECT_EQ(copies.groups(Eight).data, nullptr);
  EXPECT_FALSE(copies.has(Unused));
  EXPECT_FALSE(copies.has(Dense));
  EXPECT_EQ(copies.groups(Unused).data, nullptr);

  // As stored it is the image's where that cannot let go.
  EXPECT_EQ(copies.has(Eight), GetParam());
  const format::PackedView own = Image.tensor(Eight);
  const format::PackedView copy = copies.stored(Eight);
  EXPECT_EQ(copy.parts[0] != own.parts[0], GetParam());
  size_t part = 0;
  for (const format::PartLayout &layout : format::layout(own.shape)) {
    EXPECT_EQ(std::memcmp(copy.parts[part], own.parts[part], layout.bytes), 0);
    ++part;
  }
  EXPECT_EQ(copies.stored(Four).parts[0], Image.tensor(Four).parts[0]);

  using Tensors = std::vector<int64_t>;
  EXPECT_EQ(Image.released(),
            GetParam() ? (Tensors{Eight, Four}) : (Tensors{Four}));
  EXPECT_EQ(copies.memory().bytes,
            groupedBytes(Image.tensor(Four).shape) +
                (GetParam() ? format::paddedBytes(own.shape) : 0));
}

INSTANTIATE_TEST_SUITE_P(Release, WeightCopiesTest, testing::Bool());

} // namespace
