//===- CudaFixture.h - Tests on the fake driver -----------------*- C++ -*-===//

#ifndef QZC_TEST_UNIT_CUDARUNTIME_CUDAFIXTURE_H
#define QZC_TEST_UNIT_CUDARUNTIME_CUDAFIXTURE_H

#include "FakeCuda.h"
#include "TinyModel.h"
#include "qzc/Runtime/Cuda/CudaEngine.h"
#include "qzc/Runtime/Cuda/DeviceState.h"
#include "qzc/Runtime/Sequence.h"
#include "qzc/Support/Error.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <dlfcn.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <memory>
#include <numeric>
#include <string>
#include <vector>

namespace qzc::test {

/// The message of the qzc::Error that `call` throws, or "" without one.
template <typename Call> std::string errorOf(Call call) {
  try {
    call();
  } catch (const Error &error) {
    return error.what();
  }
  return "";
}

/// What the tiny model computes: one number a position, and its logits.
inline float tinyHidden(int position, int token) {
  return static_cast<float>(position * 3 + token);
}
inline float tinyLogit(float hidden, int64_t id) {
  return -std::fabs(std::fmod(hidden, static_cast<float>(kVocab)) -
                    static_cast<float>(id)) +
         hidden / 64;
}

class CudaFixture : public ::testing::Test {
protected:
  void SetUp() override {
    void *library = ::dlopen(QZC_FAKE_CUDA, RTLD_NOW);
    ASSERT_NE(library, nullptr) << ::dlerror();
    auto state =
        reinterpret_cast<FakeCuda *(*)()>(::dlsym(library, "qzcFakeCuda"));
    ASSERT_NE(state, nullptr);
    Fake = state();
    *Fake = FakeCuda();
    const std::vector<size_t> all = {1, 8, 1, 1, 1, 1, 1};
    Fake->kernels = {
        {"body", {1, 1, 1}},      {"all_f16", all},      {"all_f32", all},
        {"all_q8", all},          {"step", {1, 1, 1}},   {"head", {1, 1, 1}},
        {"score", {1, 1, 1, 1}},  {"choose", {1, 1, 1}}, {"draw", {1, 1, 1, 1}},
        {"losses", {1, 1, 1, 1}}, {"arrange", {1, 1}}};
    Fake->onLaunch = play;
    format::verify(Image.Manifest);
  }
  void TearDown() override {
    EXPECT_EQ(Fake->alive, 0U) << "something was not given back";
    EXPECT_TRUE(Fake->allocations.empty());
  }

  std::unique_ptr<runtime::Engine> open(runtime::EngineOptions options = {}) {
    return runtime::openCudaEngine(Image, options, QZC_FAKE_CUDA);
  }
  /// An engine with one sequence.
  struct EngineHolder {
    std::unique_ptr<runtime::Engine> Held;
  };
  struct Text : EngineHolder, runtime::Sequence {
    explicit Text(std::unique_ptr<runtime::Engine> engine)
        : EngineHolder{std::move(engine)}, Sequence(*Held) {}
    runtime::Engine &engine() { return *Held; }
  };
  std::unique_ptr<Text> openText(runtime::EngineOptions options = {}) {
    return std::make_unique<Text>(open(options));
  }
  std::string openError(runtime::EngineOptions options = {}) {
    return errorOf([&] { open(options); });
  }

  /// The kernels.
  static void play(const FakeLaunch &launch) {
    constexpr int64_t kHiddenStride = 3 * kHidden;
    if (launch.kernel.rfind("all_", 0) == 0)
      return;
    if (launch.kernel == "arrange") {
      ++*launch.pointer<unsigned char>(1);
      return;
    }
    auto &state = *launch.pointer<DeviceState>(0);
    for (unsigned counter : state.counters)
      ASSERT_EQ(counter, 0U) << "the state was not zeroed";
    if (launch.kernel == "body" || launch.kernel == "step")
      for (int row = 0; row != state.tokens; ++row) {
        const TokenRow &token = launch.pointer<TokenRow>(1)[row];
        launch.pointer<float>(2)[row * kHiddenStride] =
            tinyHidden(token.position, token.token);
      }
    if (launch.kernel == "step") {
      ASSERT_EQ(state.rows, state.tokens);
    }
    if (launch.kernel == "head") {
      ASSERT_EQ(launch.grid[0], static_cast<unsigned>(state.rows));
      for (int row = 0; row != state.rows; ++row)
        for (int64_t id = 0; id != kVocab; ++id)
          launch.pointer<float>(2)[row * kLogitColumns + id] =
              tinyLogit(launch.pointer<float>(1)[row * kHiddenStride], id);
    }
    if (launch.kernel == "score")
      for (int row = 0; row != state.rows; ++row)
        launch.pointer<float>(3)[row] = launch.pointer<float>(
            1)[row * kLogitColumns + launch.pointer<int32_t>(2)[row]];
    if (launch.kernel == "losses")
      for (int row = 0; row != state.rows; ++row)
        launch.pointer<float>(3)[row] =
            tinyLogit(launch.pointer<float>(1)[row * kHiddenStride],
                      launch.pointer<int32_t>(2)[row]);
    if (launch.kernel == "choose")
      for (int row = 0; row != state.rows; ++row) {
        const float *logits = launch.pointer<float>(1) + row * kLogitColumns;
        auto &token = launch.pointer<TokenRow>(2)[row];
        token.token = static_cast<int>(
            std::max_element(logits, logits + kVocab) - logits);
        ++token.position;
      }
    // The last of the likeliest.
    if (launch.kernel == "draw")
      for (int row = 0; row != state.rows; ++row) {
        const float *logits = launch.pointer<float>(1) + row * kLogitColumns;
        std::vector<int> ids(kVocab);
        std::iota(ids.begin(), ids.end(), 0);
        std::stable_sort(ids.begin(), ids.end(),
                         [&](int a, int b) { return logits[a] > logits[b]; });
        const Draw &draw = launch.pointer<Draw>(3)[row];
        launch.pointer<TokenRow>(2)[row].token =
            ids[static_cast<size_t>(draw.topK) - 1];
      }
  }

  TinyImage Image{tinyManifest()};
  FakeCuda *Fake = nullptr;
};

} // namespace qzc::test

#endif // QZC_TEST_UNIT_CUDARUNTIME_CUDAFIXTURE_H
