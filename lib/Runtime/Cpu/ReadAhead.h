//===- ReadAhead.h - How far ahead memory is asked for ----------*- C++ -*-===//
//
// A weight is one stream across its rows, but the hardware looks no further
// than the end of a page, and instructions in flight are those of a row or two:
// where nothing asks for memory earlier, a thread computes and waits in turn.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_RUNTIME_CPU_READAHEAD_H
#define QZC_RUNTIME_CPU_READAHEAD_H

#include <cstdint>

namespace qzc::runtime::cpu {

inline constexpr int64_t kCacheLine = 64;
/// Bytes behind what is read of codes, and of scales beside them.
inline constexpr int64_t kCodesAhead = 4096;
inline constexpr int64_t kScalesAhead = 512;
/// The least where several rows are read side by side: those behind them, in
/// the second-level cache. What is behind rows in groups, likewise.
inline constexpr int64_t kRowsAhead = 16384;

} // namespace qzc::runtime::cpu

#endif // QZC_RUNTIME_CPU_READAHEAD_H
