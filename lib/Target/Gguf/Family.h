//===- Family.h - How a family's model becomes a GGUF -----------*- C++ -*-===//
//
// A family is one file in Families/: a table of names, a function that writes
// the hyper-parameters, and a row in Family.cpp.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_LIB_TARGET_GGUF_FAMILY_H
#define QZC_LIB_TARGET_GGUF_FAMILY_H

#include "Graph.h"

#include "qzc/Target/Gguf/Gguf.h"

#include <string_view>
#include <vector>

namespace qzc::gguf {

/// What a tensor is called on both sides, without ".weight" and ".bias".
struct TensorName {
  /// End of the Hugging Face name, from the start of one of its dotted parts;
  /// '#' stands for the block's number.
  std::string_view source;
  std::string_view name; ///< in the GGUF, '#' likewise
  /// Role of the weight, as qz::weightRole gives it; of one that the GGUF has
  /// whole and the module in parts, all of theirs: "q k v".
  std::string_view role;
  bool optional = false; ///< may be missing
};

struct Family {
  std::string_view name;         ///< qz.model's `family`
  std::string_view architecture; ///< general.architecture
  bool stock;                    ///< whether llama.cpp has the architecture
  /// Whether it turns neighbouring elements of q and k (2i and 2i + 1) where
  /// the source turns i and i + half: rows are then interleaved.
  bool interleaves;
  std::vector<TensorName> tensors;
  /// Adds "ARCHITECTURE.…" to the metadata and computed tensors to the plan;
  /// refuses a graph that the architecture does not compute.
  void (*describe)(const Graph &graph, Plan &plan);
};

/// Throws qzc::Error for a family that has no GGUF form, with those that do.
const Family &familyOf(std::string_view name);

extern const Family kLlama;
extern const Family kGpt2;
extern const Family kOpt;

} // namespace qzc::gguf

#endif // QZC_LIB_TARGET_GGUF_FAMILY_H
