//===- Report.cpp - The table of an evaluation ----------------------------===//

#include "Report.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <set>

namespace qzc::evaltool {

namespace {

const char *const kNothing = "–";

std::string fixed(double value, int decimals) {
  char text[64];
  std::snprintf(text, sizeof text, "%.*f", decimals, value);
  return text;
}

/// Small sizes keep digits that tell them apart.
std::string megabytes(double value) {
  return fixed(value, value < 10 ? 3 : value < 100 ? 2 : 1);
}

std::string megabytesOf(uint64_t bytes) {
  return megabytes(static_cast<double>(bytes) / 1e6);
}

std::string withError(double value, double error, int decimals) {
  return fixed(value, decimals) + " ± " + fixed(error, decimals);
}

std::string speedCell(const std::optional<evaluate::Spread> &spread) {
  return spread ? withError(spread->mean, spread->deviation, 1) : kNothing;
}

/// Text that cannot end its cell.
std::string escaped(const std::string &text) {
  std::string out;
  for (char c : text) {
    if (c == '|')
      out += '\\';
    out += c == '\n' ? ' ' : c;
  }
  return out;
}

/// File names, or whole paths where names alone would be the same.
std::vector<std::string> labels(const std::vector<Measured> &images) {
  std::vector<std::string> paths;
  std::vector<std::string> names;
  for (const Measured &image : images) {
    paths.push_back(image.file);
    names.push_back(std::filesystem::path(image.file).filename().string());
  }
  bool distinct =
      std::set<std::string>(names.begin(), names.end()).size() == names.size();
  return distinct ? names : paths;
}

using Cells = std::vector<std::string>;

std::string line(const Cells &cells) {
  std::string text = "|";
  for (const std::string &cell : cells)
    text += " " + cell + " |";
  return text + "\n";
}

struct Column {
  const char *title;
  bool number;
};

constexpr Column kColumns[] = {
    {"executable", false}, {"model", false},        {"selection", false},
    {"scheme", false},     {"file MB", true},       {"weights MB before", true},
    {"weights MB", true},  {"peak RSS MB", true},   {"GPU MB", true},
    {"load s", true},      {"prefill tok/s", true}, {"decode tok/s", true},
};

Cells rowOf(const Measured &image, const std::string &label) {
  const Facts &facts = image.facts;
  Cells cells = {escaped(label),
                 escaped(facts.model),
                 "`" + escaped(facts.selection) + "`",
                 escaped(facts.scheme),
                 megabytesOf(facts.fileBytes),
                 megabytesOf(facts.importedBytes),
                 megabytesOf(facts.storedBytes)};
  if (const auto &speed = image.speed)
    for (const std::string &cell :
         {megabytes(speed->peakRssMb),
          speed->gpuMb > 0 ? megabytes(speed->gpuMb) : kNothing,
          fixed(speed->loadSeconds, 2), speedCell(speed->prefill),
          speedCell(speed->decode)})
      cells.push_back(cell);
  cells.resize(std::size(kColumns), kNothing);
  return cells;
}

/// Figures of a comparison in a table: titles with what is shown below them.
struct ComparisonColumn {
  const char *title;
  std::string (*show)(const evaluate::Comparison &comparison);
};

std::string percent(const evaluate::Estimate &estimate) {
  return withError(100 * estimate.value, 100 * estimate.error, 2);
}

const ComparisonColumn kComparisonColumns[] = {
    {"Δ perplexity",
     [](const evaluate::Comparison &c) {
       return withError(c.difference.value, c.difference.error, 3);
     }},
    {"KL divergence",
     [](const evaluate::Comparison &c) {
       return withError(c.divergence.value, c.divergence.error, 5);
     }},
    {"same top %",
     [](const evaluate::Comparison &c) { return percent(c.sameTop); }},
    {"RMS Δp %",
     [](const evaluate::Comparison &c) { return percent(c.rmsChange); }},
};

void addComparison(Cells &cells, const Measured &image) {
  for (const ComparisonColumn &column : kComparisonColumns)
    cells.push_back(image.comparison ? column.show(*image.comparison)
                                     : kNothing);
}

/// Whether perplexities may be those of different tokens.
bool haveSeveralModels(const std::vector<Measured> &images) {
  std::set<std::string> models;
  std::set<int64_t> counts;
  for (const Measured &image : images) {
    models.insert(image.facts.model);
    if (image.perplexity)
      counts.insert(image.perplexity->tokensScored);
  }
  return models.size() > 1 || counts.size() > 1;
}

void addPerplexity(Cells &cells, const Measured &image, bool lines,
                   bool byByte) {
  const auto &perplexity = image.perplexity;
  cells.push_back(perplexity
                      ? withError(perplexity->value, perplexity->error, 3)
                      : kNothing);
  if (lines)
    cells.push_back(perplexity ? fixed(*perplexity->meanOfLines, 3) : kNothing);
  if (byByte)
    cells.push_back(perplexity ? withError(perplexity->bitsPerByte.value,
                                           perplexity->bitsPerByte.error, 4)
                               : kNothing);
}

std::string joined(const std::vector<std::string> &parts) {
  std::string out;
  for (const std::string &part : parts)
    out += (out.empty() ? "" : ", ") + part;
  return out;
}

/// "64 tokens scored", or by executable where tokenizers differ.
std::string tokensScored(const std::vector<Measured> &images) {
  std::set<int64_t> counts;
  std::vector<std::string> each;
  std::vector<std::string> names = labels(images);
  for (size_t i = 0; i < images.size(); ++i) {
    if (!images[i].perplexity)
      continue;
    int64_t count = images[i].perplexity->tokensScored;
    counts.insert(count);
    each.push_back(names[i] + " " + std::to_string(count));
  }
  if (counts.empty())
    return "nothing scored";
  if (counts.size() == 1)
    return std::to_string(*counts.begin()) + " tokens scored";
  return "tokens scored: " + joined(each) +
         "; their tokenizers differ, and so does what a token is: bits a byte "
         "compare";
}

std::string conditionsText(const std::vector<Measured> &images,
                           const Conditions &conditions) {
  std::string text =
      "\nSpeed: mean ± standard deviation of " +
      std::to_string(conditions.repetitions) + " runs, prefill of " +
      std::to_string(conditions.promptTokens) + " tokens, decoding of " +
      std::to_string(conditions.count) +
      (conditions.depth > 0
           ? ", each after " + std::to_string(conditions.depth) +
                 " tokens in the cache"
           : "") +
      (conditions.batch > 1
           ? ", " + std::to_string(conditions.batch) + " sequences at once"
           : "") +
      "; memory is that of these runs.";
  if (std::vector<std::string> used = devicesOf(images); !used.empty())
    text += " Device: " + joined(used) + ".";
  text += "\n";
  if (const auto &scoring = conditions.scoring) {
    const evaluate::ProtocolOptions &protocol = scoring->protocol;
    text += "\nPerplexity ± standard error: " +
            std::filesystem::path(scoring->text).filename().string() +
            " (SHA-256 " + scoring->textSha256 + "), protocol " +
            std::string(evaluate::name(protocol.protocol)) + ", context " +
            std::to_string(protocol.context);
    if (protocol.protocol == evaluate::Protocol::Stride)
      text += ", stride " + std::to_string(protocol.stride);
    if (protocol.maxWindows > 0)
      text += ", at most " + std::to_string(protocol.maxWindows) + " windows";
    text += ", BOS ";
    text += protocol.protocol == evaluate::Protocol::LlamaCpp
                ? "as the model's tokenizer adds it"
                : evaluate::name(protocol.bos);
    text += ", " + tokensScored(images) + ".\n";
    if (!scoring->base.empty())
      text += "\nCompared with " +
              std::filesystem::path(scoring->base).filename().string() +
              ", token by token: the change of perplexity with its paired "
              "standard error; the mean Kullback-Leibler divergence in nats; "
              "how often the most likely token is the same; the root mean "
              "square of the change of the right token's probability.\n";
  }
  return text;
}

} // namespace

std::vector<std::string> devicesOf(const std::vector<Measured> &images) {
  std::vector<std::string> out;
  for (const Measured &image : images)
    if (image.speed &&
        std::find(out.begin(), out.end(), image.speed->device) == out.end())
      out.push_back(image.speed->device);
  return out;
}

std::string formatTable(const std::vector<Measured> &images,
                        const Conditions &conditions) {
  bool scored = conditions.scoring.has_value();
  bool lines = scored && conditions.scoring->protocol.protocol ==
                             evaluate::Protocol::Lines;
  Cells titles;
  Cells rules;
  for (const Column &column : kColumns) {
    titles.emplace_back(column.title);
    rules.emplace_back(column.number ? "---:" : "---");
  }
  if (scored)
    titles.emplace_back("perplexity");
  if (lines)
    titles.emplace_back("mean of lines");
  bool byByte = scored && haveSeveralModels(images);
  if (byByte)
    titles.emplace_back("bits a byte");
  bool compared = scored && !conditions.scoring->base.empty();
  if (compared)
    for (const ComparisonColumn &column : kComparisonColumns)
      titles.emplace_back(column.title);
  rules.resize(titles.size(), "---:");
  std::string text = line(titles) + line(rules);
  std::vector<std::string> names = labels(images);
  for (size_t i = 0; i < images.size(); ++i) {
    Cells cells = rowOf(images[i], names[i]);
    if (scored)
      addPerplexity(cells, images[i], lines, byByte);
    if (compared)
      addComparison(cells, images[i]);
    text += line(cells);
  }
  return text + conditionsText(images, conditions);
}

} // namespace qzc::evaltool
