//===- Coding.h - How the pieces of one weight are encoded ------*- C++ -*-===//

#ifndef QZC_LIB_ENCODE_CODING_H
#define QZC_LIB_ENCODE_CODING_H

#include "qzc/Encode/Feedback.h"
#include "qzc/Encode/Statistics.h"
#include "qzc/Format/Manifest.h"

#include <optional>
#include <vector>

namespace qzc::encode {

/// What a thread needs beside the pieces' own memory.
struct CodingMemory {
  std::vector<float> importance;
  std::vector<float> scales;
  std::vector<float> offsets;
  std::vector<uint8_t> codes;
};

/// Throws qzc::Error where the statistics do not have what the tensor's method
/// cannot do without.
void requireInput(const format::Tensor &tensor,
                  const std::optional<InputStatistics> &input);

/// A weight's storage and method, with what calibration says of its input.
class Coding {
public:
  /// The weight is scaled by `factors`. `feedback` is of Method::Gptq, and must
  /// outlive the coding.
  Coding(const format::Tensor &tensor, const format::Factors &factors,
         const std::optional<InputStatistics> &input, const Feedback *feedback);

  /// Elements that pieces are multiples of, or the end of the weight.
  int64_t unit() const;
  /// encodeElements of a streamedShape, by the method.
  float encode(const float *values, int64_t count, std::byte *const *parts,
               CodingMemory &memory) const;

private:
  void chooseCodes(const float *values, int64_t count, std::byte *const *parts,
                   CodingMemory &memory) const;

  format::PackedShape Shape; ///< streamed
  format::Method Method;
  std::vector<float> Importance; ///< by column, or none: all alike
  /// Of each group of a row, as searchTogether takes them; or none.
  std::vector<float> Products;
  const Feedback *Back;
};

} // namespace qzc::encode

#endif // QZC_LIB_ENCODE_CODING_H
