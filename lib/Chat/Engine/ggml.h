//===- ggml.h - All that the Jinja engine takes from ggml -------*- C++ -*-===//

#ifndef QZC_LIB_CHAT_ENGINE_GGML_H
#define QZC_LIB_CHAT_ENGINE_GGML_H

#include <stdexcept>

#define GGML_ASSERT(condition)                                                 \
  do {                                                                         \
    if (!(condition))                                                          \
      throw std::logic_error("it broke a rule of the engine: " #condition);    \
  } while (false)

#endif // QZC_LIB_CHAT_ENGINE_GGML_H
