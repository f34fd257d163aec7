//===- SyntheticWeights.cpp - Weights made up at load ---------------------===//

#include "SyntheticWeights.h"

#include "qzc/Format/Synthetic.h"
#include "qzc/Support/Error.h"
#include "qzc/Support/ThreadPool.h"

#include <algorithm>
#include <sys/mman.h>
#include <vector>

namespace qzc::runtime {

SyntheticWeights::SyntheticWeights(const format::Manifest &manifest,
                                   int threads)
    : Bytes(std::max<uint64_t>(manifest.weightsBytes, 1)) {
  // Before the memory, which nobody would give back if this throws.
  ThreadPool pool(threads);
  // Anonymous memory is zero, as the padding between parts has to be.
  void *memory = ::mmap(nullptr, Bytes, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED)
    throw Error("not enough memory for " + std::to_string(Bytes / 1000000) +
                " MB of synthetic weights");
  Data = static_cast<std::byte *>(memory);
  // Fewer TLB misses; a kernel that cannot do it works all the same.
  static_cast<void>(::madvise(memory, Bytes, MADV_HUGEPAGE));

  struct Piece {
    format::SyntheticPart part;
    uint64_t begin;
    uint64_t bytes;
    std::byte *out;
  };
  constexpr uint64_t kPieceBytes = uint64_t{1} << 20; // a multiple of 8
  std::vector<Piece> pieces;
  for (const format::Tensor &tensor : manifest.tensors) {
    std::vector<format::PartLayout> parts = format::layout(tensor.shape);
    for (size_t number = 0; number != parts.size(); ++number) {
      format::SyntheticPart part =
          format::syntheticPart(tensor, number, manifest.syntheticSeed);
      std::byte *out = Data + tensor.offset + parts[number].offset;
      for (uint64_t begin = 0; begin < parts[number].bytes;
           begin += kPieceBytes)
        pieces.push_back({part, begin,
                          std::min(kPieceBytes, parts[number].bytes - begin),
                          out + begin});
    }
  }
  pool.parallelFor(static_cast<int64_t>(pieces.size()), 1,
                   [&](int64_t begin, int64_t end, int) {
                     for (int64_t index = begin; index != end; ++index) {
                       const Piece &piece = pieces[index];
                       format::synthesize(piece.part, piece.begin, piece.bytes,
                                          piece.out);
                     }
                   });
}

SyntheticWeights::~SyntheticWeights() { ::munmap(Data, Bytes); }

} // namespace qzc::runtime
