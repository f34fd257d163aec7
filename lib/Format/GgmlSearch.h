//===- GgmlSearch.h - Scales of ggml's blocks -------------------*- C++ -*-===//
//
// How ggml chooses the scale of a group of values, and the minimum where there
// is one: a number of inverse scales are tried, each with the least-squares fit
// for the codes that it leads to. Groups are the lanes of vectors; each has the
// sums that ggml's scalar code has, in its order, and its roundings.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_LIB_FORMAT_GGMLSEARCH_H
#define QZC_LIB_FORMAT_GGMLSEARCH_H

#include <cstdint>

namespace qzc::format::ggml {

/// Σ x² of `count` runs of `length` values, one behind the other, each in its
/// order.
void sumSquares(const float *values, int64_t length, int64_t count,
                float *sums);

/// Groups that are searched side by side.
inline constexpr int kLanes = 8;

/// Element i of all groups, and what an error of it weighs in each.
template <int Size> struct Groups {
  float x[Size][kLanes];
  float weights[Size][kLanes];

  /// Puts a group in a lane.
  void put(int lane, const float *values, const float *importance) {
    for (int i = 0; i < Size; ++i) {
      x[i][lane] = values[i];
      weights[i][lane] = importance[i];
    }
  }
};

/// Codes of each group, and its scale.
template <int Size> struct Found {
  float scale[kLanes];
  int32_t codes[Size][kLanes];

  /// The codes of a lane's group.
  void take(int lane, uint8_t *out) const {
    for (int i = 0; i < Size; ++i)
      out[i] = static_cast<uint8_t>(codes[i][lane]);
  }
};

/// Values are scale · code - minimum.
struct FoundAbove : Found<32> {
  float minimum[kLanes]; ///< never negative
  float sum[kLanes];     ///< of the weights
};

/// How wide the search for a scale and a minimum is.
struct AboveSearch {
  int32_t most; ///< the largest code; the least is 0
  float first;  ///< inverse scales are (first + step · t + most) / range
  float step;
  int tries;
};

/// Minimizes Σ w·(scale·code - minimum - x)². A fit that is better moves the
/// minimum for the tries that follow, so tries cannot run side by side. Of
/// groups without a range codes and scale are 0.
void searchAbove(const Groups<32> &groups, const AboveSearch &by,
                 FoundAbove &found);

/// Minimizes Σ w·(scale·code - x)² over 19 tries, with codes from -half to
/// half - 1, which are stored plus half. Of groups of zeros they are stored as
/// 0, and so is the scale.
void searchAround(const Groups<32> &groups, int32_t half, Found<32> &found);
void searchAround(const Groups<16> &groups, int32_t half, Found<16> &found);

} // namespace qzc::format::ggml

#endif // QZC_LIB_FORMAT_GGMLSEARCH_H
