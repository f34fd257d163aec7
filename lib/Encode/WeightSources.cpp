//===- WeightSources.cpp - The files that weights are read from -----------===//

#include "qzc/Encode/WeightSources.h"

#include "Packings/Packings.h"

#include "qzc/Format/Schemes/Dense.h"
#include "qzc/Support/Error.h"

#include <algorithm>
#include <cstring>

using namespace qzc;
using namespace qzc::encode;
using format::DType;
using format::PackedShape;
using format::TensorSource;

WeightSources::WeightSources(std::vector<SourceFile> files)
    : Files(std::move(files)) {
  for (const SourceFile &file : Files) {
    MappedFile mapped(file.path);
    if (mapped.size() != file.bytes)
      throw Error("'" + file.path + "' has " + std::to_string(mapped.size()) +
                  " bytes but had " + std::to_string(file.bytes) +
                  " when it was imported: restore it or import again");
    OpenFiles.push_back(std::make_unique<SafetensorsFile>(std::move(mapped)));
  }
}

void WeightSources::check(const TensorSource &source,
                          const WeightRef &ref) const {
  if (ref.packed)
    return checkPacked(*ref.packed, source.name);
  if (ref.file >= OpenFiles.size())
    throw Error("tensor '" + source.name + "' refers to an unknown file");
  const std::string &path = Files[ref.file].path;
  const SafetensorsFile::Entry &entry = OpenFiles[ref.file]->entry(source.name);
  const std::string where = "tensor '" + source.name + "' in '" + path + "' ";
  const std::optional<DType> type = entry.type();
  if (!type)
    throw Error(where + "has the type " + entry.dtype +
                ": weights must be F32, F16 or BF16");
  if (entry.shape != source.shape)
    throw Error(where + "has the shape " + describe(entry.shape) +
                ", the module expects " + describe(source.shape));
  if (*type != source.dtype)
    throw Error(where + "has the type " + entry.dtype +
                ", the module expects " +
                std::string(format::name(source.dtype)));
  if (entry.offset != ref.offset)
    throw Error(where + "begins at byte " + std::to_string(entry.offset) +
                ", the module expects " + std::to_string(ref.offset));
}

PackedTensors WeightSources::tensorsOf(const format::PackedSource &source,
                                       const std::string &weight) const {
  PackedTensors tensors(source, weight);
  for (const format::PackedTensor &tensor : source.tensors) {
    if (tensor.file >= OpenFiles.size())
      throw Error("tensor '" + tensor.name + "' refers to an unknown file");
    tensors.add(tensor, OpenFiles[tensor.file]->file().data() + tensor.offset);
  }
  return tensors;
}

void WeightSources::checkPacked(const format::PackedSource &source,
                                const std::string &weight) const {
  for (const format::PackedTensor &tensor : source.tensors) {
    if (tensor.file >= OpenFiles.size())
      throw Error("tensor '" + tensor.name + "' refers to an unknown file");
    const SafetensorsFile &file = *OpenFiles[tensor.file];
    const SafetensorsFile::Entry &entry = file.entry(tensor.name);
    if (entry.dtype != tensor.dtype || entry.shape != tensor.shape ||
        entry.offset != tensor.offset)
      throw Error("tensor '" + tensor.name + "' in '" + file.file().path() +
                  "' is " + entry.dtype + " " + describe(entry.shape) +
                  " at byte " + std::to_string(entry.offset) +
                  ", the module expects " + tensor.dtype + " " +
                  describe(tensor.shape) + " at " +
                  std::to_string(tensor.offset));
  }
  packingTraits(source.packing).check(tensorsOf(source, weight));
}

void WeightSources::checkContents(size_t index) const {
  if (OpenFiles[index]->file().sha256() != Files[index].sha256)
    throw Error("'" + Files[index].path +
                "' has changed since it was imported: restore it or import "
                "again");
}

//===----------------------------------------------------------------------===//
// Reading
//===----------------------------------------------------------------------===//

namespace {
struct LoadF32 {
  using Stored = float;
  static float load(float value) { return value; }
};
struct LoadF16 {
  using Stored = uint16_t;
  static float load(uint16_t bits) { return format::dense::fromF16(bits); }
};
struct LoadBf16 {
  using Stored = uint16_t;
  static float load(uint16_t bits) { return format::dense::fromBf16(bits); }
};

} // namespace

/// Calls visit(first source row, count, first stored row) for the runs of
/// source rows that stored rows [begin, end) come from.
template <typename Visit>
static void forRuns(const TensorSource &source, int64_t begin, int64_t end,
                    Visit visit) {
  if (source.rows.empty()) {
    visit(begin, end - begin, begin);
    return;
  }
  int64_t stored = 0;
  for (const auto &[low, high] : source.rows) {
    const int64_t from = std::max(begin, stored);
    const int64_t to = std::min(end, stored + (high - low));
    if (from < to)
      visit(low + (from - stored), to - from, from);
    stored += high - low;
  }
}

/// Safetensors promises no alignment: elements are loaded by memcpy.
template <typename Load>
static float loadAt(const std::byte *data, int64_t index) {
  typename Load::Stored value;
  std::memcpy(&value, data + index * static_cast<int64_t>(sizeof value),
              sizeof value);
  return Load::load(value);
}

template <typename Load>
static void readPlain(const TensorSource &source, const std::byte *data,
                      int64_t begin, int64_t end, float *out) {
  const int64_t cols = source.width();
  const int64_t rowBegin = begin / cols;
  const int64_t rowEnd = (end + cols - 1) / cols;
  forRuns(source, rowBegin, rowEnd,
          [&](int64_t first, int64_t count, int64_t stored) {
            const int64_t from = std::max(begin, stored * cols);
            const int64_t to = std::min(end, (stored + count) * cols);
            const int64_t shift = (first - stored) * cols;
            for (int64_t i = from; i < to; ++i)
              out[i - begin] = loadAt<Load>(data, i + shift);
          });
}

template <typename Load>
static void readTransposed(const TensorSource &source, const std::byte *data,
                           int64_t begin, int64_t end, float *out) {
  // Source [cols, rows]: a stored row is a column there. A tile of source rows
  // is walked along the stored rows, so that lines are used while in cache.
  constexpr int64_t kTile = 16;
  const int64_t width = source.width();
  const int64_t rowBegin = begin / width;
  const int64_t rowEnd = (end + width - 1) / width;
  const int64_t stride = source.height();
  forRuns(source, rowBegin, rowEnd,
          [&](int64_t first, int64_t count, int64_t stored) {
            for (int64_t tile = 0; tile < width; tile += kTile)
              for (int64_t row = 0; row < count; ++row) {
                const int64_t base = (stored + row) * width;
                const int64_t from = std::max(tile, begin - base);
                const int64_t to = std::min({tile + kTile, width, end - base});
                for (int64_t col = from; col < to; ++col)
                  out[base + col - begin] =
                      loadAt<Load>(data, col * stride + first + row);
              }
          });
}

template <typename Load>
static void readAs(const TensorSource &source, const std::byte *data,
                   int64_t begin, int64_t end, float *out) {
  if (source.transposed)
    readTransposed<Load>(source, data, begin, end, out);
  else
    readPlain<Load>(source, data, begin, end, out);
}

//===----------------------------------------------------------------------===//
// Reading what is quantized already
//===----------------------------------------------------------------------===//

void WeightSources::readParts(const TensorSource &source, const WeightRef &ref,
                              int64_t begin, int64_t end,
                              std::byte *const *parts) const {
  const format::PackedSource &packed = *ref.packed;
  packingTraits(packed.packing)
      .read(tensorsOf(packed, source.name), begin, end, parts);
  releaseParts(packed, begin, end);
}

/// Lets the pages of elements [begin, end) leave memory. Of a tensor that has
/// the weight's elements in their order they are a part of its own; of others
/// every piece reads all, and the last one lets them go.
void WeightSources::releaseParts(const format::PackedSource &packed,
                                 int64_t begin, int64_t end) const {
  const int64_t all = packed.shape.rows * packed.shape.cols;
  for (const format::PackedTensor &tensor : packed.tensors) {
    const SafetensorsFile &file = *OpenFiles[tensor.file];
    const uint64_t bytes = file.entry(tensor.name).bytes;
    const bool isInOrder =
        !tensor.shape.empty() &&
        (tensor.shape.front() == packed.shape.rows || tensor.shape.back() == 1);
    const auto at = [&](int64_t element) {
      return static_cast<uint64_t>(static_cast<double>(bytes) *
                                   static_cast<double>(element) /
                                   static_cast<double>(all));
    };
    if (isInOrder)
      file.file().release(tensor.offset + at(begin), at(end) - at(begin));
    else if (end == all)
      file.file().release(tensor.offset, bytes);
  }
}

/// Calls take(view, first, count, skipped) for pieces of a packed source that
/// hold its elements [begin, end): `count` of them from the one after `skipped`
/// on, which are stored from `first` on.
template <typename Take>
void WeightSources::forPieces(const TensorSource &source, const WeightRef &ref,
                              int64_t begin, int64_t end, Take take) const {
  const PackedShape &shape = ref.packed->shape;
  const int64_t unit = format::pieceUnit(shape);
  const int64_t all = shape.rows * shape.cols;
  const size_t partCount = format::layout(shape).size();
  std::vector<std::byte> stored[4];
  forRuns(source, begin / shape.cols, (end + shape.cols - 1) / shape.cols,
          [&](int64_t first, int64_t count, int64_t row) {
            const int64_t from = std::max(begin, row * shape.cols);
            const int64_t to = std::min(end, (row + count) * shape.cols);
            const int64_t shift = (first - row) * shape.cols;
            const int64_t low = (from + shift) / unit * unit;
            const int64_t high =
                std::min(all, (to + shift + unit - 1) / unit * unit);
            format::PackedView view;
            view.shape = format::pieceShape(shape, high - low);
            std::byte *parts[4] = {};
            for (size_t i = 0; i < partCount; ++i) {
              stored[i].resize(format::partBytes(shape, i, high - low));
              view.parts[i] = parts[i] = stored[i].data();
            }
            readParts(source, ref, low, high, parts);
            take(view, from, to - from, from + shift - low);
          });
}

void WeightSources::readPacked(const TensorSource &source, const WeightRef &ref,
                               int64_t begin, int64_t end, float *out) const {
  std::vector<float> values;
  forPieces(
      source, ref, begin, end,
      [&](const format::PackedView &view, int64_t first, int64_t count,
          int64_t skipped) {
        values.resize(static_cast<size_t>(view.shape.rows * view.shape.cols));
        format::decodeRows(view, 0, view.shape.rows, values.data());
        std::copy_n(values.begin() + skipped, count, out + (first - begin));
      });
}

void WeightSources::readBlocks(const TensorSource &source, const WeightRef &ref,
                               int64_t begin, int64_t end,
                               std::byte *out) const {
  const format::PackedSource &packed = *ref.packed;
  const format::BlockFormat &format = *format::storedBlocks(packed);
  const std::byte *blocks = tensorsOf(packed, source.name).data("codes");
  const auto bytesOf = [&](int64_t elements) {
    return elements / format.values * format.bytes;
  };
  const int64_t cols = packed.shape.cols;
  forRuns(source, begin / cols, (end + cols - 1) / cols,
          [&](int64_t first, int64_t count, int64_t row) {
            const int64_t from = std::max(begin, row * cols);
            const int64_t to = std::min(end, (row + count) * cols);
            const int64_t shift = (first - row) * cols;
            std::copy_n(blocks + bytesOf(from + shift), bytesOf(to - from),
                        out + bytesOf(from - begin));
            releaseParts(packed, from + shift, to + shift);
          });
}

void WeightSources::read(const TensorSource &source, const WeightRef &ref,
                         int64_t begin, int64_t end, float *out) const {
  if (ref.packed)
    readPacked(source, ref, begin, end, out);
  else
    readDense(source, ref, begin, end, out);
}

void WeightSources::readDense(const TensorSource &source, const WeightRef &ref,
                              int64_t begin, int64_t end, float *out) const {
  const MappedFile &file = OpenFiles[ref.file]->file();
  const std::byte *data = file.data() + ref.offset;
  switch (source.dtype) {
  case DType::F32:
    readAs<LoadF32>(source, data, begin, end, out);
    break;
  case DType::F16:
    readAs<LoadF16>(source, data, begin, end, out);
    break;
  case DType::BF16:
    readAs<LoadBf16>(source, data, begin, end, out);
    break;
  }
  const auto size = static_cast<int64_t>(format::sizeOf(source.dtype));
  const int64_t cols = source.width();
  if (source.transposed) {
    file.release(ref.offset,
                 static_cast<uint64_t>(source.height() * cols * size));
    return;
  }
  const int64_t width = cols * size;
  forRuns(source, begin / cols, (end + cols - 1) / cols,
          [&](int64_t first, int64_t count, int64_t) {
            file.release(ref.offset + static_cast<uint64_t>(first * width),
                         static_cast<uint64_t>(count * width));
          });
}

std::string encode::sourcePosition(const TensorSource &source, int64_t index) {
  const int64_t cols = source.width();
  int64_t row = 0;
  forRuns(source, index / cols, index / cols + 1,
          [&](int64_t first, int64_t, int64_t) { row = first; });
  const int64_t col = index % cols;
  if (source.shape.size() == 1)
    return describe({row});
  return source.transposed ? describe({col, row}) : describe({row, col});
}
