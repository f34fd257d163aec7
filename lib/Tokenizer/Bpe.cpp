//===- Bpe.cpp - Byte-pair encoding ---------------------------------------===//

#include "Bpe.h"

#include "Utf8.h"

#include <queue>
#include <tuple>

namespace qzc::tokenizer {

namespace {

uint64_t pairKey(int32_t left, int32_t right) {
  return static_cast<uint64_t>(static_cast<uint32_t>(left)) << 32 |
         static_cast<uint32_t>(right);
}

std::string byteToken(char byte) {
  constexpr char kDigits[] = "0123456789ABCDEF";
  auto value = static_cast<uint8_t>(byte);
  return {'<', '0', 'x', kDigits[value >> 4], kDigits[value & 15], '>'};
}

} // namespace

Bpe::Bpe(const Field &field) {
  field.allowOnly({"dropout", "unk_token", "continuing_subword_prefix",
                   "end_of_word_suffix", "fuse_unk", "byte_fallback",
                   "ignore_merges", "vocab", "merges"});
  if (auto type = field.find("type"); type && type->string() != "BPE")
    type->unsupported("BPE");
  if (auto dropout = field.find("dropout"))
    if (!dropout->json().is_number() || dropout->json().get<double>() != 0)
      dropout->unsupported("null");
  Prefix = field.stringOr("continuing_subword_prefix", "");
  Suffix = field.stringOr("end_of_word_suffix", "");
  FuseUnknown = field.booleanOr("fuse_unk", false);
  ByteFallback = field.booleanOr("byte_fallback", false);
  IgnoreMerges = field.booleanOr("ignore_merges", false);
  readVocabulary(field.at("vocab"));
  readMerges(field.at("merges"));
  if (auto unknown = field.find("unk_token")) {
    Unknown = find(unknown->string());
    if (!Unknown)
      unknown->fail("'" + unknown->string() + "' is not in the vocabulary");
  }
}

void Bpe::readVocabulary(const Field &field) {
  const nlohmann::json &vocabulary = field.json();
  if (!vocabulary.is_object() || vocabulary.empty())
    field.fail("must be an object with at least one token");
  Vocabulary.reserve(vocabulary.size());
  for (auto it = vocabulary.begin(); it != vocabulary.end(); ++it) {
    if (!it->is_number_unsigned() ||
        it->get<uint64_t>() > static_cast<uint64_t>(kMaxTokenId))
      field.fail("the id of token '" + it.key() +
                 "' must be an integer from 0 to " +
                 std::to_string(kMaxTokenId));
    Vocabulary.emplace(it.key(), it->get<int32_t>());
  }
}

void Bpe::readMerges(const Field &field) {
  const nlohmann::json &merges = field.json();
  if (!merges.is_array())
    field.fail("must be a list");
  Merges.reserve(merges.size());
  for (size_t rank = 0; rank < merges.size(); ++rank) {
    const nlohmann::json &merge = merges[rank];
    if (merge.is_string()) {
      const auto &text = merge.get_ref<const std::string &>();
      size_t space = text.find(' ');
      if (space != text.npos && text.find(' ', space + 1) == text.npos) {
        addMerge(field, rank, text.substr(0, space), text.substr(space + 1));
        continue;
      }
    } else if (merge.is_array() && merge.size() == 2 && merge[0].is_string() &&
               merge[1].is_string()) {
      addMerge(field, rank, merge[0].get_ref<const std::string &>(),
               merge[1].get_ref<const std::string &>());
      continue;
    }
    field.fail("entry " + std::to_string(rank) + " must be a pair of tokens");
  }
}

void Bpe::addMerge(const Field &merges, size_t rank, const std::string &left,
                   const std::string &right) {
  auto need = [&](const std::string &token) {
    auto id = find(token);
    if (!id)
      merges.fail("entry " + std::to_string(rank) + ": token '" + token +
                  "' is not in the vocabulary");
    return *id;
  };
  if (right.size() < Prefix.size())
    merges.fail("entry " + std::to_string(rank) +
                " is shorter than continuing_subword_prefix");
  Merges[pairKey(need(left), need(right))] = {
      static_cast<int32_t>(rank), need(left + right.substr(Prefix.size()))};
}

std::optional<int32_t> Bpe::find(std::string_view token) const {
  auto found = Vocabulary.find(std::string(token));
  if (found == Vocabulary.end())
    return std::nullopt;
  return found->second;
}

const Bpe::Merge *Bpe::findMerge(int32_t left, int32_t right) const {
  auto found = Merges.find(pairKey(left, right));
  return found == Merges.end() ? nullptr : &found->second;
}

std::vector<Bpe::Symbol> Bpe::symbols(std::string_view word) const {
  std::vector<Symbol> out;
  auto push = [&](int32_t id) {
    auto at = static_cast<int32_t>(out.size());
    out.push_back({id, at - 1, at + 1});
  };
  bool afterUnknown = false;
  for (size_t at = 0; at < word.size();) {
    size_t bytes = utf8Length(word[at]);
    std::string text(word.substr(at, bytes));
    if (at > 0)
      text.insert(0, Prefix);
    if (at + bytes == word.size())
      text += Suffix;
    at += bytes;
    if (auto id = find(text)) {
      push(*id);
      afterUnknown = false;
      continue;
    }
    if (ByteFallback) {
      std::vector<int32_t> ids;
      for (char byte : text)
        if (auto id = find(byteToken(byte)))
          ids.push_back(*id);
      if (ids.size() == text.size()) {
        for (int32_t id : ids)
          push(id);
        continue;
      }
    }
    // Without an unknown token, what the vocabulary lacks disappears.
    if (Unknown && !(afterUnknown && FuseUnknown))
      push(*Unknown);
    afterUnknown = true;
  }
  if (!out.empty())
    out.back().next = -1;
  return out;
}

void Bpe::mergeAll(std::vector<Symbol> &symbols) const {
  // Lowest rank first, leftmost among equals.
  using Candidate = std::tuple<int32_t, int32_t, int32_t>; // rank, at, result
  std::vector<Candidate> first;
  for (size_t i = 0; i + 1 < symbols.size(); ++i)
    if (const Merge *merge = findMerge(symbols[i].id, symbols[i + 1].id))
      first.emplace_back(merge->rank, static_cast<int32_t>(i), merge->result);
  std::priority_queue<Candidate, std::vector<Candidate>, std::greater<>> queue(
      std::greater<>(), std::move(first));
  auto offer = [&](int32_t at) {
    if (at < 0 || symbols[at].next < 0)
      return;
    if (const Merge *merge =
            findMerge(symbols[at].id, symbols[symbols[at].next].id))
      queue.emplace(merge->rank, at, merge->result);
  };
  while (!queue.empty()) {
    auto [rank, at, result] = queue.top();
    queue.pop();
    Symbol &left = symbols[at];
    if (left.id < 0 || left.next < 0)
      continue;
    // A neighbour may have changed since this was offered.
    const Merge *merge = findMerge(left.id, symbols[left.next].id);
    if (!merge || merge->result != result)
      continue;
    Symbol &right = symbols[left.next];
    left.id = result;
    left.next = right.next;
    right.id = -1;
    if (left.next >= 0)
      symbols[left.next].previous = at;
    offer(left.previous);
    offer(at);
  }
}

void Bpe::encode(std::string_view word, std::vector<int32_t> &out) const {
  if (IgnoreMerges)
    if (auto id = find(word)) {
      out.push_back(*id);
      return;
    }
  std::vector<Symbol> parts = symbols(word);
  mergeAll(parts);
  for (const Symbol &symbol : parts)
    if (symbol.id >= 0)
      out.push_back(symbol.id);
}

} // namespace qzc::tokenizer
