//===- DecodeStep.h - One token for each of some sequences ------*- C++ -*-===//

#ifndef QZC_LIB_RUNTIME_CUDA_DECODESTEP_H
#define QZC_LIB_RUNTIME_CUDA_DECODESTEP_H

#include "PassState.h"
#include "qzc/Runtime/Engine.h"

#include <cstddef>
#include <vector>

namespace qzc::runtime {

/// How a decode step ends.
enum class Choice { Likeliest, Drawn };

/// What a decode step does for each of its sequences.
struct DecodeStep {
  std::vector<Step> steps;
  Choice choice = Choice::Likeliest;
  std::vector<Draw> draws; ///< of Choice::Drawn

  bool operator==(const DecodeStep &other) const;
  /// Sequences [begin, end) of it.
  DecodeStep part(size_t begin, size_t end) const;
  /// The one behind it, of tokens that nobody knows yet.
  DecodeStep next(std::vector<Draw> nextDraws) const;
  /// What the device is told of it.
  std::vector<TokenRow> rows() const;
  /// Whether its tokens are what the step before leaves on the device.
  bool goesOn() const { return steps.front().token == kUnknownToken; }
};

/// Whether the device draws so.
bool isOnDevice(const std::vector<Draw> &draws);

} // namespace qzc::runtime

#endif // QZC_LIB_RUNTIME_CUDA_DECODESTEP_H
