//===- RemoveOnSignal.h - Files that go when a signal ends us ---*- C++ -*-===//

#ifndef QZC_SUPPORT_REMOVEONSIGNAL_H
#define QZC_SUPPORT_REMOVEONSIGNAL_H

#include <string>

namespace qzc {

/// From now on SIGHUP, SIGINT, SIGQUIT, SIGTERM and SIGXCPU remove the files
/// for which there is a RemoveOnSignal, and then end the process as they would
/// have. A signal that is ignored stays ignored; forked children remove
/// nothing.
void removeFilesOnSignals();

/// While it lives, and once removeFilesOnSignals() was called, a signal that
/// ends the process removes the file. Of very many at once some are not
/// removed.
class RemoveOnSignal {
public:
  /// `path` outlives this object, unchanged.
  explicit RemoveOnSignal(const std::string &path);
  RemoveOnSignal(const RemoveOnSignal &) = delete;
  RemoveOnSignal &operator=(const RemoveOnSignal &) = delete;
  ~RemoveOnSignal();

private:
  int Slot = -1;
};

} // namespace qzc

#endif // QZC_SUPPORT_REMOVEONSIGNAL_H
