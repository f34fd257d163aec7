//===- GlibcCompatTest.cpp - Exceptions through the replaced lookup -------===//
//
// Linked like the stub. Exit code 0 if exceptions are caught across frames that
// run destructors, through a callback of libc, and in another thread.
//
//===----------------------------------------------------------------------===//

#include <cstdio>
#include <cstdlib>
#include <dlfcn.h>
#include <stdexcept>
#include <string>
#include <thread>

static int destroyed = 0;

namespace {
struct Counted {
  ~Counted() { ++destroyed; }
};
} // namespace

__attribute__((noinline)) static void throwDeep(int depth) {
  Counted counted;
  if (depth == 0)
    throw std::runtime_error("from below");
  throwDeep(depth - 1);
}

static bool catches() {
  try {
    throwDeep(10);
  } catch (const std::runtime_error &error) {
    return error.what() == std::string("from below");
  }
  return false;
}

static int throwingCompare(const void *, const void *) {
  throw std::logic_error("while libc sorts");
}

static bool catchesThroughLibc() {
  int values[2] = {2, 1};
  try {
    std::qsort(values, 2, sizeof(int), throwingCompare);
  } catch (const std::logic_error &) {
    return true;
  }
  return false;
}

int main() {
  struct dl_find_object place;
  int local = 0;
  bool inThread = false;
  std::thread([&] { inThread = catches(); }).join();
  if (!catches() || !inThread || destroyed != 22 || !catchesThroughLibc() ||
      _dl_find_object(&local, &place) == 0) {
    std::fprintf(stderr, "an exception went astray\n");
    return 1;
  }
  return 0;
}
