//===- Decoder.cpp - From tokens back to text -----------------------------===//

#include "Decoder.h"

#include "ByteLevel.h"
#include "MetaspaceFields.h"
#include "Model.h"
#include "Utf8.h"
#include "qzc/Tokenizer/Tokenizer.h"

#include <algorithm>

namespace qzc::tokenizer {

Decoder::Decoder() {
  Step step{};
  step.kind = Kind::JoinBySpace;
  Steps.push_back(std::move(step));
}

Decoder::Decoder(const Field &field) { read(field, 0); }

void Decoder::read(const Field &field, int depth) {
  if (field.at("type").string() == "Sequence") {
    field.allowOnly({"decoders"});
    if (depth == kMaxNesting)
      field.fail("is nested too deeply");
    for (const Field &item : field.at("decoders").items())
      read(item, depth + 1);
    return;
  }
  bool joined = std::any_of(Steps.begin(), Steps.end(), [](const Step &step) {
    return step.kind == Kind::ByteLevel || step.kind == Kind::Fuse;
  });
  Steps.push_back(readStep(field, joined));
}

Decoder::Step Decoder::readStep(const Field &field, bool joined) {
  const std::string &type = field.at("type").string();
  Step step{};
  step.joined = joined;
  // What needs the joined text as a whole cannot be streamed.
  bool needsWhole = false;
  if (type == "ByteLevel") {
    field.allowOnly({"add_prefix_space", "trim_offsets", "use_regex"});
    step.kind = Kind::ByteLevel;
    needsWhole = true;
  } else if (type == "ByteFallback") {
    field.allowOnly({});
    step.kind = Kind::ByteFallback;
    needsWhole = true;
  } else if (type == "Fuse") {
    field.allowOnly({});
    step.kind = Kind::Fuse;
  } else if (type == "Metaspace") {
    MetaspaceFields fields = readMetaspaceFields(field);
    step.kind = Kind::Metaspace;
    step.pattern = Regex(escapePattern(fields.replacement));
    step.prepended = fields.prepend != PrependScheme::Never;
  } else if (type == "Replace") {
    field.allowOnly({"pattern", "content"});
    step.kind = Kind::Replace;
    step.pattern = readPattern(field.at("pattern"));
    step.content = field.at("content").string();
    std::string text = field.at("pattern").stringOr("String", "");
    needsWhole = text.empty() || utf8Length(text[0]) != text.size();
  } else if (type == "Strip") {
    field.allowOnly({"content", "start", "stop"});
    step.kind = Kind::Strip;
    step.content = field.at("content").character();
    step.start = field.at("start").integer(0, kMaxTokenId);
    step.stop = field.at("stop").integer(0, kMaxTokenId);
  } else {
    field.at("type").unsupported("ByteLevel, ByteFallback, Fuse, Metaspace, "
                                 "Replace, Strip, Sequence");
  }
  if (joined && needsWhole)
    field.at("type").fail("'" + type +
                          "' after the tokens were joined is not supported");
  return step;
}

DecoderState::DecoderState(const Decoder &decoder, bool startsText)
    : From(decoder), At(decoder.Steps.size()) {
  for (size_t step = 0; step < At.size(); ++step) {
    At[step].first = startsText;
    if (!startsText)
      At[step].stripped = From.Steps[step].start;
  }
}

void DecoderState::flushBytes(size_t step, std::string &out) {
  std::string bytes = std::move(At[step].held);
  At[step].held.clear();
  if (bytes.empty())
    return;
  if (!firstInvalidUtf8(bytes))
    return feed(step + 1, std::move(bytes), out);
  for (size_t i = 0; i < bytes.size(); ++i)
    feed(step + 1, std::string(kReplacement), out);
}

std::string DecoderState::strip(size_t index, std::string token) {
  const Decoder::Step &step = From.Steps[index];
  Progress &progress = At[index];
  const std::string &content = step.content;
  if (!step.joined)
    progress.stripped = 0;
  token.insert(0, progress.held);
  progress.held.clear();
  size_t begin = 0;
  while (progress.stripped < step.start &&
         token.compare(begin, content.size(), content) == 0) {
    begin += content.size();
    ++progress.stripped;
  }
  if (begin < token.size())
    progress.stripped = step.start; // the front has passed
  size_t end = token.size();
  for (int64_t i = 0;
       i < step.stop && end >= begin + content.size() &&
       token.compare(end - content.size(), content.size(), content) == 0;
       ++i)
    end -= content.size();
  if (step.joined)
    progress.held = token.substr(end);
  return token.substr(begin, end - begin);
}

void DecoderState::feed(size_t index, std::string token, std::string &out) {
  if (index == At.size()) {
    out += token;
    return;
  }
  const Decoder::Step &step = From.Steps[index];
  Progress &progress = At[index];
  bool first = progress.first;
  if (!step.joined)
    progress.first = false;
  switch (step.kind) {
  case Decoder::Kind::JoinBySpace:
    if (!first)
      token.insert(0, " ");
    break;
  case Decoder::Kind::ByteLevel:
    progress.held += fromByteLevel(token).value_or(token);
    token = takeUtf8(progress.held, /*atEnd=*/false);
    break;
  case Decoder::Kind::ByteFallback:
    if (auto byte = byteOf(token)) {
      progress.held += *byte;
      return;
    }
    flushBytes(index, out);
    break;
  case Decoder::Kind::Fuse:
    break;
  case Decoder::Kind::Metaspace:
    token = step.pattern->replace(token, first && step.prepended ? "" : " ");
    break;
  case Decoder::Kind::Replace:
    token = step.pattern->replace(token, step.content);
    break;
  case Decoder::Kind::Strip:
    token = strip(index, std::move(token));
    break;
  }
  feed(index + 1, std::move(token), out);
}

void DecoderState::finish(std::string &out) {
  for (size_t step = 0; step < At.size(); ++step) {
    if (From.Steps[step].kind == Decoder::Kind::ByteFallback)
      flushBytes(step, out);
    if (From.Steps[step].kind == Decoder::Kind::ByteLevel)
      feed(step + 1, takeUtf8(At[step].held, /*atEnd=*/true), out);
  }
}

} // namespace qzc::tokenizer
