//===- Calibrate.h - What a text shows of a model's layers ------*- C++ -*-===//

#ifndef QZC_CALIBRATE_CALIBRATE_H
#define QZC_CALIBRATE_CALIBRATE_H

#include "qzc/Encode/CodeStore.h"
#include "qzc/Encode/StatisticsFile.h"
#include "qzc/Encode/WeightSources.h"
#include "qzc/Format/Manifest.h"

#include <cstdint>
#include <string>
#include <vector>

namespace qzc::calibrate {

/// Token ids that are run from position 0 on, each window by itself.
using Windows = std::vector<std::vector<int32_t>>;

/// Cuts tokens into windows of `context` and takes as many, evenly spread, as
/// `most` tokens fill; a `bos` stands in front of each where there is one.
/// Throws qzc::Error where there is not even one window.
Windows windowsOf(const std::vector<int32_t> &tokens, int64_t context,
                  int64_t most, std::optional<int64_t> bos);

/// Runs the model over the windows on the CPU, linear layer by linear layer,
/// and writes to `path` what Statistics.h describes: every layer's inputs are
/// those that the layers before it give as they will be stored, encoded by
/// their methods from what was just seen. Beside the vectors and tables memory
/// holds one launch's matrices and what encoding them takes; activations wait
/// in a temporary file, and what is encoded in `codes`. With `sensitivities`,
/// of a plan without quantized layers, these are measured and written too,
/// which holds the matrices of a block. Throws qzc::Error: what encodeWeights
/// throws, an input that is not finite.
void calibrate(const format::Manifest &manifest,
               const std::vector<encode::WeightRef> &refs,
               const encode::WeightSources &sources, const Windows &windows,
               const std::string &path, int threads, encode::CodeStore &codes,
               bool sensitivities);

} // namespace qzc::calibrate

#endif // QZC_CALIBRATE_CALIBRATE_H
