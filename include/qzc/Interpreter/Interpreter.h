//===- Interpreter.h - What a qz model means, evaluated ---------*- C++ -*-===//
//
// The oracle that passes and targets are compared with: it evaluates a model
// operation by operation, as the operations' descriptions say, before or after
// any pass on the dialect. Results are rounded to f32; inside an operation sums
// are f64, so that it is more accurate than what it judges. A fused operation
// is the composition of the ones it stands for: fusing does not change a bit.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_INTERPRETER_INTERPRETER_H
#define QZC_INTERPRETER_INTERPRETER_H

#include "mlir/IR/BuiltinOps.h"

#include <cstdint>
#include <string>
#include <vector>

namespace qzc::interpreter {

struct Logits {
  int64_t tokens = 0;
  int64_t vocab = 0;
  std::vector<float> values; ///< [tokens, vocab]
};

/// Evaluates the module's only qz.model on the tokens of one sequence.
/// `folder` is where the model's files are; they are checked against size and
/// hash. Weights without a file are synthetic, those of `seed`. Throws
/// qzc::Error: no model or several, a token outside the vocabulary, more tokens
/// than the context, a file or a weight that is missing or damaged, an
/// operation that is not the dialect's.
Logits interpret(mlir::ModuleOp module, const std::vector<int32_t> &tokens,
                 const std::string &folder, uint64_t seed);

/// A line a token: "row 3, argmax 5: 0.2500 -1.5000 …", the first eight
/// logits with four digits.
std::string formatLogits(const Logits &logits);

} // namespace qzc::interpreter

#endif // QZC_INTERPRETER_INTERPRETER_H
