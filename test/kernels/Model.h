//===- Model.h - Small random models for kernel tests -----------*- C++ -*-===//
//
// Plans with random odd shapes, schemes and options, and random weights for
// them: the same on every machine, from a case number.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_TEST_KERNELS_MODEL_H
#define QZC_TEST_KERNELS_MODEL_H

#include "qzc/Format/Manifest.h"
#include "qzc/Target/Cuda/Gpu.h"

#include <cstdint>
#include <string>
#include <vector>

namespace qzc::kernel_test {

/// splitmix64: the same numbers everywhere.
class Random {
public:
  explicit Random(uint64_t seed) : State(seed) {}
  uint64_t next();
  int64_t below(int64_t n) {
    return static_cast<int64_t>(next() % uint64_t(n));
  }
  bool chance(int percent) { return below(100) < percent; }
  float uniform(); ///< in [-1, 1)
  template <class T> T pick(std::initializer_list<T> values) {
    return values.begin()[below(static_cast<int64_t>(values.size()))];
  }

private:
  uint64_t State;
};

/// What the emulator runs: the program of most GPUs, and the one of sm_90a.
inline constexpr cuda::Arch kGeneral = {80, false, true};
inline constexpr cuda::Arch kHopper = {90, true, false};

/// A model with its weights section.
struct Model {
  std::string description;
  format::Manifest manifest;
  std::vector<uint8_t> weights;
  cuda::Arch emulated = kGeneral;
  int64_t processors = 0; ///< to be lowered for; 0: those of the architecture

  cuda::Gpu gpuOf(const cuda::Arch &arch) const {
    cuda::Gpu gpu = cuda::gpuOf(arch);
    if (processors > 0)
      gpu.processors = processors;
    return gpu;
  }
};

inline constexpr int kCases = 49;
/// From the first to the last of these, a GPU of sm_90a is so small that layers
/// have more rows than its pairs of blocks take at once: code books, blocks
/// with scales, and rows with them.
inline constexpr int kFirstPairCase = 18;
inline constexpr int kLastPairCase = 20;
/// From this one on, norms stand behind the additions, and projections lead
/// from and to narrower embeddings.
inline constexpr int kPlainCases = 28;
/// From this one on, sizes are the smallest: rows of a few elements, heads of
/// one.
inline constexpr int kTinyCases = 32;
/// From this one on, rows are long enough for matvecs on tensor cores, and the
/// GPU is small enough; one layer after the other has each of the schemes.
inline constexpr int kWideCases = 40;
/// From this one on, rows are whole blocks of 256, and one layer after the
/// other has each of the storages with codes in planes, and the newer of bytes.
inline constexpr int kPlanarCases = 42;
/// The one of them whose norms stand behind the additions.
inline constexpr int kPlanarPostCase = 45;
/// As those from kPlainCases on, where attention and its layers are a launch on
/// sm_90a.
inline constexpr int kKeptCase = 46;
/// Rows so long, on a GPU so small, that blocks of clusters multiply them on
/// tensor cores; storages that do so differently, one a layer.
inline constexpr int kTileCase = 47;
/// Weights that kernels of sm_90a read by tiles, the embedding, which is the
/// head too, as well.
inline constexpr int kOrderCase = 48;

/// Random case `number`, 0 ≤ number < kCases; from kCases on they come again,
/// to be emulated as sm_90a.
Model makeCase(int number);

/// A decoder of given shape with one scheme for all linear layers, for timing.
struct BenchShape {
  const char *name;
  int64_t hidden, layers, heads, kvHeads, headDim, intermediate, vocab;
  format::PackedShape body, head; ///< scheme, dtype and block size
  /// OPT-350m's form: layer norms behind the additions, biases, no gate, and a
  /// head of half the width.
  bool isPlain = false;
};
Model makeBench(const BenchShape &shape);

/// Shapes that the runner times.
const std::vector<BenchShape> &benchShapes();

} // namespace qzc::kernel_test

#endif // QZC_TEST_KERNELS_MODEL_H
