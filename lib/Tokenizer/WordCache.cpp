//===- WordCache.cpp - Ids of words that came before ----------------------===//

#include "WordCache.h"

#include "Steps.h"

#include <cstring>

namespace qzc::tokenizer {

/// Longer words hardly come again.
static constexpr size_t kLongest = 64;
static constexpr size_t kTextBytes = size_t(2) << 20;

void WordCache::encode(std::string_view word, std::vector<int32_t> &out) {
  if (word.size() > kLongest)
    return From.encode(word, out);
  StepCounter::add(1);
  if (auto known = Known.find(word); known != Known.end()) {
    const int32_t *ids = AllIds.data() + known->second.begin;
    out.insert(out.end(), ids, ids + known->second.count);
    return;
  }
  if (!Texts)
    Texts.reset(new char[kTextBytes]);
  if (Used + word.size() > kTextBytes) {
    Known.clear();
    AllIds.clear();
    Used = 0;
  }
  auto begin = static_cast<uint32_t>(AllIds.size());
  From.encode(word, AllIds);
  char *text = Texts.get() + Used;
  std::memcpy(text, word.data(), word.size());
  Used += word.size();
  auto count = static_cast<uint32_t>(AllIds.size()) - begin;
  Known.emplace(std::string_view(text, word.size()), Ids{begin, count});
  out.insert(out.end(), AllIds.begin() + begin, AllIds.end());
}

} // namespace qzc::tokenizer
