//===- Graph.cpp - What a graph says about its architecture ---------------===//

#include "Graph.h"

#include <cmath>

namespace qzc::gguf {

using namespace mlir;

Graph::Graph(qz::ModelOp model, std::string architecture)
    : Model(model), Architecture(std::move(architecture)) {
  Model.walk([](Operation *op) {
    auto attention = dyn_cast<qz::AttentionOp>(op);
    auto linear = dyn_cast<qz::LinearOp>(op);
    if (isa<qz::LinearGroupOp, qz::GatedLinearOp>(op) ||
        (attention && attention.getRope()) ||
        (linear && (linear.getResidual() ||
                    linear.getActivation() != qz::Activation::None)))
      throw Error("the module is fused already: --gguf needs it as qz-import "
                  "wrote it");
  });
}

void Graph::refuse(const std::string &what) const {
  throw Error("--gguf: the GGUF architecture '" + Architecture + "' has no " +
              what);
}

void Graph::allowOnly(std::initializer_list<StringRef> names) const {
  Model->walk([&](Operation *op) {
    StringRef name = op->getName().stripDialect();
    if (!isa<qz::ModelOp, qz::FileOp, qz::GraphOp, qz::BlockOp, qz::YieldOp,
             qz::ReturnOp, qz::ParamOp, qz::RowsOp>(op) &&
        !llvm::is_contained(names, name))
      refuse("operation like qz." + name.str());
  });
}

Graph::Heads Graph::plainAttention() const {
  using Op = qz::AttentionOp;
  const Heads heads = {
      uniform<Op>("heads", [](Op op) { return op.getHeads(); }),
      uniform<Op>("key-value heads", [](Op op) { return op.getKvHeads(); }),
      uniform<Op>("heads' sizes", [](Op op) { return op.getHeadDim(); })};
  const double scale = 1.0 / std::sqrt(static_cast<double>(heads.dim));
  Model->walk([&](Op op) {
    if (op.getWindow())
      refuse("attention windows");
    if (op.getSoftCap())
      refuse("soft caps");
    if (op.getAlibi())
      refuse("ALiBi");
    if (std::fabs(op.getScale() / scale - 1) > 1e-6)
      refuse("attention scaled by anything but 1 / sqrt(head size)");
  });
  return heads;
}

int64_t Graph::feedForward() const {
  using Op = qz::LinearOp;
  return uniform<Op>(
      "feed-forwards",
      [](Op op) { return qz::columnsOf(op.getResult().getType()); },
      [](Op op) { return op.getRole() == qz::LinearRole::Up; });
}

qz::Activation Graph::activation() const {
  using Op = qz::ActivateOp;
  return uniform<Op>("activations", [](Op op) { return op.getActivation(); });
}

double Graph::rmsNormEpsilon() const {
  using Op = qz::RmsNormOp;
  Model->walk([&](Op op) {
    if (op.getUnitOffset())
      refuse("norms with an offset");
  });
  return uniform<Op>("epsilons", [](Op op) { return op.getEpsilon(); });
}

double Graph::layerNormEpsilon() const {
  using Op = qz::LayerNormOp;
  return uniform<Op>("epsilons", [](Op op) { return op.getEpsilon(); });
}

} // namespace qzc::gguf
