//===- StatisticsFile.cpp - Statistics of inputs in a file ----------------===//

#include "qzc/Encode/StatisticsFile.h"

#include "qzc/Support/Error.h"

#include <algorithm>
#include <cmath>

namespace qzc::encode {

static constexpr std::string_view kOfWeight = ".input";
static constexpr std::string_view kSensitivity = ".sensitivity";

static std::string nameOf(size_t input, const char *what) {
  return "input." + std::to_string(input) + "." + what;
}

static std::vector<std::string> weightsOf(const std::vector<InputOf> &inputs) {
  std::vector<std::string> weights;
  for (const InputOf &input : inputs)
    weights.insert(weights.end(), input.weights.begin(), input.weights.end());
  return weights;
}

static std::vector<format::SafetensorsWriter::Entry>
entriesOf(const std::vector<InputOf> &inputs,
          const std::vector<std::string> &sensitive) {
  std::vector<format::SafetensorsWriter::Entry> entries;
  for (size_t i = 0; i < inputs.size(); ++i) {
    const int64_t columns = inputs[i].columns;
    entries.push_back({nameOf(i, "tokens"), {1}});
    entries.push_back({nameOf(i, "squares"), {columns}});
    entries.push_back({nameOf(i, "products"), {triangle(columns)}});
  }
  for (const std::string &weight : weightsOf(inputs))
    entries.push_back({weight + std::string(kOfWeight), {1}});
  for (const std::string &weight : sensitive)
    entries.push_back({weight + std::string(kSensitivity), {1}});
  return entries;
}

StatisticsWriter::StatisticsWriter(const std::string &path,
                                   const std::vector<InputOf> &inputs,
                                   bool sensitivities)
    : Weights(sensitivities ? weightsOf(inputs) : std::vector<std::string>()),
      File(path, entriesOf(inputs, Weights)) {
  First = 3 * inputs.size();
  for (size_t i = 0; i < inputs.size(); ++i)
    for (size_t k = 0; k < inputs[i].weights.size(); ++k) {
      const auto number = static_cast<float>(i);
      File.write(First++, 0, &number, 1);
    }
}

void StatisticsWriter::write(
    const std::map<std::string, double> &sensitivities) const {
  for (size_t i = 0; i < Weights.size(); ++i) {
    const auto found = sensitivities.find(Weights[i]);
    const float value =
        found == sensitivities.end() ? 1 : static_cast<float>(found->second);
    File.write(First + i, 0, &value, 1);
  }
}

void StatisticsWriter::write(size_t index, const InputStatistics &input) const {
  const auto tokens = static_cast<float>(input.tokens);
  File.write(3 * index, 0, &tokens, 1);
  File.write(3 * index + 1, 0, input.squares, input.columns);
  File.write(3 * index + 2, 0, input.products, triangle(input.columns));
}

namespace {
/// Reads tensors, and says where what is not right.
class Reader {
public:
  explicit Reader(const SafetensorsFile &file) : File(file) {}

  [[noreturn]] void fail(const std::string &name,
                         const std::string &what) const {
    throw Error("'" + File.file().path() + "': '" + name + "' " + what +
                ": these are no statistics of --save-statistics");
  }

  /// The values of a vector; their number becomes `count`, where it is not
  /// given.
  const float *vector(const std::string &name, int64_t &count) const {
    const SafetensorsFile::Entry &entry = File.entry(name);
    if (entry.dtype != "F32" || entry.shape.size() != 1 ||
        entry.offset % alignof(float) != 0 || entry.shape[0] < 1 ||
        (count != 0 && entry.shape[0] != count))
      fail(name, "is no vector of F32 of the right length");
    count = entry.shape[0];
    return reinterpret_cast<const float *>(File.file().data() + entry.offset);
  }

  float number(const std::string &name) const {
    int64_t one = 1;
    const float value = *vector(name, one);
    if (!(value >= 0) || !std::isfinite(value))
      fail(name, "is no number of 0 or more");
    return value;
  }

  InputStatistics input(size_t index) const {
    // Of which a triangle has elements that fit 63 bits.
    constexpr int64_t kMostColumns = int64_t{1} << 30;
    InputStatistics input;
    const std::string tokens = nameOf(index, "tokens");
    input.tokens = static_cast<double>(number(tokens));
    if (input.tokens < 1)
      fail(tokens, "is no number of tokens");
    const std::string squares = nameOf(index, "squares");
    input.squares = vector(squares, input.columns);
    if (input.columns > kMostColumns)
      fail(squares, "is too long");
    if (!std::all_of(input.squares, input.squares + input.columns,
                     [](float x) { return x >= 0 && std::isfinite(x); }))
      fail(squares, "is no sum of squares");
    int64_t elements = triangle(input.columns);
    input.products = vector(nameOf(index, "products"), elements);
    return input;
  }

private:
  const SafetensorsFile &File;
};
} // namespace

void StatisticsFile::checkAreOf(
    const std::vector<format::Tensor> &tensors) const {
  const auto fail = [&](const std::string &what) {
    throw Error("'" + Path + "' are statistics of another model: " + what);
  };
  bool knowsAny = false;
  for (const format::Tensor &tensor : tensors) {
    const std::optional<InputStatistics> input = find(tensor.source.name);
    knowsAny |= input.has_value();
    if (input && input->columns != tensor.shape.cols)
      fail("the input of '" + tensor.source.name + "' has " +
           std::to_string(input->columns) + " columns there, and " +
           std::to_string(tensor.shape.cols) + " here");
  }
  if (!knowsAny)
    fail("they know none of its weights");
}

bool isStatistics(const std::string &path) {
  const MappedFile file(path);
  const std::string_view text(reinterpret_cast<const char *>(file.data()),
                              file.size());
  // How long a safetensors file's header is, below 2^32, and the header.
  return text.size() > 8 &&
         text.substr(4, 5) == std::string_view("\0\0\0\0{", 5);
}

FullStatistics::FullStatistics(const std::string &path)
    : StatisticsFile(path), File(path) {
  const Reader reader(File);
  while (File.entries().count(nameOf(Inputs.size(), "tokens")) != 0)
    Inputs.push_back(reader.input(Inputs.size()));
  for (const auto &[name, entry] : File.entries()) {
    if (name.size() <= kOfWeight.size() ||
        name.compare(name.size() - kOfWeight.size(), kOfWeight.size(),
                     kOfWeight) != 0)
      continue;
    const float input = reader.number(name);
    if (input != std::floor(input) ||
        !(input < static_cast<float>(Inputs.size())))
      reader.fail(name, "names no input");
    const std::string weight = name.substr(0, name.size() - kOfWeight.size());
    ByWeight[weight] = static_cast<size_t>(input);
    const std::string sensitivity = weight + std::string(kSensitivity);
    if (File.entries().count(sensitivity) != 0)
      Sensitivities[weight] = reader.number(sensitivity);
  }
  if (ByWeight.empty())
    throw Error("'" + path +
                "' holds no statistics: --save-statistics writes some");
}

std::vector<std::string> FullStatistics::weights() const {
  std::vector<std::string> names;
  for (const auto &[name, input] : ByWeight)
    names.push_back(name);
  return names;
}

double FullStatistics::sensitivity(const std::string &weight) const {
  const auto found = Sensitivities.find(weight);
  return found == Sensitivities.end() ? 1 : found->second;
}

std::optional<InputStatistics>
FullStatistics::find(const std::string &weight) const {
  const auto found = ByWeight.find(weight);
  if (found == ByWeight.end())
    return std::nullopt;
  InputStatistics input = Inputs[found->second];
  input.name = found->first;
  return input;
}

} // namespace qzc::encode
