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
//   WEIGHT.sensitivity  [1]                       Statistics::sensitivity, if
//                                                 it was measured
//
//===----------------------------------------------------------------------===//

#ifndef QZC_ENCODE_STATISTICSFILE_H
#define QZC_ENCODE_STATISTICSFILE_H

#include "qzc/Encode/SafetensorsFile.h"
#include "qzc/Encode/Statistics.h"
#include "qzc/Format/Manifest.h"
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
  /// With room for the sensitivity of each weight, if there will be any.
  StatisticsWriter(const std::string &path, const std::vector<InputOf> &inputs,
                   bool sensitivities);

  /// Writes input `index`; each once.
  void write(size_t index, const InputStatistics &input) const;
  /// Of all weights, where there is room: 1 where there is none.
  void write(const std::map<std::string, double> &sensitivities) const;
  void commit() { File.commit(); }

private:
  std::vector<std::string> Weights; ///< that have room, in their order
  size_t First = 0;                 ///< entry of theirs
  format::SafetensorsWriter File;
};

/// Statistics from a file.
class StatisticsFile : public Statistics {
public:
  /// SHA-256 of the file, in lower-case hexadecimal.
  virtual std::string sha256() const = 0;

  /// Throws qzc::Error where the statistics are of another model than the one
  /// whose tensors these are: of inputs of other widths, or of no weight of it.
  /// Who uses them relies on it.
  void checkAreOf(const std::vector<format::Tensor> &tensors) const;

protected:
  explicit StatisticsFile(std::string path) : Path(std::move(path)) {}
  const std::string &path() const { return Path; }

private:
  std::string Path;
};

/// Whether the file begins as StatisticsWriter's do, cut or not. Throws
/// qzc::Error where there is no such file.
bool isStatistics(const std::string &path);

/// A file as StatisticsWriter writes it, mapped. Throws qzc::Error, naming the
/// file, where it is none: tensors that are missing, of other types or shapes,
/// squares that are negative or not finite.
class FullStatistics final : public StatisticsFile {
public:
  explicit FullStatistics(const std::string &path);

  std::optional<InputStatistics> find(const std::string &weight) const override;
  double sensitivity(const std::string &weight) const override;
  std::string sha256() const override { return File.file().sha256(); }
  /// The weights that there are statistics for.
  std::vector<std::string> weights() const;

private:
  SafetensorsFile File;
  std::vector<InputStatistics> Inputs;
  std::map<std::string, size_t> ByWeight;
  std::map<std::string, float> Sensitivities;
};

} // namespace qzc::encode

#endif // QZC_ENCODE_STATISTICSFILE_H
