//===- Sources.cpp - The files a program refers to ------------------------===//

#include "Sources.h"

#include "qzc/Support/Error.h"
#include "qzc/Support/Hash.h"
#include "qzc/Support/MappedFile.h"
#include "qzc/Tokenizer/Tokenizer.h"

#include <filesystem>
#include <map>
#include <string_view>

namespace qzc::pipeline {

encode::SourceFile fileIn(const std::string &folder, encode::SourceFile file) {
  file.path = (std::filesystem::path(folder) / file.path).string();
  return file;
}

Sources resolveSources(const ProgramSources &program,
                       const std::vector<format::Tensor> &tensors,
                       const std::string &folder, bool synthetic) {
  Sources sources;
  if (program.tokenizer)
    sources.tokenizer = fileIn(folder, program.files[*program.tokenizer]);
  if (synthetic)
    return sources;

  // Only the files that hold weights are opened as such.
  std::map<size_t, size_t> numbers;
  const auto numberOf = [&](size_t file) {
    auto [number, isNew] = numbers.try_emplace(file, sources.weights.size());
    if (isNew)
      sources.weights.push_back(fileIn(folder, program.files[file]));
    return number->second;
  };
  for (size_t i = 0; i != tensors.size(); ++i) {
    const std::optional<encode::WeightRef> &ref = program.refs[i];
    if (!ref)
      throw Error("weight '" + tensors[i].source.name +
                  "' has no file: import a folder with weights, or compile "
                  "with --weights=synthetic");
    if (!ref->packed) {
      sources.refs.push_back({numberOf(ref->file), ref->offset});
      continue;
    }
    format::PackedSource packed = *ref->packed;
    for (format::PackedTensor &part : packed.tensors)
      part.file = numberOf(part.file);
    sources.refs.push_back(encode::WeightRef(std::move(packed)));
  }
  return sources;
}

void recordSources(const Sources &sources, format::Manifest &manifest) {
  manifest.sources = sources.weights;
  for (format::SourceFile &file : manifest.sources)
    file.path = std::filesystem::path(file.path).filename().string();
  for (size_t i = 0; i != sources.refs.size(); ++i)
    manifest.tensors[i].source.ref = sources.refs[i];
}

std::string readTokenizer(const encode::SourceFile &file) {
  MappedFile mapped(file.path);
  std::string_view text(reinterpret_cast<const char *>(mapped.data()),
                        mapped.size());
  if (mapped.size() != file.bytes ||
      toHex(sha256(text.data(), text.size())) != file.sha256)
    throw Error("'" + file.path +
                "' has changed since it was imported: import the model again");
  // What the runtime could not load must be noticed here.
  try {
    tokenizer::Tokenizer::fromJson(text);
  } catch (const Error &error) {
    throw Error("'" + file.path + "': " + error.what());
  }
  return std::string(text);
}

} // namespace qzc::pipeline
