//===- Account.cpp - What became of each weight ---------------------------===//

#include "Account.h"

#include "qzc/Format/Footprint.h"
#include "qzc/Support/Error.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <sstream>

namespace qzc::pipeline {

using Json = nlohmann::ordered_json;
using encode::WeightError;
using format::Manifest;
using format::Tensor;

static bool endsWith(const std::string &text, const std::string &end) {
  return text.size() > end.size() &&
         text.compare(text.size() - end.size(), end.size(), end) == 0;
}

void checkReportName(const std::string &path) {
  if (!endsWith(path, ".json") && !endsWith(path, ".csv"))
    throw usageError("--report: '" + path +
                     "' is no name of a table: it must end in .json or .csv");
}

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

/// Tokens that are computed at once, of a long prompt.
static constexpr uint64_t kChunk = 512;

RunMemory::RunMemory(const Manifest &manifest) {
  for (const Tensor &tensor : manifest.tensors)
    weights += format::paddedBytes(tensor.shape);
  for (const format::Launch &launch : manifest.plan.body)
    if (const auto *attention =
            std::get_if<format::AttentionParams>(&launch.params))
      cachePerPosition +=
          static_cast<uint64_t>(2 * attention->kvHeads * attention->headDim) *
          sizeof(float);
  activationsPerToken = manifest.plan.bytesPerToken;
}

std::string RunMemory::describe(int64_t context) const {
  const auto megabytes = [](uint64_t bytes) {
    char text[32];
    std::snprintf(text, sizeof text, "%.3f", static_cast<double>(bytes) / 1e6);
    return std::string(text);
  };
  std::string text;
  for (const int64_t positions : {context, int64_t{1024}}) {
    if (!text.empty() && positions >= context)
      continue;
    const uint64_t cache = cachePerPosition * static_cast<uint64_t>(positions);
    const uint64_t activations =
        activationsPerToken *
        std::min(kChunk, static_cast<uint64_t>(positions));
    text += "memory at run time, --context=" + std::to_string(positions) +
            ": " + megabytes(weights + cache + activations) + " MB (weights " +
            megabytes(weights) + ", KV cache " + megabytes(cache) +
            ", activations " + megabytes(activations) + ")\n";
  }
  return text;
}

//===----------------------------------------------------------------------===//
// Tensors
//===----------------------------------------------------------------------===//

Account::Account(const Manifest &manifest, std::vector<WeightError> errors)
    : Plan(manifest), Errors(std::move(errors)) {}

double Account::relativeError(size_t tensor) const {
  const WeightError &error = Errors[tensor];
  return error.squares == 0 ? 0 : error.squaredErrors / error.squares;
}

std::vector<double> Account::neighbours(size_t tensor) const {
  constexpr int64_t kBlocks = 4; // on either side
  const Tensor &one = Plan.tensors[tensor];
  std::vector<double> errors;
  for (size_t i = 0; i < Errors.size(); ++i) {
    const Tensor &other = Plan.tensors[i];
    if (i != tensor && other.block >= 0 && other.role == one.role &&
        std::abs(other.block - one.block) <= kBlocks &&
        format::storedAlike(other.shape, one.shape))
      errors.push_back(relativeError(i));
  }
  return errors;
}

std::vector<std::string> Account::warnings() const {
  // 4.8 dB: plain weights of one shape differ by tenths of one.
  constexpr double kFar = 3;
  std::vector<std::string> lines;
  for (size_t i = 0; i < Errors.size(); ++i) {
    const Tensor &tensor = Plan.tensors[i];
    if (tensor.block < 0 || tensor.shape.scheme == format::Scheme::None)
      continue;
    std::vector<double> around = neighbours(i);
    if (around.size() < 2)
      continue;
    const auto middle =
        around.begin() + static_cast<std::ptrdiff_t>(around.size() / 2);
    std::nth_element(around.begin(), middle, around.end());
    if (relativeError(i) <= kFar * *middle)
      continue;
    std::ostringstream line;
    line.precision(1);
    line << std::fixed << "'" << tensor.source.name << "' as "
         << format::describeStorage(tensor.shape) << " keeps a signal of "
         << Errors[i].signalToNoise() << " dB where the blocks around it keep "
         << -10 * std::log10(*middle)
         << " dB: a --rule can store it with more bits";
    lines.push_back(line.str());
  }
  return lines;
}

static double bitsAWeight(uint64_t bytes, int64_t elements) {
  return elements == 0
             ? 0
             : 8 * static_cast<double>(bytes) / static_cast<double>(elements);
}

/// The columns of both forms, in their order.
static Json rowOf(const Tensor &tensor, const WeightError *error) {
  const uint64_t bytes = format::storedBytes(tensor.shape);
  Json row = {{"name", tensor.source.name}};
  if (!tensor.source.rows.empty())
    row["rows_of_source"] = tensor.source.rows;
  row["role"] = tensor.role;
  row["block"] = tensor.block < 0 ? Json() : Json(tensor.block);
  row["rows"] = tensor.shape.rows;
  row["cols"] = tensor.shape.cols;
  row["stored_as"] = format::describeStorage(tensor.shape);
  row["method"] = format::name(tensor.method);
  row["bytes"] = bytes;
  row["bits_a_weight"] =
      bitsAWeight(bytes, tensor.shape.rows * tensor.shape.cols);
  if (error) {
    row["mean_squared_error"] = error->meanSquaredError();
    const double decibels = error->signalToNoise();
    row["signal_to_noise_db"] =
        std::isfinite(decibels) ? Json(decibels) : Json();
    row["cosine"] = error->cosine();
    row["largest_error"] = error->largest;
    if (error->outputSquares > 0)
      row["output_error"] = error->outputErrors / error->outputSquares;
  }
  return row;
}

std::string Account::json() const {
  Json root = {{"model", Plan.model.name}, {"selection", Plan.selection}};
  uint64_t quantized = 0;
  uint64_t all = 0;
  int64_t elements = 0;
  Json tensors = Json::array();
  for (size_t i = 0; i < Plan.tensors.size(); ++i) {
    const Tensor &tensor = Plan.tensors[i];
    const uint64_t bytes = format::storedBytes(tensor.shape);
    all += bytes;
    if (tensor.shape.scheme != format::Scheme::None) {
      quantized += bytes;
      elements += tensor.shape.rows * tensor.shape.cols;
    }
    tensors.push_back(rowOf(tensor, Errors.empty() ? nullptr : &Errors[i]));
  }
  const RunMemory memory(Plan);
  root["bytes"] = all;
  root["quantized"] = {{"weights", elements},
                       {"bytes", quantized},
                       {"bits_a_weight", bitsAWeight(quantized, elements)}};
  root["memory"] = {{"weights", memory.weights},
                    {"cache_per_position", memory.cachePerPosition},
                    {"activations_per_token", memory.activationsPerToken}};
  root["warnings"] = warnings();
  root["tensors"] = std::move(tensors);
  return root.dump(2) + "\n";
}

/// RFC 4180: quotes where they are needed, doubled inside.
static std::string csvField(const Json &value) {
  if (value.is_null())
    return "";
  const std::string text =
      value.is_string() ? value.get<std::string>() : value.dump();
  if (text.find_first_of(",\"\n") == std::string::npos)
    return text;
  std::string quoted = "\"";
  for (const char c : text)
    quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + "\"";
}

std::string Account::csv() const {
  static constexpr const char *kColumns[] = {"name",
                                             "rows_of_source",
                                             "role",
                                             "block",
                                             "rows",
                                             "cols",
                                             "stored_as",
                                             "method",
                                             "bytes",
                                             "bits_a_weight",
                                             "mean_squared_error",
                                             "signal_to_noise_db",
                                             "cosine",
                                             "largest_error",
                                             "output_error"};
  std::string text;
  for (const char *column : kColumns)
    text += (text.empty() ? "" : ",") + std::string(column);
  text += "\n";
  for (size_t i = 0; i < Plan.tensors.size(); ++i) {
    const Json row =
        rowOf(Plan.tensors[i], Errors.empty() ? nullptr : &Errors[i]);
    bool first = true;
    for (const char *column : kColumns) {
      text += (first ? "" : ",") +
              (row.contains(column) ? csvField(row[column]) : std::string());
      first = false;
    }
    text += "\n";
  }
  return text;
}

std::string Account::textFor(const std::string &path) const {
  return endsWith(path, ".csv") ? csv() : json();
}

} // namespace qzc::pipeline
