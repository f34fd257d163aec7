//===- Decoder.cpp - From tokens back to text -----------------------------===//

#include "Decoder.h"

#include "ByteLevel.h"
#include "Utf8.h"
#include "qzc/Tokenizer/Tokenizer.h"

namespace qzc::tokenizer {

namespace {

/// The byte of a token such as <0x0A>.
std::optional<char> byteOf(std::string_view token) {
  if (token.size() != 6 || token.substr(0, 3) != "<0x" || token[5] != '>')
    return std::nullopt;
  int value = 0;
  for (char digit : token.substr(3, 2)) {
    int part = digit >= '0' && digit <= '9'   ? digit - '0'
               : digit >= 'A' && digit <= 'F' ? digit - 'A' + 10
               : digit >= 'a' && digit <= 'f' ? digit - 'a' + 10
                                              : -1;
    if (part < 0)
      return std::nullopt;
    value = value * 16 + part;
  }
  return static_cast<char>(value);
}

/// Runs of byte tokens become their text, or U+FFFD a byte if it is none.
std::vector<std::string> joinBytes(const std::vector<std::string> &tokens) {
  std::vector<std::string> out;
  std::string bytes;
  auto flush = [&] {
    if (bytes.empty())
      return;
    if (!firstInvalidUtf8(bytes))
      out.push_back(bytes);
    else
      out.insert(out.end(), bytes.size(), std::string(kReplacement));
    bytes.clear();
  };
  for (const std::string &token : tokens) {
    if (auto byte = byteOf(token)) {
      bytes += *byte;
      continue;
    }
    flush();
    out.push_back(token);
  }
  flush();
  return out;
}

std::string joined(const std::vector<std::string> &tokens) {
  std::string out;
  for (const std::string &token : tokens)
    out += token;
  return out;
}

} // namespace

Decoder::Decoder(const Field &field) { read(field, 0); }

void Decoder::read(const Field &field, int depth) {
  const std::string &type = field.at("type").string();
  if (type == "Sequence") {
    field.allowOnly({"decoders"});
    if (depth == kMaxNesting)
      field.fail("is nested too deeply");
    for (const Field &item : field.at("decoders").items())
      read(item, depth + 1);
    return;
  }
  Step step{};
  step.afterFuse = Fused;
  if (type == "ByteLevel") {
    field.allowOnly({"add_prefix_space", "trim_offsets", "use_regex"});
    step.kind = Kind::ByteLevel;
    Fused = true;
  } else if (type == "ByteFallback") {
    field.allowOnly({});
    step.kind = Kind::ByteFallback;
  } else if (type == "Fuse") {
    field.allowOnly({});
    step.kind = Kind::Fuse;
    Fused = true;
  } else if (type == "Replace") {
    field.allowOnly({"pattern", "content"});
    step.kind = Kind::Replace;
    step.pattern = readPattern(field.at("pattern"));
    step.content = field.at("content").string();
  } else if (type == "Strip") {
    field.allowOnly({"content", "start", "stop"});
    step.kind = Kind::Strip;
    step.content = field.at("content").string();
    step.start = field.at("start").integer(0, kMaxTokenId);
    step.stop = field.at("stop").integer(0, kMaxTokenId);
    if (step.content.empty() ||
        utf8Length(step.content[0]) != step.content.size())
      field.at("content").fail("must be one character");
  } else {
    field.at("type").unsupported(
        "ByteLevel, ByteFallback, Fuse, Replace, Strip, Sequence");
  }
  // What needs the whole text, or its end, cannot be streamed.
  if (step.afterFuse &&
      (step.kind == Kind::Replace || step.kind == Kind::ByteFallback ||
       step.kind == Kind::ByteLevel || step.stop > 0 || step.start > 1))
    field.at("type").fail("'" + type +
                          "' after the tokens were joined is not "
                          "supported");
  Steps.push_back(std::move(step));
}

std::string Decoder::replace(const Step &step, const std::string &text) {
  return step.pattern ? step.pattern->replace(text, step.content) : text;
}

std::string Decoder::strip(const Step &step, std::string text) {
  const std::string &content = step.content;
  for (int64_t i = 0; i < step.start; ++i) {
    if (text.compare(0, content.size(), content) != 0)
      break;
    text.erase(0, content.size());
  }
  for (int64_t i = 0; i < step.stop; ++i) {
    if (text.size() < content.size() ||
        text.compare(text.size() - content.size(), content.size(), content) !=
            0)
      break;
    text.erase(text.size() - content.size());
  }
  return text;
}

std::string Decoder::decode(std::vector<std::string> tokens) const {
  if (JoinBySpace) {
    std::string out;
    for (size_t i = 0; i < tokens.size(); ++i)
      out += (i ? " " : "") + tokens[i];
    return out;
  }
  for (const Step &step : Steps) {
    switch (step.kind) {
    case Kind::ByteLevel: {
      std::string bytes;
      for (const std::string &token : tokens)
        bytes += fromByteLevel(token).value_or(token);
      tokens = {takeUtf8(bytes, /*atEnd=*/true)};
      break;
    }
    case Kind::ByteFallback:
      tokens = joinBytes(tokens);
      break;
    case Kind::Fuse:
      tokens = {joined(tokens)};
      break;
    case Kind::Replace:
      for (std::string &token : tokens)
        token = replace(step, token);
      break;
    case Kind::Strip:
      for (std::string &token : tokens)
        token = strip(step, std::move(token));
      break;
    }
  }
  return joined(tokens);
}

std::string Decoder::decodeOne(const std::string &token, bool first) const {
  std::string text = token;
  if (JoinBySpace)
    return first ? text : " " + text;
  bool bytes = false;
  for (const Step &step : Steps) {
    switch (step.kind) {
    case Kind::ByteLevel:
      text = fromByteLevel(text).value_or(text);
      bytes = true;
      break;
    case Kind::ByteFallback:
      if (auto byte = byteOf(text)) {
        text.assign(1, *byte);
        bytes = true;
      }
      break;
    case Kind::Fuse:
      break;
    case Kind::Replace:
      if (!bytes) // a lone byte is no text to search
        text = replace(step, text);
      break;
    case Kind::Strip:
      if (first || !step.afterFuse)
        text = strip(step, std::move(text));
      break;
    }
  }
  return text;
}

} // namespace qzc::tokenizer
