//===- Write.cpp - Streams a planned GGUF to its file ---------------------===//

#include "ChosenBlocks.h"
#include "TensorData.h"

#include "qzc/Encode/Stream.h"
#include "qzc/Support/Error.h"
#include "qzc/Target/Gguf/Gguf.h"

namespace qzc::gguf {

namespace {
/// Where the values of a streamed part go.
struct Place {
  const Part *part;
  TensorType type; ///< of the tensor
  uint64_t offset; ///< of the part's first element in the file
};

/// One thread's memory.
struct Workspace {
  std::vector<std::byte> stored;
  std::vector<float> rounded;
};
} // namespace

[[noreturn]] static void failStore(const Part &part, int64_t begin,
                                   const float *values, int64_t count) {
  const int64_t block = blockElements(part.as);
  std::vector<std::byte> stored(bytesOf(part.as, block));
  int64_t bad = 0;
  while (bad + block < count &&
         store(part.as, values + bad, block, stored.data()))
    bad += block;
  throw Error(encode::describeElement(part.source, begin + bad) +
              " is too large for " + std::string(name(part.as)) +
              ": choose another --dtype or scheme");
}

/// A piece's bytes in the file: the part's own type, or in F32 what ggml takes
/// that for, with what is added to it.
static std::string_view
storePiece(const Place &place, const encode::Piece &piece, const float *values,
           const encode::WeightSources &sources, const ChosenBlocks &chosen,
           Workspace &workspace) {
  const Part &part = *place.part;
  const int64_t count = piece.end - piece.begin;
  std::vector<std::byte> &stored = workspace.stored;
  stored.resize(bytesOf(part.as, count));
  if (part.asStored)
    sources.readBlocks(part.source, part.ref, piece.begin, piece.end,
                       stored.data());
  else if (chosen.has(part))
    chosen.read(part, piece.begin, piece.end, stored.data());
  else if (!store(part.as, values, count, stored.data()))
    failStore(part, piece.begin, values, count);
  const void *bytes = stored.data();
  if (part.as != place.type || part.addend != 0) {
    workspace.rounded.resize(static_cast<size_t>(count));
    load(part.as, stored.data(), count, workspace.rounded.data());
    for (float &value : workspace.rounded)
      value += part.addend;
    bytes = workspace.rounded.data();
  }
  return {static_cast<const char *>(bytes), bytesOf(place.type, count)};
}

File::File(const std::string &path, const Plan &plan,
           const encode::WeightSources &sources, ThreadPool &pool,
           const encode::Statistics *statistics, encode::CodeStore &codes)
    : Out(path) {
  std::vector<TensorInfo> infos;
  for (const Tensor &tensor : plan.tensors)
    infos.push_back(tensor.info);
  const uint64_t bytes = assignOffsets(infos);
  Out.append(header(plan.metadata, infos));
  const uint64_t data = Out.reserve(bytes);
  const ChosenBlocks chosen(plan, sources, statistics, codes, pool);

  std::vector<encode::StreamedWeight> weights;
  std::vector<Place> places;
  for (size_t i = 0; i < infos.size(); ++i) {
    uint64_t offset = data + infos[i].offset;
    const Tensor &tensor = plan.tensors[i];
    if (tensor.parts.empty())
      Out.writeAt(offset, tensor.values.data(),
                  tensor.values.size() * sizeof(float));
    for (const Part &part : tensor.parts) {
      const bool isChosen = chosen.has(part);
      weights.push_back({part.source, part.ref, part.elements,
                         isChosen ? chosen.unit(part) : blockElements(part.as),
                         part.asStored || isChosen});
      places.push_back({&part, infos[i].type, offset});
      offset += bytesOf(infos[i].type, part.elements);
    }
  }

  std::vector<Workspace> workspaces(static_cast<size_t>(pool.threads()));
  (chosen.empty() ? encode::streamWeights : encode::streamChecked)(
      weights, sources, "gguf",
      [&](const encode::Piece &piece, const float *values, int worker) {
        const Place &place = places[piece.weight];
        const std::string_view bytes =
            storePiece(place, piece, values, sources, chosen,
                       workspaces[static_cast<size_t>(worker)]);
        Out.writeAt(place.offset + bytesOf(place.type, piece.begin),
                    bytes.data(), bytes.size());
      },
      pool);
}

} // namespace qzc::gguf
