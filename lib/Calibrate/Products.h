//===- Products.h - The products of a layer's inputs ------------*- C++ -*-===//

#ifndef QZC_LIB_CALIBRATE_PRODUCTS_H
#define QZC_LIB_CALIBRATE_PRODUCTS_H

#include "qzc/Support/ThreadPool.h"

#include <cstdint>
#include <vector>

namespace qzc::calibrate {

/// XᵀX, up to its diagonal, of rows that come a few at a time. Sums of 64 rows
/// are made in f32, in their order, and added up in f64: the bits depend
/// neither on the number of threads nor on the CPU.
class Products {
public:
  explicit Products(int64_t columns);

  /// Adds rows [count, columns] of finite values that lie `stride` apart.
  void add(const float *rows, int64_t count, int64_t stride, ThreadPool &pool);

  /// The packed lower triangle in f32; leaves the object empty.
  std::vector<float> finish();

private:
  void addBlock(int64_t count, ThreadPool &pool);

  int64_t Columns;
  int64_t Stride; ///< of a row of Block
  std::vector<float> Block;
  std::vector<double> Sums; ///< packed
};

} // namespace qzc::calibrate

#endif // QZC_LIB_CALIBRATE_PRODUCTS_H
