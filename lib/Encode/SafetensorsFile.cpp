//===- SafetensorsFile.cpp - A mapped, checked safetensors file -----------===//
//
// The format: 8 bytes of little-endian header length, a JSON object of that
// many bytes, the data. Offsets in the header count from the data's start.
//
//===----------------------------------------------------------------------===//

#include "qzc/Encode/SafetensorsFile.h"

#include "qzc/Support/Error.h"

#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>
#include <set>

using namespace qzc;
using namespace qzc::encode;
using Json = nlohmann::json;

/// The most header bytes the format allows.
static constexpr uint64_t kMostHeaderBytes = 100'000'000;

static std::optional<uint64_t> elementBytes(const std::string &dtype) {
  static const std::map<std::string, uint64_t> kBytes = {
      {"BOOL", 1},    {"U8", 1},      {"I8", 1},  {"F8_E4M3", 1},
      {"F8_E5M2", 1}, {"F8_E8M0", 1}, {"I16", 2}, {"U16", 2},
      {"F16", 2},     {"BF16", 2},    {"I32", 4}, {"U32", 4},
      {"F32", 4},     {"I64", 8},     {"U64", 8}, {"F64", 8},
  };
  auto it = kBytes.find(dtype);
  if (it == kBytes.end())
    return std::nullopt;
  return it->second;
}

std::optional<format::DType> SafetensorsFile::Entry::type() const {
  if (dtype == "F32")
    return format::DType::F32;
  if (dtype == "F16")
    return format::DType::F16;
  if (dtype == "BF16")
    return format::DType::BF16;
  return std::nullopt;
}

SafetensorsFile::SafetensorsFile(const std::string &path)
    : SafetensorsFile(MappedFile(path)) {}

SafetensorsFile::SafetensorsFile(MappedFile file) : File(std::move(file)) {
  readHeader();
  checkOverlaps();
}

const SafetensorsFile::Entry &
SafetensorsFile::entry(const std::string &name) const {
  auto it = Entries.find(name);
  if (it == Entries.end())
    throw Error("tensor '" + name + "' is missing from '" + File.path() + "'");
  return it->second;
}

/// Parses the header; a name that appears twice, which a JSON object would
/// hide, is an error.
static Json parseHeader(std::string_view text, const std::string &path) {
  std::set<std::string> names;
  std::string twice;
  const auto watch = [&](int depth, Json::parse_event_t event, Json &value) {
    if (depth == 1 && event == Json::parse_event_t::key &&
        !names.insert(value.get<std::string>()).second)
      twice = value.get<std::string>();
    return true;
  };
  Json header = Json::parse(text, watch, /*allow_exceptions=*/false);
  if (header.is_discarded() || !header.is_object())
    throw Error("'" + path +
                "' is no safetensors file: its header is not a "
                "JSON object");
  if (!twice.empty())
    throw Error("tensor '" + twice + "' appears twice in '" + path + "'");
  return header;
}

/// A count that is not negative, or nothing.
static std::optional<uint64_t> readCount(const Json &json) {
  if (!json.is_number_unsigned() ||
      json.get<uint64_t>() > static_cast<uint64_t>(INT64_MAX))
    return std::nullopt;
  return json.get<uint64_t>();
}

/// What is wrong with the entry's description, or nothing.
static std::optional<std::string> readEntry(const Json &json, uint64_t dataSize,
                                            SafetensorsFile::Entry &entry) {
  if (!json.is_object() || !json.contains("dtype") ||
      !json["dtype"].is_string() || !json.contains("shape") ||
      !json["shape"].is_array() || !json.contains("data_offsets") ||
      !json["data_offsets"].is_array() || json["data_offsets"].size() != 2)
    return "does not have the entries 'dtype', 'shape' and 'data_offsets'";
  entry.dtype = json["dtype"].get<std::string>();
  uint64_t elements = 1;
  for (const Json &extent : json["shape"]) {
    const auto count = readCount(extent);
    if (!count || __builtin_mul_overflow(elements, *count, &elements))
      return "has a shape out of range";
    entry.shape.push_back(static_cast<int64_t>(*count));
  }
  const auto begin = readCount(json["data_offsets"][0]);
  const auto end = readCount(json["data_offsets"][1]);
  if (!begin || !end || *begin > *end)
    return "has offsets out of range";
  if (*end > dataSize)
    return "ends " + std::to_string(*end - dataSize) +
           " bytes after the end of the file: the file is cut short, or its "
           "header lies";
  entry.offset = *begin;
  entry.bytes = *end - *begin;
  const auto size = elementBytes(entry.dtype);
  uint64_t expected = 0;
  if (size && (__builtin_mul_overflow(elements, *size, &expected) ||
               expected != entry.bytes))
    return "has " + std::to_string(entry.bytes) +
           " bytes, which is not what its shape and type need";
  return std::nullopt;
}

void SafetensorsFile::readHeader() {
  const std::string &path = File.path();
  uint64_t headerBytes = 0;
  if (File.size() < sizeof headerBytes)
    throw Error("'" + path + "' is no safetensors file: it has only " +
                std::to_string(File.size()) + " bytes");
  std::memcpy(&headerBytes, File.data(), sizeof headerBytes);
  if (headerBytes > File.size() - sizeof headerBytes ||
      headerBytes > kMostHeaderBytes)
    throw Error("'" + path +
                "' is cut short or no safetensors file: its "
                "header would have " +
                std::to_string(headerBytes) + " bytes");
  const std::string_view text(reinterpret_cast<const char *>(File.data()) +
                                  sizeof headerBytes,
                              headerBytes);
  const Json header = parseHeader(text, path);
  const uint64_t dataStart = sizeof headerBytes + headerBytes;
  for (const auto &[name, json] : header.items()) {
    if (name == "__metadata__")
      continue;
    Entry entry;
    if (const auto wrong = readEntry(json, File.size() - dataStart, entry))
      throw Error(std::string("tensor '")
                      .append(name)
                      .append("' in '")
                      .append(path)
                      .append("' ")
                      .append(*wrong));
    entry.offset += dataStart;
    Entries.emplace(name, std::move(entry));
  }
}

void SafetensorsFile::checkOverlaps() const {
  std::vector<const std::pair<const std::string, Entry> *> byOffset;
  for (const auto &item : Entries)
    if (item.second.bytes != 0)
      byOffset.push_back(&item);
  std::sort(byOffset.begin(), byOffset.end(), [](const auto *a, const auto *b) {
    return a->second.offset < b->second.offset;
  });
  for (size_t i = 1; i < byOffset.size(); ++i) {
    const Entry &before = byOffset[i - 1]->second;
    if (before.offset + before.bytes > byOffset[i]->second.offset)
      throw Error("tensors '" + byOffset[i - 1]->first + "' and '" +
                  byOffset[i]->first + "' overlap in '" + File.path() + "'");
  }
}
