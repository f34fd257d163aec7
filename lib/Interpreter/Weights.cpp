//===- Weights.cpp - qz.params to values ----------------------------------===//

#include "Weights.h"

#include "qzc/Encode/Encoder.h"
#include "qzc/Format/Synthetic.h"

#include <filesystem>

namespace qzc::interpreter {

/// The files that weights are in, numbered by their symbols.
static std::vector<encode::SourceFile>
findFiles(qz::ModelOp model, const std::string &folder,
          llvm::StringMap<size_t> &numbers) {
  std::vector<encode::SourceFile> files;
  const auto add = [&](llvm::StringRef symbol) {
    if (!numbers.try_emplace(symbol, files.size()).second)
      return;
    qz::FileOp file = model.lookupFile(symbol);
    files.push_back(
        {(std::filesystem::path(folder) / file.getPath().str()).string(),
         static_cast<uint64_t>(file.getSize()), file.getSha256().str()});
  };
  model.walk([&](qz::ParamOp param) {
    if (std::optional<llvm::StringRef> symbol = param.getFile())
      add(*symbol);
    if (std::optional<qz::PackingAttr> packing = param.getPacking())
      for (mlir::FlatSymbolRefAttr symbol : packing->getFiles())
        add(symbol.getValue());
  });
  return files;
}

Weights::Weights(qz::ModelOp model, const std::string &folder, uint64_t seed)
    : Sources(findFiles(model, folder, Numbers)), Seed(seed) {
  for (size_t i = 0; i < Sources.fileCount(); ++i)
    Sources.checkContents(i);
}

std::vector<std::byte> Weights::encode(qz::ParamOp param,
                                       const format::Tensor &tensor) const {
  if (std::optional<qz::PackingAttr> packing = param.getPacking()) {
    const encode::WeightRef ref(
        packing->toSource(param.getSourceShape(), [&](llvm::StringRef symbol) {
          return Numbers.lookup(symbol);
        }));
    Sources.check(tensor.source, ref);
    return encode::encodeTensor(tensor, ref, Sources);
  }
  if (std::optional<llvm::StringRef> file = param.getFile()) {
    const encode::WeightRef ref = {Numbers.lookup(*file),
                                   static_cast<uint64_t>(*param.getOffset())};
    Sources.check(tensor.source, ref);
    return encode::encodeTensor(tensor, ref, Sources);
  }
  std::vector<std::byte> bytes(format::paddedBytes(tensor.shape));
  size_t number = 0;
  for (const format::PartLayout &part : format::layout(tensor.shape))
    format::synthesize(format::syntheticPart(tensor, number++, Seed), 0,
                       part.bytes, bytes.data() + part.offset);
  return bytes;
}

Matrix Weights::read(qz::ParamOp param) const {
  format::Tensor tensor;
  tensor.shape = param.getPackedShape();
  if (const auto method = param.getMethod())
    tensor.method = format::parseMethod(*method).value_or(tensor.method);
  tensor.role = qz::weightRole(param.getResult());
  tensor.source = param.getTensorSource();
  const std::vector<std::byte> bytes = encode(param, tensor);
  Matrix values(tensor.shape.rows, tensor.shape.cols);
  format::decodeRows(encode::viewOf(tensor.shape, bytes.data()), 0, values.rows,
                     values.values.data());
  return values;
}

} // namespace qzc::interpreter
