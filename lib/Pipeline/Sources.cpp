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

static encode::SourceFile fileIn(const std::string &folder,
                                 const ProgramFile &file) {
  return fileIn(folder, encode::SourceFile{file.path, file.bytes, file.sha256});
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
    const auto &origin = program.origins[i];
    if (!origin)
      throw Error("weight '" + tensors[i].source.name +
                  "' has no file: import a folder with weights, or compile "
                  "with --weights=synthetic");
    if (!origin->packed) {
      sources.refs.push_back({numberOf(origin->file), origin->offset});
      continue;
    }
    format::PackedSource packed = *origin->packed;
    for (format::PackedTensor &part : packed.tensors)
      part.file = numberOf(part.file);
    sources.refs.push_back(encode::WeightRef(std::move(packed)));
  }
  return sources;
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
