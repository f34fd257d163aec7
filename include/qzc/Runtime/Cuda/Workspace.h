//===- Workspace.h - A model's memory on a GPU ------------------*- C++ -*-===//

#ifndef QZC_RUNTIME_CUDA_WORKSPACE_H
#define QZC_RUNTIME_CUDA_WORKSPACE_H

#include "qzc/Runtime/Cuda/Device.h"
#include "qzc/Runtime/Cuda/Program.h"
#include "qzc/Runtime/Engine.h"

#include <cstdint>
#include <vector>

namespace qzc::runtime {

/// How large everything is; all sizes in bytes.
struct WorkspacePlan {
  int64_t capacity = 0; ///< most positions of a sequence
  int64_t sequences = 1;
  int64_t chunk = 0;    ///< most tokens of one pass
  int64_t headRows = 0; ///< most rows of one head pass
  CacheType cache = CacheType::F32;
  int64_t pageSize = 0; ///< positions of a page of the cache
  int pageShift = 0;    ///< of a CacheView
  int64_t pagesPerSequence = 0;
  uint64_t pageBytes = 0;
  std::vector<LayerCache> caches; ///< by layer
  uint64_t weightBytes = 0;
  uint64_t ropeBytes = 0;
  uint64_t bodyBytes = 0;
  uint64_t headBytes = 0;
  uint64_t scratchBytes = 0;

  uint64_t cacheTotal() const;     ///< of one sequence of full length
  uint64_t rangeBytes() const;     ///< of a sequence's CacheRanges
  uint64_t tableBytes() const;     ///< of addresses of pages
  uint64_t smallBytes() const;     ///< what tells kernels of a pass
  uint64_t workspaceTotal() const; ///< all but weights and pages
  uint64_t total() const;          ///< with one sequence of full length
};

/// Sizes for one of the manifest's programs and these options. A chunk that was
/// not asked for shrinks until all fits in `freeBytes` with one sequence of
/// full length. Throws qzc::Error with needed and free MB if nothing does.
WorkspacePlan planWorkspace(const format::Manifest &manifest,
                            const format::CudaProgram &program,
                            const EngineOptions &options, uint64_t freeBytes);

/// cos and sin of every position and pair: [capacity, dim/2, 2]. The angle is
/// the f32 product of position and inverse frequency, as in the models' own
/// code; both values times the rope's magnitude.
std::vector<float> ropeTable(const format::Rope &rope, int64_t capacity);

/// Allocates what `plan` says but pages, uploads the weights and rope tables,
/// zeroes the rest.
class Workspace {
public:
  Workspace(const Device &device, const Image &image,
            const WorkspacePlan &plan);

  const DeviceLayout &layout() const { return Layout; }

private:
  DeviceBuffer Weights, Ropes, Body, Head, Scratch, Small;
  DeviceLayout Layout;
};

} // namespace qzc::runtime

#endif // QZC_RUNTIME_CUDA_WORKSPACE_H
