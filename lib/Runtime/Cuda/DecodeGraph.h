//===- DecodeGraph.h - One decode step as a CUDA graph ----------*- C++ -*-===//

#ifndef QZC_LIB_RUNTIME_CUDA_DECODEGRAPH_H
#define QZC_LIB_RUNTIME_CUDA_DECODEGRAPH_H

#include "qzc/Runtime/Cuda/Device.h"
#include "qzc/Runtime/Cuda/Program.h"

#include <vector>

namespace qzc::runtime {

/// The launches of one token each of so many sequences, list behind list,
/// captured once and replayed: a step costs the host one call. What changes
/// from step to step is in the rows of the pass.
class DecodeGraph {
public:
  DecodeGraph(const Device &device, const std::vector<LaunchList *> &lists,
              int64_t sequences);
  DecodeGraph(const DecodeGraph &) = delete;
  DecodeGraph &operator=(const DecodeGraph &) = delete;
  ~DecodeGraph();

  /// Starts one step on the device's stream.
  void launch(const Device &device) const;

private:
  const Driver &Api;
  CUgraphExec Executable = nullptr;
};

} // namespace qzc::runtime

#endif // QZC_LIB_RUNTIME_CUDA_DECODEGRAPH_H
