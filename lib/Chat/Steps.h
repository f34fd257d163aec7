//===- Steps.h - What rendering a template takes ----------------*- C++ -*-===//

#ifndef QZC_LIB_CHAT_STEPS_H
#define QZC_LIB_CHAT_STEPS_H

#include <cstdint>

namespace qzc::chat {

/// Lets the Jinja engine take `most` steps in this process, counted in basic
/// blocks of its code, whatever the machine; the next one ends the process with
/// `exitCode`. Without a call there is no bound.
void boundSteps(uint64_t most, int exitCode);

} // namespace qzc::chat

#endif // QZC_LIB_CHAT_STEPS_H
