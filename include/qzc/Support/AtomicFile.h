//===- AtomicFile.h - Output that appears whole or not at all ---*- C++ -*-===//

#ifndef QZC_SUPPORT_ATOMICFILE_H
#define QZC_SUPPORT_ATOMICFILE_H

#include "qzc/Support/RemoveOnSignal.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace qzc {

/// Writes a new file "<path>.partial-<pid>" (with a number where that is taken)
/// and renames it to `path` on publish(); destruction before that removes it,
/// as does a signal (prepareProcess). While it is written it has a lock
/// (flock). One without a lock is what a killed run left: it is removed before
/// the next file is written to the same path. Every failure (unwritable folder,
/// full disk, …) throws qzc::Error naming the path and the reason.
class AtomicFile {
public:
  explicit AtomicFile(std::string path, bool executable = false);
  AtomicFile(const AtomicFile &) = delete;
  AtomicFile &operator=(const AtomicFile &) = delete;
  ~AtomicFile();

  /// Writes at the current end.
  void append(const void *data, size_t bytes);
  void append(std::string_view text) { append(text.data(), text.size()); }
  /// Appends zeros up to the next multiple of `alignment`.
  void alignTo(uint64_t alignment);
  /// Writes inside or past the end, from any thread; does not move size().
  /// What is past the end when the file is finished is cut off.
  void writeAt(uint64_t offset, const void *data, size_t bytes) const;
  /// Reads back what was written; zeros where nothing was.
  void readAt(uint64_t offset, void *data, size_t bytes) const;
  /// Bytes reserved so far by append, alignTo and reserve.
  uint64_t size() const { return Size; }
  /// Leaves `bytes` to be filled by writeAt; returns their offset.
  uint64_t reserve(uint64_t bytes);

  /// Flushes and checks: what can fail, but for the name. Nothing can be read
  /// or written afterwards.
  void finish();
  /// Gives a finished file its name. Files that belong together are all
  /// finished before the first is published.
  void publish();
  void commit() {
    finish();
    publish();
  }

private:
  bool open(const std::string &name, bool executable);

  std::string Path;
  std::string PartialPath; ///< empty once published
  std::optional<RemoveOnSignal> Signals;
  int Fd = -1;   ///< open for writing
  int Held = -1; ///< finished: keeps the lock
  uint64_t Size = 0;
};

} // namespace qzc

#endif // QZC_SUPPORT_ATOMICFILE_H
