//===- Imatrix.cpp - llama.cpp's importance matrices ----------------------===//

#include "qzc/Target/Gguf/Imatrix.h"

#include "ContainerReader.h"
#include "Names.h"

#include "qzc/Support/AtomicFile.h"
#include "qzc/Support/Error.h"
#include "qzc/Target/Gguf/Container.h"

#include <algorithm>
#include <cmath>

namespace qzc::gguf {

static constexpr std::string_view kSums = ".in_sum2";
static constexpr std::string_view kCounts = ".counts";

TensorNames tensorNames(mlir::ModuleOp module) {
  TensorNames names;
  module.walk([&](qz::ModelOp model) {
    const std::optional<qz::GgufAttr> said = model.getGguf();
    if (!said)
      return;
    const auto add = [&](mlir::Value weight, qz::ParamOp param) {
      const std::string role = qz::weightRole(weight);
      const std::string source = param.getName().str();
      if (role == "unused" || qz::isVector(weight.getType()))
        return;
      if (const std::optional<Place> place = findPlace(
              *said, source, role, qz::weightBlock(param).value_or(-1)))
        names[source].push_back(place->name);
    };
    model.walk([&](qz::ParamOp param) {
      add(param.getResult(), param);
      for (mlir::Operation *user : param->getUsers())
        if (auto rows = llvm::dyn_cast<qz::RowsOp>(user))
          add(rows.getResult(), param);
    });
  });
  return names;
}

//===----------------------------------------------------------------------===//
// Reading
//===----------------------------------------------------------------------===//

bool isImatrix(const std::string &path) {
  Reader reader(path);
  if (reader.startsWith("GGUF"))
    return true;
  // The older form: entries, and the first one's name, which other files'
  // beginnings would make far too long, or no text.
  constexpr int32_t kMostNameOfOlder = 1024;
  const uint64_t bytes = reader.fileBytes();
  if (bytes < 2 * sizeof(int32_t) || reader.number<int32_t>() < 1)
    return false;
  const auto length = reader.number<int32_t>();
  return length >= 1 && length <= kMostNameOfOlder &&
         isName(reader.text(
             std::min<uint64_t>(length, bytes - reader.position())));
}

/// Checks an entry, and adds it where a token was seen.
static void add(const Reader &reader, const std::string &name,
                ImatrixEntry entry, Imatrix &matrix) {
  const auto isSum = [](float x) { return x >= 0 && std::isfinite(x); };
  if (!std::all_of(entry.squares.begin(), entry.squares.end(), isSum))
    reader.fail("'" + name + "' is no sum of squares");
  if (!(entry.tokens == 0 || entry.tokens >= 1) || !std::isfinite(entry.tokens))
    reader.fail("'" + name + "' has no number of tokens");
  if (entry.tokens != 0)
    matrix[name] = std::move(entry);
}

static std::vector<float> floatsOf(const Reader &reader,
                                   const StoredTensor &tensor) {
  if (tensor.type != static_cast<uint32_t>(TensorType::F32))
    reader.fail("'" + tensor.name + "' is not in F32");
  return reader.floats(tensor.offset, tensor.elements);
}

static Imatrix readContainer(Reader &reader) {
  const ContainerIndex index = readIndex(reader);
  if (index.type != "imatrix")
    reader.fail("it is a GGUF, but not of an importance matrix");
  std::map<std::string, const StoredTensor *> counts;
  for (const StoredTensor &tensor : index.tensors)
    counts[tensor.name] = &tensor;
  // What is read is copied: not the same bytes again and again.
  uint64_t left = reader.fileBytes() / sizeof(float);
  Imatrix matrix;
  for (const StoredTensor &tensor : index.tensors) {
    const size_t stem =
        tensor.name.size() - std::min(kSums.size(), tensor.name.size());
    if (tensor.name.compare(stem, kSums.size(), kSums) != 0)
      continue;
    const std::string name = tensor.name.substr(0, stem);
    const auto found = counts.find(name + std::string(kCounts));
    if (found == counts.end())
      reader.fail("'" + name + "' has sums without counts");
    const std::vector<float> tokens = floatsOf(reader, *found->second);
    if (tokens.size() != 1)
      reader.fail("'" + name +
                  "' is of several experts, which no model of "
                  "qzc's has");
    if (tensor.elements > left)
      reader.fail("'" + tensor.name +
                  "' and those before it have more sums than the file");
    left -= tensor.elements;
    add(reader, name, {floatsOf(reader, tensor), tokens.front()}, matrix);
  }
  return matrix;
}

static Imatrix readOlder(Reader &reader) {
  Imatrix matrix;
  const auto positive = [&](const char *what) {
    const auto number = reader.number<int32_t>();
    if (number < 1)
      reader.fail(std::string("it has ") + what + " that is none");
    return static_cast<uint64_t>(number);
  };
  const uint64_t entries = positive("a number of entries");
  for (uint64_t i = 0; i < entries; ++i) {
    const std::string name = reader.name(positive("a name's length"));
    const auto calls = reader.number<int32_t>();
    const uint64_t columns = positive("a number of columns");
    const uint64_t at = reader.position();
    ImatrixEntry entry = {reader.floats(at, columns),
                          static_cast<double>(calls)};
    reader.moveTo(at + columns * sizeof(float));
    add(reader, name, std::move(entry), matrix);
  }
  return matrix;
}

Imatrix readImatrix(const std::string &path) {
  Reader reader(path);
  Imatrix matrix =
      reader.startsWith("GGUF") ? readContainer(reader) : readOlder(reader);
  if (matrix.empty())
    reader.fail("it holds no importance matrix");
  return matrix;
}

std::optional<encode::InputStatistics>
ImatrixFile::find(const std::string &weight) const {
  const auto names = Names.find(weight);
  if (names == Names.end())
    return std::nullopt;
  // Parts of a fused weight have one input.
  for (const std::string &name : names->second) {
    const auto found = Entries.find(name);
    if (found == Entries.end())
      continue;
    encode::InputStatistics input;
    input.name = found->first;
    input.columns = static_cast<int64_t>(found->second.squares.size());
    input.tokens = found->second.tokens;
    input.squares = found->second.squares.data();
    return input;
  }
  return std::nullopt;
}

//===----------------------------------------------------------------------===//
// Writing
//===----------------------------------------------------------------------===//

static int64_t chunksOf(const Imatrix &matrix, int64_t chunk) {
  double most = 0;
  for (const auto &[name, entry] : matrix)
    most = std::max(most, entry.tokens);
  return static_cast<int64_t>(std::ceil(most / static_cast<double>(chunk)));
}

static void writeContainer(AtomicFile &file, const Imatrix &matrix,
                           const ImatrixOrigin &origin) {
  std::vector<TensorInfo> tensors;
  for (const auto &[name, entry] : matrix) {
    tensors.push_back({name + std::string(kSums),
                       {static_cast<int64_t>(entry.squares.size())}});
    tensors.push_back({name + std::string(kCounts), {1}});
  }
  const uint64_t bytes = assignOffsets(tensors);
  file.append(
      header({{"general.type", std::string("imatrix")},
              {"imatrix.datasets", std::vector<std::string>{origin.text}},
              {"imatrix.chunk_count",
               static_cast<uint32_t>(chunksOf(matrix, origin.chunk))},
              {"imatrix.chunk_size", static_cast<uint32_t>(origin.chunk)}},
             tensors));
  const uint64_t data = file.reserve(bytes);
  size_t index = 0;
  for (const auto &[name, entry] : matrix) {
    const auto tokens = static_cast<float>(entry.tokens);
    file.writeAt(data + tensors[index].offset, entry.squares.data(),
                 entry.squares.size() * sizeof(float));
    file.writeAt(data + tensors[index + 1].offset, &tokens, sizeof tokens);
    index += 2;
  }
}

static void writeOlder(AtomicFile &file, const Imatrix &matrix,
                       const ImatrixOrigin &origin) {
  const auto number = [&](int64_t value) {
    const auto narrow = static_cast<int32_t>(value);
    file.append(&narrow, sizeof narrow);
  };
  const auto text = [&](const std::string &value) {
    number(static_cast<int64_t>(value.size()));
    file.append(value);
  };
  number(static_cast<int64_t>(matrix.size()));
  for (const auto &[name, entry] : matrix) {
    const double calls =
        std::ceil(entry.tokens / static_cast<double>(origin.chunk));
    std::vector<float> values;
    for (const float sum : entry.squares)
      values.push_back(sum / static_cast<float>(entry.tokens) *
                       static_cast<float>(calls));
    text(name);
    number(static_cast<int64_t>(calls));
    number(static_cast<int64_t>(values.size()));
    file.append(values.data(), values.size() * sizeof(float));
  }
  number(chunksOf(matrix, origin.chunk));
  text(origin.text);
}

void writeImatrix(const std::string &path, const Imatrix &matrix,
                  const ImatrixOrigin &origin) {
  AtomicFile file(path);
  const std::string_view end = ".dat";
  const bool isOlder =
      path.size() >= end.size() &&
      path.compare(path.size() - end.size(), end.size(), end) == 0;
  (isOlder ? writeOlder : writeContainer)(file, matrix, origin);
  file.commit();
}

} // namespace qzc::gguf
