//===- Process.h - What a tool's process is like ----------------*- C++ -*-===//

#ifndef QZC_SUPPORT_PROCESS_H
#define QZC_SUPPORT_PROCESS_H

namespace qzc {

/// For main(), before anything is opened. Afterwards a reader of stdout that
/// goes away and a file that grows beyond its limit (ulimit -f) show as failed
/// writes; signals remove files that are not whole (removeFilesOnSignals); the
/// ends of started programs are seen, whatever the starter ignores; and
/// no file that is opened gets the number of a closed stdin, stdout or stderr.
void prepareProcess();

} // namespace qzc

#endif // QZC_SUPPORT_PROCESS_H
