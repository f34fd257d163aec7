//===- Extract.cpp - Stored weights back to safetensors -------------------===//

#include "qzc/Format/Extract.h"

#include "qzc/Format/SafetensorsWriter.h"
#include "qzc/Support/Error.h"
#include "qzc/Support/Progress.h"

#include <algorithm>
#include <map>

using namespace qzc;
using namespace qzc::format;

/// The names that the second copy of a tied table gets: the head's, or where
/// the table itself is stored under that one, the embedding's.
static constexpr const char *kHeadName = "lm_head.weight";
static constexpr const char *kEmbedName = "embed_tokens.weight";
/// Values decoded at a time.
static constexpr int64_t kChunkElements = int64_t{1} << 20;

using Ranges = std::vector<std::pair<int64_t, int64_t>>;

static bool overlap(const Ranges &a, const Ranges &b) {
  for (const auto &left : a)
    for (const auto &right : b)
      if (left.first < right.second && right.first < left.second)
        return true;
  return false;
}

namespace {
/// One tensor of the output and the stored tensors that make it up.
struct Group {
  std::vector<int64_t> shape;
  bool transposed = false;
  std::vector<int64_t> tensors;
  Ranges rows;
};
} // namespace

/// What `tensor` is called where another copy has its name; null if none may.
static const char *secondName(const Tensor &tensor) {
  const bool isHeadName = tensor.source.name == kHeadName;
  if (tensor.role == "head" && !isHeadName)
    return kHeadName;
  return tensor.role == "embed" && isHeadName ? kEmbedName : nullptr;
}

static std::map<std::string, Group> groupBySource(const Manifest &manifest) {
  std::map<std::string, Group> groups;
  const auto add = [&](const std::string &name, size_t index) {
    const Tensor &tensor = manifest.tensors[index];
    Group &group = groups[name];
    const Ranges rows = tensor.source.heldRows();
    if (overlap(group.rows, rows) ||
        (!group.tensors.empty() &&
         (group.shape != tensor.source.shape ||
          group.transposed != tensor.source.transposed)))
      return false;
    group.shape = tensor.source.shape;
    group.transposed = tensor.source.transposed;
    group.tensors.push_back(static_cast<int64_t>(index));
    group.rows.insert(group.rows.end(), rows.begin(), rows.end());
    return true;
  };
  // Those with a second name come last: they give way.
  for (bool last : {false, true})
    for (size_t i = 0; i < manifest.tensors.size(); ++i) {
      const Tensor &tensor = manifest.tensors[i];
      const char *second = secondName(tensor);
      if ((second != nullptr) != last || add(tensor.source.name, i))
        continue;
      if (!second || !add(second, i))
        throw Error("the image holds parts of tensor '" + tensor.source.name +
                    "' twice");
    }
  return groups;
}

static void requireComplete(const std::string &name, const Group &group) {
  int64_t held = 0;
  for (const auto &[begin, end] : group.rows)
    held += end - begin;
  const int64_t all = group.shape[group.transposed ? 1 : 0];
  if (held != all)
    throw Error("the image holds " + std::to_string(held) + " of the " +
                std::to_string(all) + " rows of tensor '" + name + "'");
}

/// Rows lie in the source as they are stored: written chunk by chunk.
static void copyRows(const Tensor &tensor, const PackedView &view,
                     const SafetensorsWriter &writer, size_t index) {
  // A vector's rows are its elements; it is short and decoded whole.
  const bool isVector = tensor.source.shape.size() == 1;
  const int64_t width = isVector ? 1 : tensor.shape.cols;
  const int64_t most = isVector ? tensor.shape.cols
                                : std::max<int64_t>(1, kChunkElements / width);
  std::vector<float> values;
  int64_t stored = 0;
  if (isVector) {
    values.resize(static_cast<size_t>(tensor.shape.cols));
    decodeRows(view, 0, 1, values.data());
  }
  for (const auto &[begin, end] : tensor.source.heldRows())
    for (int64_t row = begin; row < end;) {
      const int64_t count = std::min(most, end - row);
      const float *from = values.data() + stored;
      if (!isVector) {
        values.resize(static_cast<size_t>(count * width));
        decodeRows(view, stored, stored + count, values.data());
        from = values.data();
      }
      writer.write(index, row * width, from, count * width);
      row += count;
      stored += count;
    }
}

/// The source's columns are the stored rows: gathered for the whole tensor.
static void transposeBack(const Group &group, const Manifest &manifest,
                          const std::function<PackedView(int64_t)> &view,
                          const SafetensorsWriter &writer, size_t index) {
  const int64_t height = group.shape[0];
  const int64_t width = group.shape[1];
  std::vector<float> whole(static_cast<size_t>(height * width));
  std::vector<float> line(static_cast<size_t>(height));
  for (int64_t id : group.tensors) {
    const PackedView stored = view(id);
    int64_t row = 0;
    for (const auto &[begin, end] :
         manifest.tensors[static_cast<size_t>(id)].source.heldRows())
      for (int64_t column = begin; column < end; ++column, ++row) {
        decodeRows(stored, row, row + 1, line.data());
        for (int64_t i = 0; i < height; ++i)
          whole[static_cast<size_t>(i * width + column)] =
              line[static_cast<size_t>(i)];
      }
  }
  writer.write(index, 0, whole.data(), height * width);
}

void format::extractDecoded(const Manifest &manifest,
                            const std::function<PackedView(int64_t)> &view,
                            const std::string &path) {
  const std::map<std::string, Group> groups = groupBySource(manifest);
  std::vector<SafetensorsWriter::Entry> entries;
  for (const auto &[name, group] : groups) {
    requireComplete(name, group);
    entries.push_back({name, group.shape});
  }
  SafetensorsWriter writer(path, entries);
  Progress progress("extract", entries.size(), "tensors");
  size_t index = 0;
  for (const auto &[name, group] : groups) {
    if (group.transposed)
      transposeBack(group, manifest, view, writer, index);
    else
      for (int64_t id : group.tensors)
        copyRows(manifest.tensors[static_cast<size_t>(id)], view(id), writer,
                 index);
    ++index;
    progress.advance(1);
  }
  writer.commit();
}
