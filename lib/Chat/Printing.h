//===- Printing.h - Values as Jinja prints them -----------------*- C++ -*-===//

#ifndef QZC_LIB_CHAT_PRINTING_H
#define QZC_LIB_CHAT_PRINTING_H

#include <jinja/runtime.h>

namespace qzc::chat {

/// The engine prints the items of a list one after the other, and nothing for
/// none and for a dictionary. This makes each {{ expression }} of the program
/// print what Python's str() does.
void printAsPython(jinja::program &program);

} // namespace qzc::chat

#endif // QZC_LIB_CHAT_PRINTING_H
