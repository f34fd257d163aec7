//===- GreedyTexts.cpp - Several texts continued at once ------------------===//

#include "GreedyTexts.h"

#include "StopText.h"
#include "Together.h"
#include "qzc/Runtime/Argmax.h"
#include "qzc/Runtime/Sequence.h"

#include <algorithm>
#include <memory>

namespace qzc::runtime {

namespace {

/// One of the texts, as far as it is written.
class Writing {
public:
  Writing(Engine &engine, const tokenizer::Tokenizer &words,
          const GreedyPrompt &prompt)
      : Text(engine), Prompt(prompt), Decoder(words, /*startsText=*/false),
        Stop(prompt.stops) {}

  Piece piece(float *lastLogits) const {
    Piece piece = Text.piece(Prompt.tokens.data(),
                             static_cast<int64_t>(Prompt.tokens.size()));
    piece.firstRow = piece.count - 1;
    piece.logits = lastLogits;
    return piece;
  }
  Step step() const { return Text.step(Last); }
  bool isDone() const { return Done; }
  /// Whether there may be one more behind the next token.
  bool mayGoOn() const { return Made + 1 < Prompt.most; }

  /// The sequence has `count` tokens more, after which `token` is likeliest.
  void take(int64_t count, int32_t token, const std::vector<int64_t> &ends) {
    Text.advance(count);
    Last = token;
    ++Made;
    Done = std::find(ends.begin(), ends.end(), token) != ends.end();
    if (Done)
      return;
    Out += Stop.push(Decoder.push(token));
    Done = Stop.stopped() || Made == Prompt.most;
  }
  std::string finish() {
    Out += Stop.push(Decoder.finish());
    return Out + Stop.finish();
  }

private:
  Sequence Text;
  const GreedyPrompt &Prompt;
  tokenizer::StreamDecoder Decoder;
  StopText Stop;
  std::string Out;
  int32_t Last = 0;
  int64_t Made = 0;
  bool Done = false;
};

/// Appends the texts that follow prompts [first, first + count) to `texts`,
/// once all are written.
void writeTogether(Engine &engine, const tokenizer::Tokenizer &words,
                   const format::ModelInfo &model,
                   const std::vector<GreedyPrompt> &prompts, size_t first,
                   size_t count, std::vector<std::string> &texts) {
  std::vector<std::unique_ptr<Writing>> all;
  std::vector<float> logits(count * static_cast<size_t>(model.vocab));
  std::vector<Piece> batch;
  for (size_t i = first; i != first + count; ++i) {
    all.push_back(std::make_unique<Writing>(engine, words, prompts[i]));
    batch.push_back(all.back()->piece(
        logits.data() + static_cast<int64_t>(batch.size()) * model.vocab));
  }
  engine.run(batch);
  for (size_t i = 0; i != all.size(); ++i)
    all[i]->take(batch[i].count, argmax(batch[i].logits, model.vocab),
                 model.eos);
  for (;;) {
    std::vector<Writing *> active;
    std::vector<Step> steps;
    for (const auto &writing : all)
      if (!writing->isDone()) {
        active.push_back(writing.get());
        steps.push_back(writing->step());
      }
    if (active.empty())
      break;
    std::vector<int32_t> chosen(steps.size());
    // Of several some may end, which would cost the others a step.
    const bool ahead = active.size() == 1 && active.front()->mayGoOn();
    engine.decodeGreedy(steps, ahead, chosen.data());
    for (size_t i = 0; i != active.size(); ++i)
      active[i]->take(1, chosen[i], model.eos);
  }
  for (const auto &writing : all)
    texts.push_back(writing->finish());
}

} // namespace

std::vector<std::string>
continueGreedily(Engine &engine, const tokenizer::Tokenizer &words,
                 const format::ModelInfo &model,
                 const std::vector<GreedyPrompt> &prompts) {
  std::vector<std::string> texts;
  runTogether(0, prompts.size(), [&](size_t first, size_t count) {
    writeTogether(engine, words, model, prompts, first, count, texts);
  });
  return texts;
}

} // namespace qzc::runtime
