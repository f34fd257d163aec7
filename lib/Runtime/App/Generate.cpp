//===- Generate.cpp - --prompt: continuing a text -------------------------===//

#include "Generator.h"
#include "qzc/Support/Error.h"

namespace qzc::runtime {

static std::vector<int32_t>
encodePrompt(const Session &session, const tokenizer::Tokenizer &tokenizer) {
  const Options &options = session.options();
  std::string text = options.promptFile.empty() ? options.prompt
                                                : readText(options.promptFile);
  if (auto at = tokenizer::firstInvalidUtf8(text))
    throw Error("--prompt: not UTF-8 at byte " + std::to_string(*at));
  std::vector<int32_t> ids = tokenizer.encode(text, /*addSpecial=*/true);
  const format::ModelInfo &model = session.model();
  // BOS is the tokenizer's business, but an empty prompt needs something to
  // start from.
  if (model.bos && ids.empty())
    ids.push_back(static_cast<int32_t>(*model.bos));
  if (ids.empty())
    throw Error("the prompt is empty, and the model has no BOS token to start "
                "from");
  session.checkIds(ids, "the prompt");
  return ids;
}

void generate(const Session &session) {
  tokenizer::Tokenizer tokenizer = session.readTokenizer();
  std::vector<int32_t> prompt = encodePrompt(session, tokenizer);
  Room room = roomFor(session, static_cast<int64_t>(prompt.size()));
  auto engine = session.createEngine(room.context);
  Sequence text(*engine);
  Generator::Result result =
      Generator(session, tokenizer).run(text, prompt, /*known=*/0, room.count);
  session.output().write("\n");
  reportSpeed(result, prompt.size());
}

} // namespace qzc::runtime
