//===- FakeModel.h - An image and an engine without weights -----*- C++ -*-===//

#ifndef QZC_TEST_UNIT_APP_FAKEMODEL_H
#define QZC_TEST_UNIT_APP_FAKEMODEL_H

#include "qzc/Runtime/App/App.h"

#include <algorithm>
#include <fstream>
#include <iterator>

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
  const std::byte *weights() const override {
    return reinterpret_cast<const std::byte *>(Values);
  }

  format::Manifest Facts;
  std::string Json;
  std::vector<DeviceCode> Code;
  float Values[6] = {0.5f, 1, 2, 3, 4, 5};
};

/// After token t comes 3 t + 1, modulo the vocabulary, or else 3 t + 2.
class FakeEngine : public Engine {
public:
  /// `runs`, if any, is told the tokens of each call.
  FakeEngine(const Image &image, const EngineOptions &options,
             std::string device, std::vector<int64_t> *runs = nullptr)
      : Wanted(options), Device(std::move(device)),
        Vocab(image.manifest().model.vocab), Runs(runs) {}

  int64_t after(int64_t token) const { return (3 * token + 1) % Vocab; }

  void reset() override { Position = 0; }
  void rewind(int64_t position) override { Position = position; }
  int64_t position() const override { return Position; }
  const EngineOptions &options() const override { return Wanted; }
  std::string describe() const override { return Device; }
  MemoryUse memoryUse() const override { return {1000000, 2000000, 3, 4}; }

  void prefill(const int32_t *tokens, int64_t count,
               float *lastLogits) override {
    advance(count);
    if (lastLogits)
      row(tokens[count - 1], lastLogits);
  }
  void logits(const int32_t *tokens, int64_t count, float *out) override {
    advance(count);
    for (int64_t i = 0; i < count; ++i)
      row(tokens[i], out + i * Vocab);
  }
  void score(const int32_t *tokens, const int32_t *targets, int64_t count,
             int64_t firstScored, float *losses) override {
    advance(count);
    for (int64_t i = firstScored; i < count; ++i)
      losses[i] = targets[i] == after(tokens[i]) ? 0.0f : 2.0f;
  }
  void decode(int32_t token, float *logits) override {
    advance(1);
    row(token, logits);
  }
  int32_t decodeGreedy(int32_t token) override {
    advance(1);
    return static_cast<int32_t>(after(token));
  }
  void decodeMany(int32_t, int64_t count) override { advance(count); }

  double streamingRate() override { return 2e9; }
  std::optional<double> joules() override { return Joules += 3; }

private:
  void advance(int64_t count) {
    Position += count;
    if (Runs && count > 0)
      Runs->push_back(count);
    if (Position > Wanted.context)
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
  int64_t Position = 0;
  double Joules = 0;
};

} // namespace qzc::runtime

#endif // QZC_TEST_UNIT_APP_FAKEMODEL_H
