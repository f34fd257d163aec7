//===- KeptScales.h - Scales that wait for their tensor ---------*- C++ -*-===//

#ifndef QZC_LIB_ENCODE_KEPTSCALES_H
#define QZC_LIB_ENCODE_KEPTSCALES_H

#include "qzc/Format/Scheme.h"

#include <atomic>
#include <mutex>
#include <vector>

namespace qzc::encode {

/// The index of a quantized weight's scales, its last part.
size_t scalesPart(const format::PackedShape &shape);

/// The f32 scales of one tensor with double quantization, while its chunks are
/// encoded. Threads may take different chunks at the same time.
class KeptScales {
public:
  KeptScales(const format::PackedShape &shape, int64_t chunks)
      : Shape(shape), Left(chunks) {}

  /// Takes the scales of the chunk that begins at element `begin`; true for the
  /// last one.
  bool take(int64_t begin, const std::vector<std::byte> &scales);

  /// All scales as they are stored, once the last chunk was taken; leaves the
  /// object empty. `largest` becomes the largest decoded magnitude.
  std::vector<std::byte> finish(float &largest);

private:
  format::PackedShape Shape;
  std::atomic<int64_t> Left;
  std::once_flag AllocateOnce;
  std::vector<float> Scales;
};

} // namespace qzc::encode

#endif // QZC_LIB_ENCODE_KEPTSCALES_H
