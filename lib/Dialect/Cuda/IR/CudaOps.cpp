//===- CudaOps.cpp - Verifiers of the cuda dialect ------------------------===//
//
// Everything but `cuda.launch`, which is in CudaLaunch.cpp. The numbers in
// parentheses are those of the constraints in CudaOps.td.
//
//===----------------------------------------------------------------------===//

#include "qzc/Dialect/Cuda/IR/CudaDialect.h"

#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/MathExtras.h"

#include <set>

using namespace mlir;
using namespace qzc::cuda;

/// Threads of a block, on every GPU.
static constexpr int64_t kMostThreads = 1024;

//===----------------------------------------------------------------------===//
// ProgramOp
//===----------------------------------------------------------------------===//

/// C1.
static LogicalResult verifyLists(ProgramOp program) {
  std::set<ListKind> kinds;
  int64_t sequences = 1;
  for (ListOp list : program.block().getOps<ListOp>()) {
    if (list.getKind() != ListKind::Batch) {
      if (!kinds.insert(list.getKind()).second)
        return list.emitOpError("is there before (C1)");
      continue;
    }
    const int64_t most = *list.getSequences();
    if (most <= sequences ||
        most > static_cast<int64_t>(program.getDecodeBatch()))
      return list.emitOpError("is for ")
             << most << " sequences, which is not between " << sequences
             << " and the largest decode pass (C1)";
    sequences = most;
  }
  return success();
}

/// C3 and C4 of one of the two parts.
static LogicalResult verifyScratch(ProgramOp program, bool perToken,
                                   std::optional<int64_t> size) {
  struct Placed {
    uint64_t begin, end;
    bool operator<(const Placed &other) const { return begin < other.begin; }
  };
  std::set<Placed> placed;
  if (const int64_t before = perToken ? 0 : program.decodeArenaBytes();
      size && before > 0) {
    if (before > *size)
      return program.emitOpError("has buffers of decode that end at ")
             << before << " of " << *size << " bytes of scratch (C4)";
    placed.insert({0, static_cast<uint64_t>(before)});
  }
  for (ScratchOp scratch : program.block().getOps<ScratchOp>()) {
    if (scratch.getPerToken() != perToken)
      continue;
    const std::optional<int64_t> place = scratch.getPlace();
    if (place.has_value() != size.has_value())
      return scratch.emitOpError(
          "must have a place exactly where its program has the scratch's "
          "size (C3)");
    if (!place)
      continue;
    const auto begin = static_cast<uint64_t>(*place);
    const uint64_t end = begin + scratch.paddedBytes();
    if (end > static_cast<uint64_t>(*size))
      return scratch.emitOpError("ends at ")
             << end << " of " << *size << " bytes of scratch (C4)";
    const auto after = placed.lower_bound({begin, end});
    const bool meets =
        (after != placed.end() && after->begin < end) ||
        (after != placed.begin() && std::prev(after)->end > begin);
    if (meets && begin != end)
      return scratch.emitOpError("shares bytes with another (C4)");
    if (begin != end)
      placed.insert({begin, end});
  }
  return success();
}

/// C6 and C7.
static LogicalResult verifyBuffers(ProgramOp program) {
  // In the order of Arena.
  const std::optional<int64_t> sizes[] = {
      program.getBodyBytes(), program.getHeadBytes(), program.getDecodeBytes()};
  for (const std::optional<int64_t> &size : sizes)
    if (size.has_value() != sizes[0].has_value())
      return program.emitOpError("has the bytes of some of its arenas (C6)");
  for (BufferOp buffer : program.block().getOps<BufferOp>()) {
    const std::optional<int64_t> size =
        sizes[static_cast<size_t>(buffer.getArena())];
    const std::optional<int64_t> place = buffer.getPlace();
    if (place.has_value() != size.has_value())
      return buffer.emitOpError(
          "must have a place exactly where its arena has a size (C6)");
    const auto bytes = static_cast<int64_t>(buffer.bytesPerToken());
    if (place && (*place > *size || bytes > *size - *place))
      return buffer.emitOpError("of ")
             << bytes << " bytes at " << *place << " lies outside the " << *size
             << " bytes of its arena (C7)";
  }
  return success();
}

int64_t ProgramOp::decodeArenaBytes() {
  constexpr uint64_t alignment = 256; // of a cuda.scratch
  const uint64_t bytes = llvm::SaturatingMultiply(
      static_cast<uint64_t>(getDecodeBytes().value_or(0)),
      static_cast<uint64_t>(getDecodeBatch()));
  return static_cast<int64_t>(llvm::alignTo(
      std::min<uint64_t>(bytes, INT64_MAX - alignment), alignment));
}

LogicalResult ProgramOp::verifyRegions() {
  if (failed(verifyLists(*this)))
    return failure();
  const auto page = static_cast<uint64_t>(getPagePositions());
  if (page != 0 && !llvm::isPowerOf2_64(page))
    return emitOpError("has pages of ")
           << page << " positions, no power of two (C2)";
  if (getScratchBytes().has_value() != getScratchBytesPerToken().has_value())
    return emitOpError("has only one of the scratch's sizes (C3)");
  if (failed(verifyScratch(*this, false, getScratchBytes())) ||
      failed(verifyScratch(*this, true, getScratchBytesPerToken())))
    return failure();
  if (llvm::range_size(block().getOps<HiddenOp>()) > 1 ||
      llvm::range_size(block().getOps<LogitsOp>()) > 1)
    return emitOpError("has more than one cuda.hidden or cuda.logits (C5)");
  return verifyBuffers(*this);
}

LogicalResult ListOp::verify() {
  const bool isBatch = getKind() == ListKind::Batch;
  if (getSequences().has_value() != isBatch || (isBatch && *getSequences() < 2))
    return emitOpError("of a batch, and no other, says of how many sequences, "
                       "at least 2 (C1)");
  return success();
}

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

BufferOp qzc::cuda::bufferOf(Value memory) {
  if (auto hidden = memory.getDefiningOp<HiddenOp>())
    memory = hidden.getBuffer();
  return memory.getDefiningOp<BufferOp>();
}

LogicalResult BufferOp::verify() {
  if (getColumns() > INT32_MAX)
    return emitOpError("has ")
           << getColumns() << " columns, more than an int counts (C2)";
  if (bytesPerToken() % 64 != 0)
    return emitOpError("has rows of ")
           << bytesPerToken() << " bytes, no multiple of 64 (C1)";
  if (getPlace() && *getPlace() % 64 != 0)
    return emitOpError("is at ") << *getPlace() << ", no multiple of 64 (C1)";
  return success();
}

/// C1 of cuda.hidden and cuda.logits.
template <typename ResultOp>
static LogicalResult verifyColumns(ResultOp op, Arena arena) {
  auto buffer = op.getBuffer().template getDefiningOp<BufferOp>();
  if (!buffer || buffer.getArena() != arena)
    return op.emitOpError("must be of a buffer of the ")
           << stringifyArena(arena) << " (C1)";
  const int64_t limit = buffer.getColumns();
  if (op.getColumn() > limit || op.getColumns() > limit - op.getColumn())
    return op.emitOpError("of ")
           << op.getColumns() << " columns from " << op.getColumn()
           << " lies outside the buffer's " << limit << " (C1)";
  return success();
}

LogicalResult HiddenOp::verify() { return verifyColumns(*this, Arena::Body); }

LogicalResult LogitsOp::verify() { return verifyColumns(*this, Arena::Head); }

LogicalResult ScratchOp::verify() {
  if (getPlace() && static_cast<uint64_t>(*getPlace()) % alignment() != 0)
    return emitOpError("is at ")
           << *getPlace() << ", no multiple of " << alignment() << " (C1)";
  return success();
}

//===----------------------------------------------------------------------===//
// KernelOp
//===----------------------------------------------------------------------===//

LogicalResult KernelOp::verify() {
  const auto isPartOfName = [](char c) { return llvm::isAlnum(c) || c == '_'; };
  if (getSymName().empty() || llvm::isDigit(getSymName().front()) ||
      !llvm::all_of(getSymName(), isPartOfName))
    return emitOpError("has a name that is no identifier (C1)");
  if (getThreads() > kMostThreads)
    return emitOpError("has ")
           << getThreads() << " threads, more than " << kMostThreads << " (C2)";
  const int64_t most =
      (*this)->getParentOfType<ProgramOp>().getGpu().getGpu().clusterBlocks;
  if (getClusterBlocks() > most)
    return emitOpError("has ")
           << getClusterBlocks() << " blocks a cluster, the GPU has " << most
           << " (C2)";
  for (StringRef type : getParameters().getAsValueRange<StringAttr>())
    if (!type.ends_with("*") && type != "int" && type != "float" &&
        type != "qzc::CacheView")
      return emitOpError("has a parameter of type '")
             << type << "', which no launch fills (C3)";
  return success();
}
