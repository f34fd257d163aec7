//===- DecodeGraph.cpp - One decode step as a CUDA graph ------------------===//

#include "DecodeGraph.h"

#include "qzc/Support/Error.h"

namespace qzc::runtime {

DecodeGraph::DecodeGraph(const Device &device,
                         const std::vector<LaunchList *> &lists,
                         int64_t sequences)
    : Api(device.driver()) {
  CUgraph graph = nullptr;
  // Relaxed: the driver may load a kernel at its first launch.
  Api.check(
      Api.streamBeginCapture(device.stream(), CU_STREAM_CAPTURE_MODE_RELAXED),
      "starting to record the decode step");
  try {
    for (LaunchList *list : lists)
      list->launch(device, {sequences, 0});
  } catch (const Error &) {
    Api.streamEndCapture(device.stream(), &graph);
    if (graph)
      Api.graphDestroy(graph);
    throw;
  }
  Api.check(Api.streamEndCapture(device.stream(), &graph),
            "recording the decode step");
  CUresult result = Api.graphInstantiate(&Executable, graph, 0);
  Api.graphDestroy(graph);
  Api.check(result, "preparing the decode step");
}

DecodeGraph::~DecodeGraph() { Api.graphExecDestroy(Executable); }

void DecodeGraph::launch(const Device &device) const {
  CUresult result = Api.graphLaunch(Executable, device.stream());
  if (result != CUDA_SUCCESS)
    Api.check(result, "launching the decode step");
}

} // namespace qzc::runtime
