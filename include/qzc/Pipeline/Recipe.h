//===- Recipe.h - How the weights of a model are stored ---------*- C++ -*-===//
//
// What the selection's options say, as a file that they can be read from and
// written to: JSON with the keys quantize, blocks, components, block-size,
// double-quant, requantize, mix, method, dtype, and rules, a list of {"match":
// REGEX, "as": SPEC}. Every key may be left out.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_PIPELINE_RECIPE_H
#define QZC_PIPELINE_RECIPE_H

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace qzc::pipeline {

struct Recipe {
  std::string scheme = "none"; ///< a storage spec (Format/Scheme.h)
  std::string blocks;          ///< "0:12,20:" or empty: all
  std::string components;      ///< "attn,head" or empty: the default selection
  int64_t blockSize = 0;       ///< 0: the spec's own
  bool doubleQuant = false;
  bool requantize = false;        ///< what the checkpoint holds quantized, too
  std::string mix;                ///< a file type of llama-quantize, or empty
  std::vector<std::string> rules; ///< REGEX=SPEC, the last that matches counts
  /// How codes are chosen; nothing: mse under a budget, rtn without one.
  std::optional<std::string> method;
  std::string dtype; ///< empty: as imported
};

/// The options that say the same, in canonical form.
std::string describe(const Recipe &recipe);

/// Reads a recipe. Throws qzc::Error, with the file and the key, on what is
/// none.
Recipe readRecipe(const std::string &path);
/// The text of a recipe's file.
std::string writeRecipe(const Recipe &recipe);

} // namespace qzc::pipeline

#endif // QZC_PIPELINE_RECIPE_H
