//===- Sequence.h - One sequence of an engine -------------------*- C++ -*-===//

#ifndef QZC_RUNTIME_SEQUENCE_H
#define QZC_RUNTIME_SEQUENCE_H

#include "qzc/Runtime/Engine.h"

namespace qzc::runtime {

/// A sequence that is open as long as this lives, and where it goes on. All
/// calls append to it, as those of the engine do.
class Sequence {
public:
  /// `engine` outlives it.
  explicit Sequence(Engine &engine) : Owner(engine), Id(engine.open()) {}
  ~Sequence() { Owner.close(Id); }
  Sequence(const Sequence &) = delete;
  Sequence &operator=(const Sequence &) = delete;

  int id() const { return Id; }
  int64_t position() const { return Position; }
  /// Forgets the positions from this one on, at most position().
  void rewind(int64_t position) { Position = position; }

  /// If lastLogits is not null it receives the logits [vocab] after the last.
  void prefill(const int32_t *tokens, int64_t count, float *lastLogits) {
    Piece piece = this->piece(tokens, count);
    piece.firstRow = lastLogits ? count - 1 : count;
    piece.logits = lastLogits;
    run(piece);
  }
  /// Logits [count, vocab].
  void logits(const int32_t *tokens, int64_t count, float *out) {
    Piece piece = this->piece(tokens, count);
    piece.logits = out;
    run(piece);
  }
  /// Losses of rows [firstScored, count).
  void score(const int32_t *tokens, const int32_t *targets, int64_t count,
             int64_t firstScored, float *losses) {
    Piece piece = this->piece(tokens, count);
    piece.firstRow = firstScored;
    piece.targets = targets;
    piece.losses = losses;
    run(piece);
  }

  void decode(int32_t token, float *logits) {
    Owner.decode({step(token)}, logits);
    ++Position;
  }
  /// `ahead`: what is chosen will probably be decoded next, in the same way.
  int32_t decodeGreedy(int32_t token, bool ahead = false) {
    int32_t chosen = 0;
    Owner.decodeGreedy({step(token)}, ahead, &chosen);
    ++Position;
    return chosen;
  }
  int32_t decodeDrawn(int32_t token, const Draw &draw,
                      const std::vector<Draw> &ahead = {}) {
    int32_t chosen = 0;
    Owner.decodeDrawn({step(token)}, {draw}, ahead, &chosen);
    ++Position;
    return chosen;
  }
  void decodeMany(int32_t token, int64_t count) {
    Owner.decodeMany({step(token)}, count);
    Position += count;
  }

  /// What comes next, to be run with other sequences; `advance` after it.
  Step step(int32_t token) const { return {Id, Position, token}; }
  Piece piece(const int32_t *tokens, int64_t count) const {
    Piece piece;
    piece.sequence = Id;
    piece.position = Position;
    piece.tokens = tokens;
    piece.count = count;
    return piece;
  }
  void advance(int64_t count) { Position += count; }

private:
  void run(const Piece &piece) {
    if (piece.count > 0)
      Owner.run({piece});
    Position += piece.count;
  }

  Engine &Owner;
  int Id;
  int64_t Position = 0;
};

} // namespace qzc::runtime

#endif // QZC_RUNTIME_SEQUENCE_H
