//===- FakeModel.h - An image and an engine without weights -----*- C++ -*-===//

#ifndef QZC_TEST_UNIT_APP_FAKEMODEL_H
#define QZC_TEST_UNIT_APP_FAKEMODEL_H

#include "Session.h"
#include "qzc/Runtime/App/App.h"

#include <algorithm>
#include <fstream>
#include <functional>
#include <iterator>
#include <map>

namespace qzc::runtime {

class FakeImage : public Image {
public:
  FakeImage() {
    format::ModelInfo &model = Facts.model;
    model.name = "fake";
    model.family = "llama";
    model.vocab = 420;
    model.hidden = 8;
    model.layers = 2;
    model.context = 64;
    model.bos = 0;
    model.eos = {7};
    Facts.selection = "none";
    Facts.producer = "qzc test";
    format::Tensor tensor;
    tensor.shape.rows = 3;
    tensor.shape.cols = 2;
    tensor.source.name = "model.embed_tokens.weight";
    tensor.source.shape = {3, 2};
    tensor.role = "embed";
    Facts.tensors = {tensor};
    Facts.weightsBytes = 256;
    std::ifstream file(QZC_TEST_DATA "/golden/tokenizers/gpt2.json",
                       std::ios::binary);
    Json.assign(std::istreambuf_iterator<char>(file), {});
    Code = {{90, true, false, ""}, {80, false, true, ""}};
  }

  const format::Manifest &manifest() const override { return Facts; }
  std::string_view tokenizerJson() const override { return Json; }
  const std::vector<DeviceCode> &deviceCode() const override { return Code; }
  uint64_t fileBytes() const override { return 1234567; }
  std::vector<InputFile> files() const override { return {}; }
  format::PackedView tensor(int64_t index) const override {
    format::PackedView view;
    view.shape = Facts.tensors.at(static_cast<size_t>(index)).shape;
    view.parts[0] = weights();
    return view;
  }
  void checkWeights() const override {
    if (Altered)
      throw Error("'model.bin' was altered");
  }
  const std::byte *weights() const override {
    return reinterpret_cast<const std::byte *>(Values);
  }

  format::Manifest Facts;
  bool Altered = false; ///< found only by the check of the weights
  std::string Json;
  std::vector<DeviceCode> Code;
  float Values[6] = {0.5f, 1, 2, 3, 4, 5};
};

/// After token t comes 3 t + 1, modulo the vocabulary, or else 3 t + 2.
class FakeEngine : public Engine {
public:
  /// Called with every batch before it is run, if there is any.
  std::function<void(const std::vector<Piece> &)> onRun;
  /// Is told of each step that chooses whether it is to go on, if there is any.
  std::vector<bool> *Aheads = nullptr;

  /// `runs`, if any, is told the tokens of each piece and step. The meter moves
  /// on after `meterSeconds` only.
  FakeEngine(const Image &image, const EngineOptions &options,
             std::string device, std::vector<int64_t> *runs = nullptr,
             double meterSeconds = 0)
      : Wanted(options), Device(std::move(device)),
        Vocab(image.manifest().model.vocab), Runs(runs),
        MeterSeconds(meterSeconds) {
    Wanted.chunk = 32;
  }

  /// What a token takes.
  static constexpr double kJoules = 0.25;

  int64_t after(int64_t token) const { return (3 * token + 1) % Vocab; }

  int open() override {
    for (int id = 0; id < Wanted.sequences; ++id)
      if (Lengths.emplace(id, 0).second)
        return id;
    throw std::logic_error("too many sequences");
  }
  void close(int sequence) override {
    if (Lengths.erase(sequence) == 0)
      throw std::logic_error("closed twice");
  }
  int64_t length(int sequence) const override { return Lengths.at(sequence); }
  const EngineOptions &options() const override { return Wanted; }
  std::string describe() const override { return Device; }
  MemoryUse memoryUse() const override { return {1000000, 2000000, 3, 4}; }

  void run(const std::vector<Piece> &batch) override {
    if (onRun)
      onRun(batch);
    for (const Piece &piece : batch) {
      append(piece.sequence, piece.position, piece.count);
      for (int64_t i = piece.firstRow; i < piece.count; ++i) {
        if (piece.logits)
          row(piece.tokens[i], piece.logits + (i - piece.firstRow) * Vocab);
        if (piece.losses)
          piece.losses[i] =
              piece.targets[i] == after(piece.tokens[i]) ? 0.0f : 2.0f;
      }
    }
  }
  void decode(const std::vector<Step> &steps, float *logits) override {
    for (const Step &step : steps) {
      append(step.sequence, step.position, 1);
      row(step.token, logits);
      logits += Vocab;
    }
  }
  void decodeGreedy(const std::vector<Step> &steps, bool ahead,
                    int32_t *chosen) override {
    if (Aheads)
      Aheads->push_back(ahead);
    for (const Step &step : steps) {
      append(step.sequence, step.position, 1);
      *chosen++ = static_cast<int32_t>(after(step.token));
    }
  }
  void decodeDrawn(const std::vector<Step> &steps, const std::vector<Draw> &,
                   const std::vector<Draw> &ahead, int32_t *chosen) override {
    decodeGreedy(steps, !ahead.empty(), chosen);
  }
  void decodeMany(const std::vector<Step> &steps, int64_t count) override {
    for (const Step &step : steps)
      append(step.sequence, step.position, count);
  }

  double streamingRate() override { return 2e9; }
  std::optional<double> joules() override {
    if (SinceMove.seconds() >= MeterSeconds) {
      Metered = Tokens;
      SinceMove = Stopwatch();
    }
    return kJoules * static_cast<double>(Metered);
  }
  double meterSeconds() const override { return MeterSeconds; }

private:
  void append(int sequence, int64_t position, int64_t count) {
    int64_t &length = Lengths.at(sequence);
    if (position > length || count < 1)
      throw std::logic_error("tokens out of place");
    length = position + count;
    Tokens += count;
    if (Runs)
      Runs->push_back(count);
    if (length > Wanted.context)
      throw std::logic_error("the cache is too small");
  }
  void row(int32_t token, float *out) const {
    std::fill_n(out, Vocab, 0.0f);
    out[(after(token) + 1) % Vocab] = 4;
    out[after(token)] = 8;
  }

  EngineOptions Wanted;
  std::string Device;
  int64_t Vocab;
  std::vector<int64_t> *Runs;
  std::map<int, int64_t> Lengths;
  int64_t Tokens = 0;
  double MeterSeconds;
  Stopwatch SinceMove;
  int64_t Metered = 0; ///< tokens
};

} // namespace qzc::runtime

#endif // QZC_TEST_UNIT_APP_FAKEMODEL_H
