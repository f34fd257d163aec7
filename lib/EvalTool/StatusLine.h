//===- StatusLine.h - What is being done, on a terminal ---------*- C++ -*-===//

#ifndef QZC_LIB_EVALTOOL_STATUSLINE_H
#define QZC_LIB_EVALTOOL_STATUSLINE_H

#include <chrono>
#include <string>

namespace qzc::evaltool {

/// A line on stderr, rewritten in place, with the seconds since it was set;
/// nothing at all where stderr is not a terminal.
class StatusLine {
public:
  StatusLine();
  ~StatusLine() { clear(); }
  StatusLine(const StatusLine &) = delete;
  StatusLine &operator=(const StatusLine &) = delete;

  void set(std::string text);
  void refresh() const;
  void clear() const;

private:
  using Clock = std::chrono::steady_clock;
  bool Shown;
  std::string Text;
  Clock::time_point Since;
};

} // namespace qzc::evaltool

#endif // QZC_LIB_EVALTOOL_STATUSLINE_H
