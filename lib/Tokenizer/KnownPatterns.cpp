//===- KnownPatterns.cpp - Patterns that are as fast as they look ---------===//
//
// Backtracking is linear for a pattern if what one alternative reads in vain is
// taken by a later one. That holds for those below, each of which many models
// have; StepsTest.cpp counts. All others are watched while they match.
//
//===----------------------------------------------------------------------===//

#include "Regex.h"

#include <algorithm>
#include <iterator>

namespace qzc::tokenizer {

#define CONTRACTION "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
#define LETTERS "[^\\r\\n\\p{L}\\p{N}]?\\p{L}+"
#define UPPER "[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]"
#define LOWER "[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]"
#define LOWER_WORD "[^\\r\\n\\p{L}\\p{N}]?" UPPER "*" LOWER "+"
#define UPPER_WORD "[^\\r\\n\\p{L}\\p{N}]?" UPPER "+" LOWER "*"
#define OTHERS " ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*"
#define OTHERS_SLASH " ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*"
#define SPACES "\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"

static constexpr std::string_view kKnown[] = {
    // GPT-2
    "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|"
    "\\s+(?!\\S)|\\s+",
    // Llama 3, Qwen 2
    CONTRACTION "|" LETTERS "|\\p{N}{1,3}|" OTHERS "|" SPACES,
    CONTRACTION "|" LETTERS "|\\p{N}|" OTHERS "|" SPACES,
    // GPT-4o, Mistral's Tekken
    LOWER_WORD CONTRACTION "?|" UPPER_WORD CONTRACTION
                           "?|\\p{N}{1,3}|" OTHERS_SLASH "|" SPACES,
    LOWER_WORD "|" UPPER_WORD "|\\p{N}|" OTHERS_SLASH "|" SPACES,
    // BLOOM, Falcon
    " ?[^(\\s|[.,!?…。，、।۔،])]+",
    "[0-9][0-9][0-9]",
    // sentencepiece, converted
    " {2,}",
};

bool isKnownPattern(std::string_view pattern) {
  return std::find(std::begin(kKnown), std::end(kKnown), pattern) !=
         std::end(kKnown);
}

} // namespace qzc::tokenizer
