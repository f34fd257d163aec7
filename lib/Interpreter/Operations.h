//===- Operations.h - One function for each operation of qz -----*- C++ -*-===//
//
// Named as the operations; QzComputeOps.td says what each means. Shapes are
// those that the verifiers allow. Operands that may be absent are pointers.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_LIB_INTERPRETER_OPERATIONS_H
#define QZC_LIB_INTERPRETER_OPERATIONS_H

#include "Matrix.h"

#include "qzc/Dialect/Qz/IR/QzDialect.h"

#include <optional>

namespace qzc::interpreter {

Matrix embed(const std::vector<int32_t> &tokens, const Matrix &table);
Matrix addPositions(const Matrix &input, const Matrix &table, int64_t offset);

Matrix rmsNorm(const Matrix &input, const Matrix *weight, bool unitOffset,
               double epsilon);
Matrix layerNorm(const Matrix &input, const Matrix *weight, const Matrix *bias,
                 double epsilon);

Matrix selectRows(const Matrix &weight,
                  const std::vector<std::pair<int64_t, int64_t>> &ranges);
Matrix linear(const Matrix &input, const Matrix &weight, const Matrix *bias,
              const Matrix *residual, qz::Activation activation);
Matrix gatedLinear(const Matrix &input, const Matrix &gate, const Matrix &up,
                   const Matrix *gateBias, const Matrix *upBias,
                   const Matrix *residual, qz::Activation activation);

Matrix rope(const Matrix &input, qz::RopeAttr rope, int64_t heads);

/// The attributes of qz.attention but for its rope.
struct AttentionShape {
  int64_t heads;
  int64_t kvHeads;
  double scale;
  std::optional<int64_t> window;
  std::optional<double> softCap;
  std::optional<double> alibi;
};
Matrix attention(const Matrix &query, const Matrix &key, const Matrix &value,
                 const AttentionShape &shape);

Matrix add(const Matrix &lhs, const Matrix &rhs);
Matrix mul(const Matrix &lhs, const Matrix &rhs);
Matrix activate(qz::Activation activation, const Matrix &input);
Matrix scale(const Matrix &input, double factor);
Matrix clamp(const Matrix &input, double limit);
Matrix softCap(const Matrix &input, double cap);

} // namespace qzc::interpreter

#endif // QZC_LIB_INTERPRETER_OPERATIONS_H
