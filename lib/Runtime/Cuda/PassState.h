//===- PassState.h - What the device is told of a pass ----------*- C++ -*-===//

#ifndef QZC_LIB_RUNTIME_CUDA_PASSSTATE_H
#define QZC_LIB_RUNTIME_CUDA_PASSSTATE_H

#include "qzc/Runtime/Cuda/Device.h"
#include "qzc/Runtime/Cuda/DeviceState.h"
#include "qzc/Runtime/Cuda/Workspace.h"
#include "qzc/Runtime/SequenceTable.h"

#include <climits>
#include <cstdint>
#include <vector>

namespace qzc::runtime {

/// A token that no host knows.
inline constexpr int kUnknownToken = INT_MIN;

/// Where a sequence of a batch goes on.
struct SequenceStart {
  int sequence = 0;
  int64_t position = 0;
};

/// The host's part of the structs in DeviceState.h: knows what the device has,
/// and copies what differs.
class PassState {
public:
  /// All three outlive it.
  PassState(const Device &device, const DeviceLayout &layout,
            const WorkspacePlan &sizes);

  /// Tells of sequences of a prepared batch where their pages are; those that
  /// begin anew have no keys and values out of range.
  void setSequences(const std::vector<SequenceStart> &batch,
                    const SequenceTable &table);
  /// Tells of the tokens of a pass, and how many rows its head has.
  void setRows(const std::vector<TokenRow> &rows, int64_t headRows);
  void setHeadRows(int64_t rows);

  /// The device has decoded so many tokens of each sequence, the last of which
  /// no host knows.
  void advance(const std::vector<Step> &steps, int64_t count);
  /// Rows of the last pass.
  size_t rowCount() const { return Rows.size(); }
  /// What was read back of them.
  void learnTokens(const TokenRow *rows);

private:
  /// The beginning of DeviceState.
  struct Counts {
    int tokens = 0;
    int headRows = 0;
  };
  void setCounts(Counts counts);

  const Device &Gpu;
  const DeviceLayout &Layout;
  const WorkspacePlan &Sizes;
  // What the device has.
  Counts Known;
  std::vector<TokenRow> Rows;
  std::vector<uint64_t> Pages;
};

} // namespace qzc::runtime

#endif // QZC_LIB_RUNTIME_CUDA_PASSSTATE_H
