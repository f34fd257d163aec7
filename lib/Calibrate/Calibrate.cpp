//===- Calibrate.cpp - What a text shows of a model's layers --------------===//
//
// The body's launches are run from one linear layer to the next, for every
// window. Between two of them wait the buffers that are still needed; the
// layer's input is among them, and is what its statistics are made of. Then the
// layer's weights are encoded by these, and it is run as the executable will
// run it.
//
//===----------------------------------------------------------------------===//

#include "qzc/Calibrate/Calibrate.h"

#include "DenseImage.h"
#include "Products.h"

#include "qzc/Runtime/Cpu/Steps.h"
#include "qzc/Support/Error.h"
#include "qzc/Support/Progress.h"
#include "qzc/Support/TemporaryFile.h"

#include <algorithm>
#include <cmath>
#include <set>

namespace qzc::calibrate {

using encode::InputOf;
using encode::InputStatistics;
using format::Launch;
using format::View;

Windows windowsOf(const std::vector<int32_t> &tokens, int64_t context,
                  int64_t most, std::optional<int64_t> bos) {
  const int64_t own = context - (bos ? 1 : 0);
  const int64_t there = own < 1 ? 0 : static_cast<int64_t>(tokens.size()) / own;
  if (there == 0)
    throw Error("the text to calibrate with has " +
                std::to_string(tokens.size()) + " tokens, fewer than the " +
                std::to_string(context) + " of one window: take a longer one");
  const int64_t count = std::clamp<int64_t>(most / context, 1, there);
  Windows windows;
  for (int64_t i = 0; i < count; ++i) {
    std::vector<int32_t> &window = windows.emplace_back();
    if (bos)
      window.push_back(static_cast<int32_t>(*bos));
    const auto begin = tokens.begin() + i * there / count * own;
    window.insert(window.end(), begin, begin + own);
  }
  return windows;
}

namespace {
/// A place in the body where an input can be seen: before a linear layer, or
/// where the head begins.
struct Stop {
  size_t launch = 0; ///< of the body; its end: the head
  View input;
  InputOf seen;
  std::vector<int32_t> weights; ///< the layer's matrices
  std::vector<size_t> live;     ///< buffers that are needed from here on
};

/// Statistics of the one input that is being looked at.
class OneInput final : public encode::Statistics {
public:
  explicit OneInput(const InputStatistics &input) : Input(input) {}
  std::optional<InputStatistics> find(const std::string &) const override {
    return Input;
  }

private:
  InputStatistics Input;
};

class Calibration {
public:
  Calibration(const format::Manifest &manifest,
              const std::vector<encode::WeightRef> &refs,
              const encode::WeightSources &sources, const Windows &windows,
              const std::string &path, int threads, encode::CodeStore &codes)
      : Manifest(manifest), Texts(windows), Pool(threads),
        Image(manifest, refs, sources, codes, Pool), Stops(stopsOf(manifest)),
        Runner(Image, static_cast<int64_t>(windows.front().size()),
               Pool.threads()),
        Out(path, inputsOf(Stops)) {
    for (const Stop &stop : Stops)
      Slot = std::max(Slot, forLive(stop, [](size_t, uint64_t, uint64_t) {}));
  }

  void run();

private:
  static std::vector<Stop> stopsOf(const format::Manifest &manifest);
  static std::vector<InputOf> inputsOf(const std::vector<Stop> &stops);
  /// take(buffer, offset, bytes) for the live buffers of a window, one behind
  /// the other; the bytes of all.
  template <typename Take> uint64_t forLive(const Stop &stop, Take take) const;
  int64_t tokens() const { return static_cast<int64_t>(Texts.front().size()); }
  /// Moves the live buffers of a window to or from the disk.
  void save(const Stop &stop, size_t window);
  void restore(const Stop &stop, size_t window);
  /// Runs every window from one stop to the next, and sums up its input.
  std::vector<float> advance(const Stop *from, const Stop &to);
  void take(const Stop &stop, size_t index, const std::vector<float> &products);

  const format::Manifest &Manifest;
  const Windows &Texts;
  ThreadPool Pool;
  DenseImage Image;
  std::vector<Stop> Stops;
  runtime::cpu::StepRunner Runner;
  encode::StatisticsWriter Out;
  TemporaryFile Waiting;
  uint64_t Slot = 0; ///< of a window on disk
};
} // namespace

static void addWeights(const format::Manifest &manifest, const Launch &launch,
                       std::set<std::string> &known, Stop &stop) {
  const int64_t parts = std::get<format::LinearParams>(launch.params).parts;
  for (int64_t i = 0; i < parts; ++i) {
    const int32_t index = launch.weights[static_cast<size_t>(i)];
    if (std::find(stop.weights.begin(), stop.weights.end(), index) !=
        stop.weights.end())
      continue;
    stop.weights.push_back(index);
    const format::Tensor &tensor = manifest.tensors[static_cast<size_t>(index)];
    stop.seen.columns = tensor.shape.cols;
    if (known.insert(tensor.source.name).second)
      stop.seen.weights.push_back(tensor.source.name);
  }
}

/// Buffers that are written before a launch, and read from it on.
static std::vector<size_t> liveAt(const format::Plan &plan, size_t launch) {
  std::vector<bool> written(plan.buffers.size());
  std::vector<bool> read(plan.buffers.size());
  for (size_t i = 0; i < plan.body.size(); ++i) {
    const std::vector<View> &views =
        i < launch ? plan.body[i].outputs : plan.body[i].inputs;
    for (const View &view : views)
      (i < launch ? written : read)[static_cast<size_t>(view.buffer)] = true;
  }
  read[static_cast<size_t>(plan.hidden.buffer)] = true;
  std::vector<size_t> live;
  for (size_t i = 0; i < written.size(); ++i)
    if (written[i] && read[i])
      live.push_back(i);
  return live;
}

std::vector<Stop> Calibration::stopsOf(const format::Manifest &manifest) {
  const format::Plan &plan = manifest.plan;
  std::vector<Stop> stops;
  std::set<std::string> known;
  const auto add = [&](const Launch &launch, size_t at, const View &input) {
    Stop stop;
    stop.launch = at;
    stop.input = input;
    addWeights(manifest, launch, known, stop);
    stop.live = liveAt(plan, at);
    stops.push_back(std::move(stop));
  };
  for (size_t i = 0; i < plan.body.size(); ++i)
    if (plan.body[i].opcode == format::Opcode::Linear)
      add(plan.body[i], i, plan.body[i].inputs.front());
  const Launch &head = plan.head.front();
  if (head.opcode == format::Opcode::Linear &&
      head.inputs.front().buffer == format::kHiddenBuffer) {
    View input = plan.hidden;
    input.column += head.inputs.front().column;
    input.columns = head.inputs.front().columns;
    add(head, plan.body.size(), input);
  }
  return stops;
}

std::vector<InputOf> Calibration::inputsOf(const std::vector<Stop> &stops) {
  std::vector<InputOf> inputs;
  for (const Stop &stop : stops)
    inputs.push_back(stop.seen);
  return inputs;
}

template <typename Take>
uint64_t Calibration::forLive(const Stop &stop, Take take) const {
  uint64_t at = 0;
  for (const size_t index : stop.live) {
    const auto bytes =
        static_cast<uint64_t>(Manifest.plan.buffers[index].columns * tokens()) *
        sizeof(float);
    take(index, at, bytes);
    at += bytes;
  }
  return at;
}

void Calibration::save(const Stop &stop, size_t window) {
  forLive(stop, [&](size_t index, uint64_t at, uint64_t bytes) {
    Waiting.write(window * Slot + at, Runner.buffer(index, tokens()), bytes);
  });
}

void Calibration::restore(const Stop &stop, size_t window) {
  forLive(stop, [&](size_t index, uint64_t at, uint64_t bytes) {
    Waiting.read(window * Slot + at, Runner.buffer(index, tokens()), bytes);
  });
}

std::vector<float> Calibration::advance(const Stop *from, const Stop &to) {
  Products products(to.seen.columns);
  for (size_t window = 0; window < Texts.size(); ++window) {
    if (from)
      restore(*from, window);
    Runner.run(from ? from->launch : 0, to.launch, Texts[window].data(),
               tokens());
    save(to, window);
    const auto buffer = static_cast<size_t>(to.input.buffer);
    products.add(Runner.buffer(buffer, tokens()) + to.input.column, tokens(),
                 Manifest.plan.buffers[buffer].columns, Pool);
  }
  return products.finish();
}

void Calibration::take(const Stop &stop, size_t index,
                       const std::vector<float> &products) {
  std::vector<float> squares;
  for (int64_t i = 0; i < stop.seen.columns; ++i)
    squares.push_back(products[static_cast<size_t>(encode::triangle(i) + i)]);
  if (!std::all_of(squares.begin(), squares.end(),
                   [](float x) { return std::isfinite(x); }))
    throw Error("the input of the layer '" +
                Manifest.tensors[static_cast<size_t>(stop.weights.front())]
                    .source.name +
                "' is not finite while calibrating");
  InputStatistics input;
  input.columns = stop.seen.columns;
  input.tokens =
      static_cast<double>(tokens()) * static_cast<double>(Texts.size());
  input.squares = squares.data();
  input.products = products.data();
  Out.write(index, input);
  // What the head's layer gives nobody looks at.
  if (stop.launch == Manifest.plan.body.size())
    return;
  const OneInput statistics(input);
  Image.hold(stop.weights, statistics, Pool);
}

void Calibration::run() {
  Progress progress("calibrate", Stops.size(), "layers");
  const Stop *last = nullptr;
  for (size_t i = 0; i < Stops.size(); ++i) {
    const std::vector<float> products = advance(last, Stops[i]);
    if (last)
      Image.drop(last->weights);
    take(Stops[i], i, products);
    last = &Stops[i];
    progress.advance(1);
  }
  Out.commit();
}

void calibrate(const format::Manifest &manifest,
               const std::vector<encode::WeightRef> &refs,
               const encode::WeightSources &sources, const Windows &windows,
               const std::string &path, int threads, encode::CodeStore &codes) {
  Calibration(manifest, refs, sources, windows, path, threads, codes).run();
}

} // namespace qzc::calibrate
