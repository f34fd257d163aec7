//===- PostProcessor.h - Special tokens around a text -----------*- C++ -*-===//

#ifndef QZC_LIB_TOKENIZER_POSTPROCESSOR_H
#define QZC_LIB_TOKENIZER_POSTPROCESSOR_H

#include "Field.h"

namespace qzc::tokenizer {

/// What TemplateProcessing, BertProcessing, RobertaProcessing, ByteLevel (which
/// adds nothing) or a Sequence of them puts around one text.
struct PostProcessor {
  std::vector<int32_t> front;
  std::vector<int32_t> back;

  static PostProcessor read(const Field &field, int depth = 0);
};

} // namespace qzc::tokenizer

#endif // QZC_LIB_TOKENIZER_POSTPROCESSOR_H
