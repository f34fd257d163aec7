//===- OneLine.h - Messages for people --------------------------*- C++ -*-===//

#ifndef QZC_SUPPORT_ONELINE_H
#define QZC_SUPPORT_ONELINE_H

#include <string>
#include <string_view>

namespace qzc {

/// A message as one line that people can read, whatever names and texts of
/// others are in it: no character that moves a terminal's cursor, and of a long
/// message both ends.
std::string oneLine(std::string_view text);

} // namespace qzc

#endif // QZC_SUPPORT_ONELINE_H
