//===- Sensitivity.h - What errors of layers do to predictions --*- C++ -*-===//
//
// Errors of layers' outputs are not worth the same: those of a layer that makes
// the residual stream what it is can change predictions a hundred times as much
// as equally large ones (relative to the outputs) of another. How much is
// measured: noise is added to one matrix at a time, and the model is run from
// there on.
//
// All runs go on together, a block of the decoder after the other, so that
// every matrix is read once: there are as many more behind a block as it has
// matrices.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_LIB_CALIBRATE_SENSITIVITY_H
#define QZC_LIB_CALIBRATE_SENSITIVITY_H

#include "DenseImage.h"
#include "WaitingRuns.h"

#include "qzc/Calibrate/Calibrate.h"

#include <map>
#include <string>

namespace qzc::calibrate {

class Sensitivity {
public:
  /// The image is of a plan without quantized layers; it and the windows must
  /// outlive this.
  Sensitivity(const format::Manifest &manifest, DenseImage &image,
              const Windows &windows, ThreadPool &pool);

  /// Takes a matrix that the image holds, with statistics of its input: how
  /// large the outputs' errors by the noise are.
  void see(int32_t matrix, const encode::InputStatistics &input);

  /// What Statistics::sensitivity says of each weight that was seen, divided by
  /// the mean of all. 1 for all where no noise changes a prediction.
  std::map<std::string, double> measure();

private:
  /// Launches of the body that are run at a time: those of a block.
  struct Stretch {
    size_t begin = 0;
    size_t end = 0;
    std::vector<int32_t> matrices;
  };
  /// Relative squares of errors that noise makes, and what comes of them.
  struct Noise {
    double error = 0;
    double divergence = 0;
  };

  static std::vector<Stretch> stretchesOf(const format::Manifest &manifest);
  static std::vector<size_t> beginsOf(const std::vector<Stretch> &stretches);
  int64_t compared() const;
  int64_t tokens() const { return static_cast<int64_t>(Texts.front().size()); }
  void runStretch(const Stretch &stretch);
  /// Runs the windows of one run, which waits at the stretch's begin as `from`.
  void advance(const Stretch &stretch, size_t from, size_t to);
  /// Adds noise to the matrix; returns what it was.
  std::vector<float> disturb(int32_t matrix);
  /// Of a run's predictions in a window from those of the undisturbed one: the
  /// sum over the tokens that are compared.
  double divergence(size_t run, size_t window, const std::vector<float> &base);
  void compare();

  const format::Manifest &Manifest;
  DenseImage &Image;
  Windows Texts;
  ThreadPool &Pool;
  std::vector<Stretch> Stretches;
  runtime::cpu::StepRunner Runner;
  WaitingRuns Waiting;
  std::map<int32_t, Noise> Seen;
  /// The matrix of each run but the first, which is of none.
  std::vector<int32_t> Runs;
};

} // namespace qzc::calibrate

#endif // QZC_LIB_CALIBRATE_SENSITIVITY_H
