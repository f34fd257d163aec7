//===- SafetensorsWriter.cpp - Streams an f32 safetensors file ------------===//

#include "qzc/Format/SafetensorsWriter.h"

#include "qzc/Support/Error.h"

#include <nlohmann/json.hpp>

using namespace qzc;
using namespace qzc::format;

SafetensorsWriter::SafetensorsWriter(std::string path,
                                     const std::vector<Entry> &entries)
    : File(std::move(path)) {
  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  uint64_t end = 0;
  for (const Entry &entry : entries) {
    if (header.contains(entry.name))
      throw Error("tensor '" + entry.name + "' would be written twice");
    uint64_t bytes = sizeof(float);
    for (int64_t extent : entry.shape)
      bytes *= static_cast<uint64_t>(extent);
    header[entry.name] = {{"dtype", "F32"},
                          {"shape", entry.shape},
                          {"data_offsets", {end, end + bytes}}};
    Offsets.push_back(end);
    end += bytes;
  }
  std::string text = header.dump();
  // Readers map the data: keep it aligned.
  text.resize((text.size() + 7) / 8 * 8, ' ');
  const uint64_t headerBytes = text.size();
  File.append(&headerBytes, sizeof headerBytes);
  File.append(text);
  const uint64_t base = File.reserve(end);
  for (uint64_t &offset : Offsets)
    offset += base;
}

void SafetensorsWriter::write(size_t index, int64_t first, const float *values,
                              int64_t count) const {
  File.writeAt(Offsets[index] + static_cast<uint64_t>(first) * sizeof(float),
               values, static_cast<size_t>(count) * sizeof(float));
}
