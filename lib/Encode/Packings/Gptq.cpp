//===- Gptq.cpp - Checkpoints of GPTQ -------------------------------------===//
//
// codes: I32 [cols · bits / 32, rows], bits one after the other down a column;
// zeros: I32 [groups, rows · bits / 32], the same along a row, less by the
// source's `offset` (1 in the first version, 0 in the second); scales:
// [groups, rows]; order: I32 [cols], each column's group.
//
//===----------------------------------------------------------------------===//

#include "Linear.h"

using namespace qzc;
using namespace qzc::encode;

namespace {
class Gptq : public LinearSource {
public:
  explicit Gptq(const PackedTensors &tensors)
      : LinearSource(tensors), Rows(tensors.shape().rows) {
    Bits = bitsOf(tensors, tensors.matrix("codes")[0], tensors.shape().cols);
    Groups = tensors.matrix("scales")[0];
  }

  void checkTensors() const {
    const int64_t cols = Tensors.shape().cols;
    if (Rows * Bits % 32 != 0)
      Tensors.fail("its " + std::to_string(Rows) +
                   " rows do not fill words of zero points");
    Tensors.require("codes", "I32", {cols * Bits / 32, Rows});
    Tensors.require("zeros", "I32", {Groups, Rows * Bits / 32});
    Tensors.requireNumbers("scales", {Groups, Rows});
    if (Tensors.source().offset != 0 && Tensors.source().offset != 1)
      Tensors.fail("its zero points are stored less by neither 0 nor 1");
    check();
  }

  int bits() const override { return Bits; }
  int64_t groups() const override { return Groups; }
  void codes(int64_t begin, int64_t end, uint8_t *out) const override {
    const std::byte *data = Tensors.data("codes");
    const int64_t cols = Tensors.shape().cols;
    // Neighbouring rows are neighbouring words.
    for (int64_t col = 0; col < cols; ++col)
      for (int64_t row = begin; row < end; ++row)
        out[(row - begin) * cols + col] = static_cast<uint8_t>(
            bitsAt(data + row * 4, Rows, col * Bits, Bits));
  }
  float scale(int64_t row, int64_t group) const override {
    return Tensors.number("scales", group * Rows + row);
  }
  int64_t zero(int64_t row, int64_t group) const override {
    const std::byte *line =
        Tensors.data("zeros") + group * (Rows * Bits / 32) * 4;
    return bitsAt(line, 1, row * Bits, Bits) +
           static_cast<int64_t>(Tensors.source().offset);
  }

private:
  int64_t Rows;
  int Bits;
  int64_t Groups;
};
} // namespace

const PackingTraits encode::kGptqPacking = linearPacking<Gptq>();
