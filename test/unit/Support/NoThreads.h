//===- NoThreads.h - No thread can be started -------------------*- C++ -*-===//

#ifndef QZC_TEST_UNIT_SUPPORT_NOTHREADS_H
#define QZC_TEST_UNIT_SUPPORT_NOTHREADS_H

#include <pthread.h>

namespace qzc::test {

/// While it lives, starting a std::thread fails: its stack would be larger than
/// the address space.
class NoThreads {
public:
  NoThreads() {
    ::pthread_getattr_default_np(&Old);
    pthread_attr_t huge;
    ::pthread_attr_init(&huge);
    ::pthread_attr_setstacksize(&huge, size_t{1} << 62);
    ::pthread_setattr_default_np(&huge);
    ::pthread_attr_destroy(&huge);
  }
  NoThreads(const NoThreads &) = delete;
  NoThreads &operator=(const NoThreads &) = delete;
  ~NoThreads() {
    ::pthread_setattr_default_np(&Old);
    ::pthread_attr_destroy(&Old);
  }

private:
  pthread_attr_t Old;
};

} // namespace qzc::test

#endif // QZC_TEST_UNIT_SUPPORT_NOTHREADS_H
