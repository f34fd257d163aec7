//===- StatisticsFile.h - Statistics of inputs in a file --------*- C++ -*-===//
//
// A safetensors file of F32 tensors. Of each input X [tokens, columns] of
// linear layers, numbered from 0:
//
//   input.N.squares   [columns]                   Σ x², over the tokens
//   input.N.products  [columns·(columns + 1) / 2] the rows of XᵀX up to the
//                                                 diagonal, one after another
//   input.N.tokens    [1]
//   WEIGHT.input      [1]                         N, for each layer's weight
//
//===----------------------------------------------------------------------===//

#ifndef QZC_ENCODE_STATISTICSFILE_H
#define QZC_ENCODE_STATISTICSFILE_H

#include "qzc/Encode/SafetensorsFile.h"
#include "qzc/Encode/Statistics.h"
#include "qzc/Format/SafetensorsWriter.h"

#include <map>
#include <string>
#include <vector>

namespace qzc::encode {

/// An input, and the weights of the layers that take it.
struct InputOf {
  std::vector<std::string> weights;
  int64_t columns = 0;
};

class StatisticsWriter {
public:
  StatisticsWriter(const std::string &path, const std::vector<InputOf> &inputs);

  /// Writes input `index`; each once.
  void write(size_t index, const InputStatistics &input) const;
  void commit() { File.commit(); }

private:
  format::SafetensorsWriter File;
};

/// A file of statistics, mapped. Throws qzc::Error, naming the file, where it
/// is none: tensors that are missing, of other types or shapes, squares that
/// are negative or not finite.
class StatisticsFile final : public Statistics {
public:
  explicit StatisticsFile(const std::string &path);

  std::optional<InputStatistics> find(const std::string &weight) const override;

private:
  SafetensorsFile File;
  std::vector<InputStatistics> Inputs;
  std::map<std::string, size_t> ByWeight;
};

} // namespace qzc::encode

#endif // QZC_ENCODE_STATISTICSFILE_H
