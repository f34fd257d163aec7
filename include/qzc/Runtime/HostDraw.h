//===- HostDraw.h - Drawing the next token from logits ----------*- C++ -*-===//

#ifndef QZC_RUNTIME_HOSTDRAW_H
#define QZC_RUNTIME_HOSTDRAW_H

#include "qzc/Runtime/Draw.h"

#include <cstdint>
#include <utility>
#include <vector>

namespace qzc::runtime {

/// Draws on the host, from as many tokens as a Draw asks for. The same draw
/// and logits give the same token on every machine.
class HostDraw {
public:
  struct Choice {
    int32_t id;
    double weight; ///< 1 for the likeliest
  };
  /// What is drawn from after these logits [vocab], likeliest first, the lower
  /// id among equals; valid until the next call.
  const std::vector<Choice> &choices(const float *logits, int64_t vocab,
                                     const Draw &draw);
  /// The token that is drawn; the likeliest where its logit is infinite.
  /// Throws qzc::Error where a logit is not a number.
  int32_t token(const float *logits, int64_t vocab, const Draw &draw);

private:
  using Candidate = std::pair<float, int32_t>; ///< (−logit, id)
  void keepLikeliest(const float *logits, int64_t vocab, size_t count);

  std::vector<Candidate> Candidates;
  std::vector<Choice> Kept;
};

} // namespace qzc::runtime

#endif // QZC_RUNTIME_HOSTDRAW_H
