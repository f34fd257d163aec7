//===- CompressedTensors.cpp - pack-quantized checkpoints -----------------===//
//
// codes: I32 [rows, words], bits one after the other along a row, whose last
// word need not be full; zeros: I32 [words, groups], the same down a column.
// Both have the middle added. scales: [rows, groups]; order: I32 [cols], each
// column's group.
//
//===----------------------------------------------------------------------===//

#include "Linear.h"

#include "qzc/Format/Schemes/GroupedInt.h"

using namespace qzc;
using namespace qzc::encode;

namespace {
class CompressedTensors : public LinearSource {
public:
  explicit CompressedTensors(const PackedTensors &tensors)
      : LinearSource(tensors) {
    Bits = bitsOf(tensors, tensors.matrix("codes")[1], tensors.shape().cols);
    Groups = tensors.matrix("scales")[1];
  }

  void checkTensors() const {
    const format::PackedShape &shape = Tensors.shape();
    Tensors.require("codes", "I32", {shape.rows, wordsOf(shape.cols, Bits)});
    Tensors.requireNumbers("scales", {shape.rows, Groups});
    if (Tensors.has("zeros"))
      Tensors.require("zeros", "I32", {wordsOf(shape.rows, Bits), Groups});
    check();
  }

  int bits() const override { return Bits; }
  int64_t groups() const override { return Groups; }
  void codes(int64_t begin, int64_t end, uint8_t *out) const override {
    const int64_t cols = Tensors.shape().cols;
    const std::byte *data = Tensors.data("codes");
    for (int64_t row = begin; row < end; ++row) {
      const std::byte *words = data + row * wordsOf(cols, Bits) * 4;
      for (int64_t col = 0; col < cols; ++col)
        *out++ = static_cast<uint8_t>(bitsAt(words, 1, col * Bits, Bits));
    }
  }
  float scale(int64_t row, int64_t group) const override {
    return Tensors.number("scales", row * Groups + group);
  }
  int64_t zero(int64_t row, int64_t group) const override {
    if (!Tensors.has("zeros"))
      return format::groupedint::middle(Bits);
    return bitsAt(Tensors.data("zeros") + group * 4, Groups, row * Bits, Bits);
  }

private:
  static int64_t wordsOf(int64_t count, int bits) {
    return (count * bits + 31) / 32;
  }

  int Bits;
  int64_t Groups;
};
} // namespace

const PackingTraits encode::kCompressedTensorsPacking =
    linearPacking<CompressedTensors>();
