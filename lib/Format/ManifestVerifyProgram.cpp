//===- ManifestVerifyProgram.cpp - Whether a CUDA program is sound --------===//

#include "ManifestVerify.h"

#include <algorithm>
#include <cmath>

using namespace qzc;
using namespace qzc::format;

static constexpr uint64_t kMostScratch = uint64_t{1} << 40;
static constexpr int64_t kMostPagePositions = int64_t{1} << 20;

namespace {
class ProgramVerifier {
public:
  ProgramVerifier(const Manifest &manifest, const CudaProgram &program,
                  const std::set<int64_t> &layers)
      : M(manifest), Cuda(program), Layers(layers) {}

  void run() const {
    verifyActivations(Cuda.memory, M.model.vocab, "program's ");
    require(Cuda.memory.hidden.columns == M.plan.hidden.columns,
            "the program's hidden view", "is not as wide as the plan's");
    require(Cuda.scratchBytes <= kMostScratch &&
                Cuda.scratchBytesPerToken <= kMostBytesPerToken,
            "the scratch memory", "is too large");
    require(Cuda.decodeBatch >= 1 && Cuda.decodeBatch <= kInt32Max,
            "the decode batch", "is empty or too large");
    require(Cuda.tileQueries >= 1 && Cuda.tileQueries <= kInt32Max,
            "the query tiles", "are empty or too large");
    require(Cuda.pagePositions >= 0 &&
                Cuda.pagePositions <= kMostPagePositions &&
                (Cuda.pagePositions & (Cuda.pagePositions - 1)) == 0,
            "the cache's pages", "are no power of two of positions");
    checkLaunches(Cuda.decode, "decode");
    int64_t before = 1;
    for (const CudaBatch &batch : Cuda.batches) {
      require(batch.sequences > before && batch.sequences <= Cuda.decodeBatch,
              "the decode batches", "do not ascend up to the largest");
      before = batch.sequences;
      checkLaunches(batch.launches, "batch");
    }
    checkLaunches(Cuda.prefill, "prefill");
    checkLaunches(Cuda.head, "head");
    checkLaunches(Cuda.score, "score");
    checkLaunches(Cuda.losses, "losses");
    // It runs on more rows than the head's buffers have.
    for (size_t i = 0; i < Cuda.losses.size(); ++i)
      for (const CudaArg &arg : Cuda.losses[i].args)
        require(arg.kind != CudaArg::Kind::HeadView || arg.a == kHiddenBuffer,
                "CUDA " + item("losses", i), "has a buffer of the head");
    checkLaunches(Cuda.draw, "draw");
    checkLaunches(Cuda.arrange, "arrange");
  }

private:
  void checkLaunches(const std::vector<CudaLaunch> &launches,
                     const char *list) const {
    for (size_t i = 0; i < launches.size(); ++i) {
      const CudaLaunch &launch = launches[i];
      const std::string where = std::string("CUDA ") + item(list, i);
      const auto isSymbol = [](char c) {
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
               (c >= 'A' && c <= 'Z') || c == '_' || c == '$';
      };
      require(
          !launch.kernel.empty() &&
              std::all_of(launch.kernel.begin(), launch.kernel.end(), isSymbol),
          where, "has no sound kernel name");
      for (const GridDim &dim : launch.grid)
        require(dim.fixed >= 1 && dim.fixed <= kInt32Max &&
                    dim.perTokens >= kPerTile && dim.perTokens <= kInt32Max,
                where, "has a grid out of range");
      require(launch.blockThreads >= 1 && launch.blockThreads <= 1024, where,
              "has a block size out of range");
      // The most that any architecture gives to one block.
      require(launch.sharedBytes <= 227 * 1024, where,
              "has too much shared memory");
      for (const CudaArg &arg : launch.args)
        checkArg(arg, where);
    }
  }

  void checkArg(const CudaArg &arg, const std::string &where) const {
    const auto isIndex = [](int64_t value, uint64_t count) {
      return value >= 0 && static_cast<uint64_t>(value) < count;
    };
    switch (arg.kind) {
    case CudaArg::Kind::View:
    case CudaArg::Kind::HeadView: {
      const bool inHead = arg.kind == CudaArg::Kind::HeadView;
      const int64_t columns = bufferColumns(Cuda.memory, arg.a, inHead, where);
      require(arg.b >= 0 && arg.b < columns, where,
              "has an argument outside of its buffer");
      return;
    }
    case CudaArg::Kind::Tensor:
      require(isIndex(arg.a, M.tensors.size()), where,
              "refers to a tensor that does not exist");
      require(
          isIndex(arg.b,
                  layout(M.tensors[static_cast<size_t>(arg.a)].shape).size()),
          where, "refers to a part that does not exist");
      return;
    case CudaArg::Kind::Cache:
      require(Layers.count(arg.a) != 0, where,
              "refers to the cache of a layer that has none");
      return;
    case CudaArg::Kind::RopeTable:
      require(isIndex(arg.a, M.plan.ropes.size()), where,
              "refers to a rope that does not exist");
      return;
    case CudaArg::Kind::Scratch:
      require(arg.a >= 0 && static_cast<uint64_t>(arg.a) <= Cuda.scratchBytes,
              where, "has an argument outside of the scratch memory");
      require(arg.b >= 0 &&
                  static_cast<uint64_t>(arg.b) <= Cuda.scratchBytesPerToken,
              where, "has an argument outside of the scratch memory");
      return;
    case CudaArg::Kind::Int:
      require(arg.a >= INT32_MIN && arg.a <= kInt32Max, where,
              "has an argument that does not fit in 32 bits");
      return;
    case CudaArg::Kind::Float:
      require(std::isfinite(arg.f), where,
              "has an argument that is not finite");
      return;
    case CudaArg::Kind::State:
    case CudaArg::Kind::Tokens:
    case CudaArg::Kind::Targets:
    case CudaArg::Kind::Losses:
    case CudaArg::Kind::Draws:
    case CudaArg::Kind::Tiles:
      return;
    }
    require(false, where, "has an unknown argument");
  }

  const Manifest &M;
  const CudaProgram &Cuda;
  const std::set<int64_t> &Layers; ///< that have a cache
};
} // namespace

void qzc::format::verifyProgram(const Manifest &manifest,
                                const CudaProgram &program,
                                const std::set<int64_t> &layers) {
  ProgramVerifier(manifest, program, layers).run();
}
