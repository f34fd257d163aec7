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
#include "Sensitivity.h"
#include "WaitingRuns.h"

#include "qzc/Runtime/Cpu/Steps.h"
#include "qzc/Support/Error.h"
#include "qzc/Support/Progress.h"

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
              const std::string &path, int threads, encode::CodeStore &codes,
              bool sensitivities)
      : Manifest(manifest), Texts(windows), Pool(threads),
        Image(manifest, refs, sources, codes, Pool), Stops(stopsOf(manifest)),
        Runner(Image, tokens(), Pool.threads()),
        Waiting(manifest.plan, Runner, tokens(), launchesOf(Stops)),
        Out(path, inputsOf(Stops), sensitivities) {
    if (sensitivities)
      Probe.emplace(manifest, Image, windows, Pool);
  }

  void run();

private:
  static std::vector<Stop> stopsOf(const format::Manifest &manifest);
  static std::vector<InputOf> inputsOf(const std::vector<Stop> &stops);
  static std::vector<size_t> launchesOf(const std::vector<Stop> &stops);
  int64_t tokens() const { return static_cast<int64_t>(Texts.front().size()); }
  /// Runs every window from one stop to the next, and sums up its input.
  std::vector<float> advance(const Stop *from, const Stop &to);
  void take(const Stop &stop, size_t index, const std::vector<float> &products);

  const format::Manifest &Manifest;
  const Windows &Texts;
  ThreadPool Pool;
  DenseImage Image;
  std::vector<Stop> Stops;
  runtime::cpu::StepRunner Runner;
  WaitingRuns Waiting; ///< a run a window
  encode::StatisticsWriter Out;
  std::optional<Sensitivity> Probe;
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

std::vector<Stop> Calibration::stopsOf(const format::Manifest &manifest) {
  const format::Plan &plan = manifest.plan;
  std::vector<Stop> stops;
  std::set<std::string> known;
  const auto add = [&](const Launch &launch, size_t at, const View &input) {
    Stop stop;
    stop.launch = at;
    stop.input = input;
    addWeights(manifest, launch, known, stop);
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

std::vector<size_t> Calibration::launchesOf(const std::vector<Stop> &stops) {
  std::vector<size_t> launches;
  for (const Stop &stop : stops)
    launches.push_back(stop.launch);
  return launches;
}

std::vector<float> Calibration::advance(const Stop *from, const Stop &to) {
  Products products(to.seen.columns);
  for (size_t window = 0; window < Texts.size(); ++window) {
    if (from)
      Waiting.restore(from->launch, window);
    Runner.run(from ? from->launch : 0, to.launch, Texts[window].data(),
               tokens());
    Waiting.save(to.launch, window);
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
  const bool isHead = stop.launch == Manifest.plan.body.size();
  if (isHead && !Probe)
    return;
  const OneInput statistics(input);
  Image.hold(stop.weights, statistics, Pool);
  for (const int32_t weight : stop.weights)
    if (Probe)
      Probe->see(weight, input);
  if (isHead)
    Image.drop(stop.weights);
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
  if (Probe)
    Out.write(Probe->measure());
  Out.commit();
}

void calibrate(const format::Manifest &manifest,
               const std::vector<encode::WeightRef> &refs,
               const encode::WeightSources &sources, const Windows &windows,
               const std::string &path, int threads, encode::CodeStore &codes,
               bool sensitivities) {
  Calibration(manifest, refs, sources, windows, path, threads, codes,
              sensitivities)
      .run();
}

} // namespace qzc::calibrate
