//===- StorageRules.cpp - REGEX=SPEC, in order ----------------------------===//

#include "StorageRules.h"

using namespace mlir;

namespace qzc::qz {

FailureOr<format::StorageSpec> parseSpec(StringRef text, EmitError emitError) {
  auto spec = format::parseStorage({text.data(), text.size()});
  if (!spec)
    return emitError() << "unknown scheme '" << text << "'; known are "
                       << format::storageHelp();
  return *spec;
}

LogicalResult checkSpec(const format::StorageSpec &spec, EmitError emitError) {
  if (spec.scheme != format::Scheme::None)
    return success();
  if (spec.blockSize != 0)
    return emitError() << "scheme none has no block size";
  if (spec.scales == format::ScaleCodec::Double)
    return emitError() << "scheme none has no double quantization";
  if (spec.scales == format::ScaleCodec::Asym)
    return emitError() << "scheme none has no zero points";
  if (spec.scales == format::ScaleCodec::Absmax)
    return emitError() << "scheme none has no absmax";
  return success();
}

LogicalResult parseRules(ArrayRef<std::string> rules, EmitError emitError,
                         std::vector<StorageRule> &parsed) {
  for (const std::string &text : rules) {
    auto inRule = [&] { return emitError() << "rule '" << text << "': "; };
    auto [pattern, storage] = StringRef(text).rsplit('=');
    if (pattern.empty() || storage.empty())
      return inRule() << "is no REGEX=SPEC";
    StorageRule rule = {text, llvm::Regex(pattern), {}};
    std::string problem;
    if (!rule.regex.isValid(problem))
      return inRule() << "is no extended regular expression: " << problem;
    FailureOr<format::StorageSpec> spec = parseSpec(storage, inRule);
    if (failed(spec) || failed(checkSpec(*spec, inRule)))
      return failure();
    rule.spec = *spec;
    parsed.push_back(std::move(rule));
  }
  return success();
}

} // namespace qzc::qz
