//===- DenseImage.cpp - A plan whose matrices come and go -----------------===//

#include "DenseImage.h"

#include "qzc/Encode/InputScales.h"
#include "qzc/Support/Error.h"

#include <algorithm>
#include <cstring>
#include <set>
#include <sys/mman.h>
#include <unistd.h>

namespace qzc::calibrate {

using format::Launch;
using format::Tensor;

std::vector<int32_t> matricesOf(const std::vector<Launch> &launches) {
  std::set<int32_t> matrices;
  for (const Launch &launch : launches)
    if (launch.opcode == format::Opcode::Linear)
      matrices.insert(launch.weights.begin(),
                      launch.weights.begin() +
                          std::get<format::LinearParams>(launch.params).parts);
  return {matrices.begin(), matrices.end()};
}

/// What embeddings and positions are looked up in stays as it is stored.
static std::set<int32_t> tablesOf(const format::Plan &plan) {
  std::set<int32_t> tables;
  for (const Launch &launch : plan.body)
    if (launch.opcode == format::Opcode::Embed ||
        launch.opcode == format::Opcode::AddPositions)
      tables.insert(launch.weights.begin(), launch.weights.end());
  return tables;
}

DenseImage::DenseImage(const format::Manifest &manifest,
                       const std::vector<encode::WeightRef> &refs,
                       const encode::WeightSources &sources,
                       encode::CodeStore &codes, ThreadPool &pool)
    : Stored(manifest), Refs(refs), Sources(sources), Codes(codes),
      Dense(manifest) {
  const std::set<int32_t> tables = tablesOf(manifest.plan);
  std::vector<int32_t> now; // what is read at once
  std::set<int32_t> matrices;
  for (const std::vector<Launch> *launches :
       {&manifest.plan.body, &manifest.plan.head})
    for (const int32_t matrix : matricesOf(*launches))
      matrices.insert(matrix);
  for (size_t i = 0; i < Dense.tensors.size(); ++i) {
    const auto index = static_cast<int32_t>(i);
    Tensor &tensor = Dense.tensors[i];
    if (matrices.count(index) != 0 && tables.count(index) == 0) {
      const format::PackedShape stored = tensor.shape;
      tensor.shape = {};
      tensor.shape.rows = stored.rows;
      tensor.shape.cols = stored.cols;
    } else {
      now.push_back(index);
    }
  }
  Bytes = encode::assignOffsets(Dense.tensors);
  void *memory =
      ::mmap(nullptr, std::max<uint64_t>(Bytes, 1), PROT_READ | PROT_WRITE,
             MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED)
    throw Error("cannot reserve " + std::to_string(Bytes >> 20) +
                " MiB of addresses for the model's weights");
  Base = static_cast<std::byte *>(memory);

  std::vector<Tensor> tensors;
  std::vector<encode::WeightRef> from;
  for (const int32_t index : now) {
    tensors.push_back(Dense.tensors[static_cast<size_t>(index)]);
    tensors.back().method = format::Method::Rtn;
    tensors.back().scaling = {};
    from.push_back(Refs[static_cast<size_t>(index)]);
  }
  // Checks the files' contents once for all that is read later.
  encode::encodeWeights(
      tensors, from, Sources,
      [&](uint64_t offset, const void *data, size_t bytes) {
        std::memcpy(Base + offset, data, bytes);
      },
      pool);
}

DenseImage::~DenseImage() { ::munmap(Base, std::max<uint64_t>(Bytes, 1)); }

/// What the columns of a launch's matrices are multiplied by; the rows stay,
/// for what they make goes to layers that have not been seen yet.
static std::vector<format::Factors>
scaleColumns(const std::vector<Tensor> &stored, const std::vector<Tensor> &all,
             const std::vector<encode::WeightRef> &refs,
             const encode::WeightSources &sources,
             const encode::Statistics &statistics, encode::ChosenScales &scales,
             ThreadPool &pool) {
  std::vector<format::Factors> factors(stored.size());
  for (size_t i = 0; i < stored.size(); ++i) {
    const Tensor &tensor = stored[i];
    const int64_t number = tensor.scaling.columns;
    if (number < 0)
      continue;
    const auto [scale, isNew] = scales.try_emplace(number);
    if (isNew)
      scale->second = encode::chooseFactors(
          all, refs, number, *statistics.find(tensor.source.name), sources,
          pool);
    factors[i].columns = scale->second;
  }
  return factors;
}

void DenseImage::hold(const std::vector<int32_t> &tensors,
                      const encode::Statistics &statistics, ThreadPool &pool) {
  std::vector<Tensor> stored;
  std::vector<encode::WeightRef> from;
  for (const int32_t index : tensors) {
    stored.push_back(Stored.tensors[static_cast<size_t>(index)]);
    from.push_back(Refs[static_cast<size_t>(index)]);
  }
  const std::vector<format::Factors> factors = scaleColumns(
      stored, Stored.tensors, Refs, Sources, statistics, Codes.scales(), pool);
  std::vector<std::byte> packed(encode::assignOffsets(stored));
  encode::encodeChecked(
      stored, factors, from, Sources,
      [&](uint64_t offset, const void *data, size_t bytes) {
        std::memcpy(packed.data() + offset, data, bytes);
      },
      pool, &statistics);
  for (const Tensor &tensor : stored)
    if (tensor.method != format::Method::Rtn && tensor.scaling.rows < 0)
      Codes.keep(tensor, packed.data() + tensor.offset);
  for (size_t i = 0; i < tensors.size(); ++i) {
    const Tensor &dense = Dense.tensors[static_cast<size_t>(tensors[i])];
    // A table that is a matrix too is here already, as it is stored.
    if (!format::storedAlike(dense.shape, format::PackedShape()))
      continue;
    const format::PackedView view =
        encode::viewOf(stored[i].shape, packed.data() + stored[i].offset);
    auto *out = reinterpret_cast<float *>(Base + dense.offset);
    pool.parallelFor(dense.shape.rows, 16,
                     [&](int64_t begin, int64_t end, int) {
                       float *rows = out + begin * dense.shape.cols;
                       format::decodeRows(view, begin, end, rows);
                       // What comes before the layer is as it was, too.
                       if (factors[i].any())
                         factors[i].undo(begin * dense.shape.cols,
                                         (end - begin) * dense.shape.cols,
                                         dense.shape.cols, rows);
                     });
  }
}

float *DenseImage::matrix(int32_t tensor) {
  const Tensor &dense = Dense.tensors[static_cast<size_t>(tensor)];
  return storedAlike(dense.shape, format::PackedShape())
             ? reinterpret_cast<float *>(Base + dense.offset)
             : nullptr;
}

void DenseImage::drop(const std::vector<int32_t> &tensors) {
  const auto page = static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
  for (const int32_t index : tensors) {
    const Tensor &dense = Dense.tensors[static_cast<size_t>(index)];
    if (!format::storedAlike(dense.shape, format::PackedShape()))
      continue;
    // Whole pages that are no other tensor's.
    const uint64_t begin = (dense.offset + page - 1) / page * page;
    const uint64_t end =
        (dense.offset + format::paddedBytes(dense.shape)) / page * page;
    if (begin < end)
      ::madvise(Base + begin, end - begin, MADV_DONTNEED);
  }
}

format::PackedView DenseImage::tensor(int64_t index) const {
  const Tensor &tensor = Dense.tensors.at(static_cast<size_t>(index));
  return encode::viewOf(tensor.shape, Base + tensor.offset);
}

} // namespace qzc::calibrate
