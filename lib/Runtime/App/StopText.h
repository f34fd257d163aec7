//===- StopText.h - Texts at which generating ends --------------*- C++ -*-===//

#ifndef QZC_LIB_RUNTIME_APP_STOPTEXT_H
#define QZC_LIB_RUNTIME_APP_STOPTEXT_H

#include <string>
#include <vector>

namespace qzc::runtime {

/// Lets a text through, piece by piece, up to the one of some texts that is
/// complete first; what may be the beginning of one waits for the next piece.
class StopText {
public:
  /// None of `stops` is empty.
  explicit StopText(std::vector<std::string> stops) : Stops(std::move(stops)) {}

  /// What can be shown now.
  std::string push(const std::string &piece);
  /// What still waited.
  std::string finish();
  /// Whether a stop has come; nothing is let through after it.
  bool stopped() const { return Stopped; }

private:
  std::vector<std::string> Stops;
  std::string Withheld;
  bool Stopped = false;
};

} // namespace qzc::runtime

#endif // QZC_LIB_RUNTIME_APP_STOPTEXT_H
