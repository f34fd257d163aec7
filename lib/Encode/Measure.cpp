//===- Measure.cpp - What encoding did to each weight ---------------------===//

#include "qzc/Encode/Measure.h"

#include "qzc/Encode/OutputError.h"
#include "qzc/Encode/Stream.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>
#include <optional>

using namespace qzc;
using namespace qzc::encode;
using format::Tensor;

double WeightError::signalToNoise() const {
  if (squaredErrors == 0)
    return std::numeric_limits<double>::infinity();
  return 10 * std::log10(squares / squaredErrors);
}

double WeightError::cosine() const {
  if (squares == 0 && storedSquares == 0)
    return 1;
  if (squares == 0 || storedSquares == 0)
    return 0;
  return std::min(1.0,
                  products / std::sqrt(squares) / std::sqrt(storedSquares));
}

void WeightError::add(const WeightError &part) {
  ErrorSums::add(part);
  outputErrors += part.outputErrors;
  outputSquares += part.outputSquares;
}

namespace {
/// One thread's memory.
struct Workspace {
  std::vector<float> source;
  std::vector<float> stored;
  std::array<std::vector<std::byte>, 4> parts;
};
} // namespace

/// Decodes the stored elements of a piece.
static void decodePiece(const Tensor &tensor, const Piece &piece,
                        const SectionReader &read, Workspace &workspace) {
  const int64_t count = piece.end - piece.begin;
  format::PackedView view;
  view.shape = format::pieceShape(tensor.shape, count);
  size_t index = 0;
  for (const format::PartLayout &part : format::layout(tensor.shape)) {
    const uint64_t begin = format::partBytes(tensor.shape, index, piece.begin);
    const uint64_t end = format::partBytes(tensor.shape, index, piece.end);
    std::vector<std::byte> &bytes = workspace.parts[index];
    bytes.resize(end - begin);
    read(tensor.offset + part.offset + begin, bytes.data(), bytes.size());
    view.parts[index++] = bytes.data();
  }
  workspace.stored.resize(static_cast<size_t>(count));
  format::decodeRows(view, 0, view.shape.rows, workspace.stored.data());
}

/// What was scaled is compared as it was before.
static void unscale(const StreamedWeight &weight, const Piece &piece,
                    Workspace &workspace) {
  if (!weight.factors)
    return;
  for (std::vector<float> *values : {&workspace.source, &workspace.stored})
    weight.factors->undo(piece.begin, piece.end - piece.begin,
                         weight.source.width(), values->data());
}

/// Of whole rows; leaves their errors in place of the stored values.
static void compareOutputs(const InputStatistics &input, Workspace &workspace,
                           WeightError &error) {
  const auto rows =
      static_cast<int64_t>(workspace.source.size()) / input.columns;
  error.outputSquares = outputSquares(input, workspace.source.data(), rows);
  for (size_t i = 0; i < workspace.source.size(); ++i)
    workspace.stored[i] -= workspace.source[i];
  error.outputErrors = outputSquares(input, workspace.stored.data(), rows);
}

/// The products of the inputs of a quantized layer.
static std::optional<InputStatistics> inputOf(const Tensor &tensor,
                                              const Statistics *statistics) {
  if (!statistics || tensor.shape.scheme == format::Scheme::None)
    return std::nullopt;
  const std::optional<InputStatistics> input =
      statistics->find(tensor.source.name);
  if (!input || !input->products)
    return std::nullopt;
  return input;
}

std::vector<WeightError>
encode::measureWeights(const std::vector<Tensor> &tensors,
                       const std::vector<format::Factors> &factors,
                       const std::vector<WeightRef> &refs,
                       const WeightSources &sources, const SectionReader &read,
                       ThreadPool &pool, const Statistics *statistics) {
  std::vector<StreamedWeight> weights;
  std::vector<std::optional<InputStatistics>> inputs;
  std::vector<Piece> pieces;
  for (size_t i = 0; i < tensors.size(); ++i) {
    const format::PackedShape &shape = tensors[i].shape;
    inputs.push_back(inputOf(tensors[i], statistics));
    // Outputs are of whole rows.
    const int64_t cuts = format::pieceUnit(shape);
    weights.push_back({tensors[i].source, refs[i], shape.rows * shape.cols,
                       inputs[i] ? std::lcm(cuts, shape.cols) : cuts,
                       /*asStored=*/false,
                       factors[i].any() ? &factors[i] : nullptr});
    const std::vector<Piece> more = piecesOf(weights[i], i);
    pieces.insert(pieces.end(), more.begin(), more.end());
  }
  std::vector<WeightError> sums(pieces.size());
  std::vector<Workspace> workspaces(static_cast<size_t>(pool.threads()));
  pool.parallelFor(
      static_cast<int64_t>(pieces.size()), 1,
      [&](int64_t begin, int64_t end, int worker) {
        Workspace &workspace = workspaces[static_cast<size_t>(worker)];
        for (int64_t i = begin; i < end; ++i) {
          const Piece &piece = pieces[static_cast<size_t>(i)];
          readPiece(weights[piece.weight], piece, sources, workspace.source);
          decodePiece(tensors[piece.weight], piece, read, workspace);
          unscale(weights[piece.weight], piece, workspace);
          WeightError &error = sums[static_cast<size_t>(i)];
          error = {format::compareValues(workspace.source.data(),
                                         workspace.stored.data(),
                                         piece.end - piece.begin)};
          if (inputs[piece.weight])
            compareOutputs(*inputs[piece.weight], workspace, error);
        }
      });
  std::vector<WeightError> errors(tensors.size());
  for (size_t i = 0; i < pieces.size(); ++i)
    errors[pieces[i].weight].add(sums[i]);
  return errors;
}
