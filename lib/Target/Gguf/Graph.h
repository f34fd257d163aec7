//===- Graph.h - What a graph says about its architecture -------*- C++ -*-===//
//
// An architecture of GGUF is a fixed program with hyper-parameters. This reads
// the hyper-parameters off a graph and refuses what the program would not do.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_LIB_TARGET_GGUF_GRAPH_H
#define QZC_LIB_TARGET_GGUF_GRAPH_H

#include "qzc/Dialect/Qz/IR/QzDialect.h"
#include "qzc/Support/Error.h"

#include <initializer_list>
#include <optional>
#include <string>

namespace qzc::gguf {

class Graph {
public:
  /// Throws qzc::Error where operations are fused already.
  Graph(qz::ModelOp model, std::string architecture);

  qz::ModelOp model() const { return Model; }

  /// Throws: "the GGUF architecture NAME has no WHAT".
  [[noreturn]] void refuse(const std::string &what) const;

  /// Refuses compute operations of other names ("rms_norm").
  void allowOnly(std::initializer_list<llvm::StringRef> names) const;

  /// What `get` returns for every operation of a kind that `counts`; refuses
  /// graphs in which it differs, or that have none.
  template <typename Op, typename Get, typename Counts>
  auto uniform(const std::string &what, Get get, Counts counts) const {
    std::optional<decltype(get(Op()))> found;
    Model->walk([&](Op op) {
      if (!counts(op))
        return;
      auto value = get(op);
      if (found && *found != value)
        refuse(what + " that differ between layers");
      found = value;
    });
    if (!found)
      refuse("graph without " + what);
    return *found;
  }
  template <typename Op, typename Get>
  auto uniform(const std::string &what, Get get) const {
    return uniform<Op>(what, get, [](Op) { return true; });
  }

  struct Heads {
    int64_t count;
    int64_t keyValue;
    int64_t dim;
  };
  /// Heads of attention that does nothing but scale by 1 / sqrt(dim).
  Heads plainAttention() const;
  /// Outputs of the feed-forward's first layer.
  int64_t feedForward() const;
  /// The only activation.
  qz::Activation activation() const;
  double rmsNormEpsilon() const;
  double layerNormEpsilon() const;

private:
  qz::ModelOp Model;
  std::string Architecture;
};

} // namespace qzc::gguf

#endif // QZC_LIB_TARGET_GGUF_GRAPH_H
