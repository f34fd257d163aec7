//===- Weights.h - qz.params to values --------------------------*- C++ -*-===//

#ifndef QZC_LIB_INTERPRETER_WEIGHTS_H
#define QZC_LIB_INTERPRETER_WEIGHTS_H

#include "Matrix.h"

#include "qzc/Dialect/Qz/IR/QzDialect.h"
#include "qzc/Encode/WeightSources.h"

#include "llvm/ADT/StringMap.h"

#include <string>

namespace qzc::interpreter {

/// The weights of one model, as its executable would compute with them:
/// encoded as their types and methods say and decoded again.
class Weights {
public:
  /// Opens the files in `folder` that the model's weights are in, and checks
  /// them. Throws qzc::Error naming a file that is missing or has changed.
  Weights(qz::ModelOp model, const std::string &folder, uint64_t seed);

  /// One weight's values. Throws qzc::Error where the file does not have the
  /// tensor as the module describes it, a value does not fit its type, or its
  /// codes are chosen by inputs that the module does not have (gptq, awq).
  Matrix read(qz::ParamOp param) const;

private:
  /// The stored bytes of a weight.
  std::vector<std::byte> encode(qz::ParamOp param,
                                const format::Tensor &tensor) const;

  llvm::StringMap<size_t> Numbers; ///< by symbol, of the files in Sources
  encode::WeightSources Sources;
  uint64_t Seed;
};

} // namespace qzc::interpreter

#endif // QZC_LIB_INTERPRETER_WEIGHTS_H
