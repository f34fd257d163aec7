//===- MetaspaceFields.h - What a Metaspace says of itself ------*- C++ -*-===//
//
// The pre-tokenizer and the decoder of that name have the same fields.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_LIB_TOKENIZER_METASPACEFIELDS_H
#define QZC_LIB_TOKENIZER_METASPACEFIELDS_H

#include "Field.h"

namespace qzc::tokenizer {

/// Where a space is put in front of a text that begins with none.
enum class PrependScheme { Never, First, Always };

struct MetaspaceFields {
  std::string replacement; ///< one character
  PrependScheme prepend;
};

MetaspaceFields readMetaspaceFields(const Field &field);

} // namespace qzc::tokenizer

#endif // QZC_LIB_TOKENIZER_METASPACEFIELDS_H
