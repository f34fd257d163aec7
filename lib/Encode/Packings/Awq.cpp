//===- Awq.cpp - Checkpoints of AWQ, for its GEMM kernels -----------------===//
//
// codes: I32 [cols, rows / 8], zeros: I32 [groups, rows / 8]: of eight rows the
// even ones in a word's low nibbles, then the odd ones; scales: [groups, rows].
//
//===----------------------------------------------------------------------===//

#include "Linear.h"

using namespace qzc;
using namespace qzc::encode;

namespace {
class Awq : public LinearSource {
public:
  explicit Awq(const PackedTensors &tensors)
      : LinearSource(tensors), Rows(tensors.shape().rows) {
    tensors.requireScheme({format::Scheme::Int4, format::Scheme::None});
    Groups = tensors.matrix("scales")[0];
  }

  void checkTensors() const {
    if (Rows % 8 != 0)
      Tensors.fail("its " + std::to_string(Rows) + " rows do not fill words");
    Tensors.require("codes", "I32", {Tensors.shape().cols, Rows / 8});
    Tensors.require("zeros", "I32", {Groups, Rows / 8});
    Tensors.requireNumbers("scales", {Groups, Rows});
    if (Tensors.has("order"))
      Tensors.fail("it has groups of columns that it cannot have");
    check();
  }

  int bits() const override { return 4; }
  int64_t groups() const override { return Groups; }
  void codes(int64_t begin, int64_t end, uint8_t *out) const override {
    const int64_t cols = Tensors.shape().cols;
    const std::byte *data = Tensors.data("codes");
    for (int64_t col = 0; col < cols; ++col)
      for (int64_t row = begin; row < end; ++row)
        out[(row - begin) * cols + col] = nibble(data, col, row);
  }
  float scale(int64_t row, int64_t group) const override {
    return Tensors.number("scales", group * Rows + row);
  }
  int64_t zero(int64_t row, int64_t group) const override {
    return nibble(Tensors.data("zeros"), group, row);
  }

private:
  uint8_t nibble(const std::byte *words, int64_t line, int64_t row) const {
    const auto place = row % 8 / 2 + row % 2 * 4;
    return static_cast<uint8_t>(
        PackedTensors::load<uint32_t>(words, line * (Rows / 8) + row / 8) >>
            place * 4 &
        15);
  }

  int64_t Rows;
  int64_t Groups;
};
} // namespace

const PackingTraits encode::kAwqPacking = linearPacking<Awq>();
