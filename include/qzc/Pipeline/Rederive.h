//===- Rederive.h - Whether an executable is what it says -------*- C++ -*-===//

#ifndef QZC_PIPELINE_REDERIVE_H
#define QZC_PIPELINE_REDERIVE_H

#include "qzc/Support/Output.h"

#include <string>

namespace qzc::pipeline {

struct RederiveOptions {
  std::string image;      ///< the executable
  std::string folder;     ///< of the files that it was imported from
  std::string statistics; ///< that it was calibrated by; empty: not at hand
  int threads = 0;        ///< 0: all cores
};

/// Encodes the weights of an executable again, from its source files and by the
/// storages and methods that its manifest records, and says in `results` that
/// every byte is the same. Throws qzc::Error: the first byte that is not, a
/// source or statistics that are missing or others, and, after the others were
/// compared and its name is among the results, a tensor that was calibrated by
/// statistics that are not at hand.
void rederive(const RederiveOptions &options, const Output &results);

} // namespace qzc::pipeline

#endif // QZC_PIPELINE_REDERIVE_H
