//===- GroupSearch.h - Scales by errors that weigh together -----*- C++ -*-===//

#ifndef QZC_FORMAT_GROUPSEARCH_H
#define QZC_FORMAT_GROUPSEARCH_H

#include "qzc/Format/Scheme.h"

namespace qzc::format {

/// The largest group whose errors weigh together.
inline constexpr int64_t kMostTogether = 128;

/// The elements that share a scale, where searchTogether takes the shape: a
/// scheme whose scales are searched for one by one, of groups of up to
/// kMostTogether that divide a row. 0 for others.
int64_t searchedTogether(const PackedShape &shape);

/// What searchElements does, of whole rows, with the scales that leave the
/// least Σ e·P·eᵀ over the groups, e being a group's errors. `products` has the
/// P of each group of a row, one behind the other: symmetric, not negative, its
/// rows up to the diagonal one after another.
float searchTogether(const PackedShape &shape, const float *values,
                     const float *products, int64_t count,
                     std::byte *const *parts);

} // namespace qzc::format

#endif // QZC_FORMAT_GROUPSEARCH_H
