//===- Imatrix.h - llama.cpp's importance matrices --------------*- C++ -*-===//
//
// What llama-imatrix writes and llama-quantize reads of the inputs of layers:
// by the name that a weight has in a GGUF, Σ x² of each column and the number
// of tokens. There are two forms. A GGUF (general.type "imatrix") has F32
// tensors NAME.in_sum2 and NAME.counts. The older one, little-endian numbers
// alone: the number of entries, for each the length of its name, the name, the
// calls, the columns, and the mean of x² times the calls; then the chunks, and
// the length of the text's name, and the name.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_TARGET_GGUF_IMATRIX_H
#define QZC_TARGET_GGUF_IMATRIX_H

#include "qzc/Encode/StatisticsFile.h"

#include "mlir/IR/BuiltinOps.h"

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace qzc::gguf {

/// The names in a GGUF of what a weight, by its Hugging Face name, holds.
using TensorNames = std::map<std::string, std::vector<std::string>>;

/// Those of the module's only qz.model; none where it does not say what it is
/// as a GGUF.
TensorNames tensorNames(mlir::ModuleOp module);

/// Of one weight's input.
struct ImatrixEntry {
  std::vector<float> squares; ///< Σ x²
  double tokens = 0;
};
using Imatrix = std::map<std::string, ImatrixEntry>;

/// Whether the file begins as one of either form. Throws qzc::Error where there
/// is no such file.
bool isImatrix(const std::string &path);

/// Reads either form. Throws qzc::Error, naming the file, where it is damaged,
/// holds something else, or is of a model with experts.
Imatrix readImatrix(const std::string &path);

/// Where the sums come from: a text in chunks of so many tokens.
struct ImatrixOrigin {
  std::string text;
  int64_t chunk = 0;
};
/// Writes the older form where `path` ends in .dat, and a GGUF otherwise.
void writeImatrix(const std::string &path, const Imatrix &matrix,
                  const ImatrixOrigin &origin);

/// An importance matrix as statistics, which know no products.
class ImatrixFile final : public encode::StatisticsFile {
public:
  ImatrixFile(const std::string &path, TensorNames names)
      : StatisticsFile(path), Names(std::move(names)),
        Entries(readImatrix(path)) {}

  std::optional<encode::InputStatistics>
  find(const std::string &weight) const override;
  std::string sha256() const override { return MappedFile(path()).sha256(); }

private:
  TensorNames Names;
  Imatrix Entries;
};

} // namespace qzc::gguf

#endif // QZC_TARGET_GGUF_IMATRIX_H
