//===- StopText.cpp - Texts at which generating ends ----------------------===//

#include "StopText.h"

#include <algorithm>
#include <utility>

namespace qzc::runtime {

/// How much of the end of `text` begins `stop`, but not all of it.
static size_t beginningAtEnd(const std::string &text, const std::string &stop) {
  for (size_t bytes = std::min(text.size(), stop.size() - 1); bytes > 0;
       --bytes)
    if (text.compare(text.size() - bytes, bytes, stop, 0, bytes) == 0)
      return bytes;
  return 0;
}

std::string StopText::push(const std::string &piece) {
  if (Stopped)
    return {};
  Withheld += piece;
  // The stop that is complete first counts, the longest of those.
  size_t end = std::string::npos;
  size_t shown = Withheld.size();
  size_t held = 0;
  for (const std::string &stop : Stops) {
    size_t at = Withheld.find(stop);
    if (at == std::string::npos) {
      held = std::max(held, beginningAtEnd(Withheld, stop));
    } else if (std::pair(at + stop.size(), at) < std::pair(end, shown)) {
      end = at + stop.size();
      shown = at;
      Stopped = true;
    }
  }
  if (!Stopped)
    shown -= held;
  std::string out = Withheld.substr(0, shown);
  Withheld.erase(0, Stopped ? Withheld.size() : shown);
  return out;
}

std::string StopText::finish() {
  std::string out = std::move(Withheld);
  Withheld.clear();
  return out;
}

} // namespace qzc::runtime
