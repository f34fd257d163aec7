//===- Statistics.h - What calibration saw of layers' inputs ----*- C++ -*-===//

#ifndef QZC_ENCODE_STATISTICS_H
#define QZC_ENCODE_STATISTICS_H

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace qzc::encode {

/// Of one input; the memory is somebody else's.
struct InputStatistics {
  /// What the statistics call the weight that they were asked for.
  std::string_view name;
  int64_t columns = 0;
  double tokens = 0;
  const float *squares = nullptr;
  /// Null where only the squares are known.
  const float *products = nullptr;
};

/// Elements of the packed lower triangle of a matrix.
inline int64_t triangle(int64_t columns) { return columns * (columns + 1) / 2; }

/// Statistics by the names of weights.
class Statistics {
public:
  virtual ~Statistics() = default;
  /// Of the input of the layer with that weight, if there are any.
  virtual std::optional<InputStatistics>
  find(const std::string &weight) const = 0;
  /// What errors of the layer's outputs do to the model's predictions: the KL
  /// divergence that they come to, divided by the errors' squares relative to
  /// the outputs', and by the mean of that over all weights. 1 where it was not
  /// measured.
  virtual double sensitivity(const std::string &weight) const { return 1; }
};

} // namespace qzc::encode

#endif // QZC_ENCODE_STATISTICS_H
