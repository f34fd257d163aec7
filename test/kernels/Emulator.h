//===- Emulator.h - CUDA's built-ins for a host compiler --------*- C++ -*-===//
//
// Included in front of emitted CUDA code, it makes a host compiler take the
// kernels as they are, except Half.cuh, whose PTX is replaced by plain C++ with
// the fragment layouts of the PTX manual. The threads of a block are fibers of
// one thread; barriers and warp-wide operations are where they meet.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_TEST_KERNELS_EMULATOR_H
#define QZC_TEST_KERNELS_EMULATOR_H

#include <cmath>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

// What the Format headers ask for. No __CUDACC__: they take their host side.
#define __device__
#define __global__
#define __shared__ static
#define __constant__ static const
#define __forceinline__ inline
#define __launch_bounds__(...)
#define __cluster_dims__(...)

struct alignas(16) float4 {
  float x, y, z, w;
};
struct alignas(16) uint4 {
  unsigned x, y, z, w;
};
struct alignas(8) float2 {
  float x, y;
};
struct alignas(8) uint2 {
  unsigned x, y;
};
struct dim3 {
  unsigned x = 1, y = 1, z = 1;
};
inline uint4 make_uint4(unsigned x, unsigned y, unsigned z, unsigned w) {
  return {x, y, z, w};
}
inline uint2 make_uint2(unsigned x, unsigned y) { return {x, y}; }

extern dim3 threadIdx, blockIdx, blockDim, gridDim;

namespace qzc::emulator {

/// Waits for all living lanes of the warp; returns what they gave, 64 bytes
/// apart.
const char *meetWarp(const void *data, size_t bytes);
void meetBlock();
/// Waits until `count` threads of the block have called this.
void meetThreads(unsigned count);
/// Lets the other threads run; where none says that it made progress, all wait
/// for ever.
void yieldThread();
void noteProgress();
/// Waits until all threads of the cluster have called this or ended.
void meetDependencies();
/// Lets a block touch what other launches write, and end without waiting.
void openMemory();
/// The two halves of a meeting of all threads of a cluster, and the number of
/// this thread's block in it.
void arriveCluster();
void waitCluster();
unsigned blockOfCluster();
/// Of each block of a cluster 227 KiB, the most that any GPU gives.
constexpr size_t kSharedBytes = 227 * 1024;
constexpr size_t kMostClusterBlocks = 8;
extern char dynamicShared[kMostClusterBlocks * kSharedBytes];
inline char *sharedOfBlock() {
  return dynamicShared + blockOfCluster() * kSharedBytes;
}

/// The emitted kernels of one model, by symbol.
struct Entry {
  const char *symbol;
  void (*call)(void **args);
  unsigned clusterBlocks = 1;
};

/// The kernels of a case: emitted files register theirs by constructing one.
struct Registration {
  Registration(int number, std::vector<Entry> entries);
};
const std::vector<Entry> &entriesOf(int number);

/// Memory that kernels write: no thread of a block may touch it before all
/// have waited for the launches before, else the process ends with a message.
/// Pages that belong to nothing else.
struct DependentMemory {
  void *begin = nullptr;
  size_t bytes = 0;
};

/// Runs a grid, one cluster of blocks at a time; what is declared __shared__ is
/// one for all blocks of a cluster. Throws std::runtime_error where threads
/// wait for each other for ever, or one ends without having waited for the
/// launches before.
void runGrid(const Entry &entry, void **args, dim3 grid, unsigned threads,
             unsigned sharedBytes, const DependentMemory &memory);

/// The value of every f16.
const float *halfValues();

template <class T> T fromLane(const char *slots, unsigned lane) {
  T value;
  std::memcpy(&value, slots + 64 * lane, sizeof(T));
  return value;
}

} // namespace qzc::emulator

template <class T>
T __shfl_sync(unsigned, T value, unsigned source, unsigned width = 32) {
  const unsigned lane = threadIdx.x % 32;
  const char *slots = qzc::emulator::meetWarp(&value, sizeof(T));
  return qzc::emulator::fromLane<T>(slots, (lane & ~(width - 1)) |
                                               (source & (width - 1)));
}
template <class T> T __shfl_xor_sync(unsigned, T value, unsigned mask) {
  const unsigned lane = threadIdx.x % 32;
  const char *slots = qzc::emulator::meetWarp(&value, sizeof(T));
  return qzc::emulator::fromLane<T>(slots, lane ^ mask);
}
inline unsigned __reduce_add_sync(unsigned, unsigned value) {
  const char *slots = qzc::emulator::meetWarp(&value, sizeof(value));
  unsigned sum = 0;
  for (unsigned lane = 0; lane < 32; ++lane)
    sum += qzc::emulator::fromLane<unsigned>(slots, lane);
  return sum;
}
inline int __any_sync(unsigned, int predicate) {
  const char *slots = qzc::emulator::meetWarp(&predicate, sizeof(predicate));
  int any = 0;
  for (unsigned lane = 0; lane < 32; ++lane)
    any |= qzc::emulator::fromLane<int>(slots, lane);
  return any;
}
inline void __syncthreads() { qzc::emulator::meetBlock(); }
inline void __syncwarp() { qzc::emulator::meetWarp(nullptr, 0); }
inline void __threadfence() {}
template <class T> T __ldcg(const T *p) { return *p; }
inline unsigned atomicAdd(unsigned *p, unsigned v) {
  const unsigned before = *p;
  *p += v;
  return before;
}
inline unsigned atomicInc(unsigned *p, unsigned last) {
  const unsigned before = *p;
  *p = before < last ? before + 1 : 0;
  return before;
}
template <class T> T atomicMax(T *p, T v) {
  const T before = *p;
  *p = before > v ? before : v;
  return before;
}
inline float __uint_as_float(unsigned bits) {
  float value;
  std::memcpy(&value, &bits, 4);
  return value;
}
inline int __float_as_int(float value) {
  int bits;
  std::memcpy(&bits, &value, 4);
  return bits;
}
/// To nearest even; 0 of NaN, else the nearest that there is.
inline int __float2int_rn(float value) {
  if (value != value)
    return 0;
  if (value >= 2147483648.0f)
    return INT32_MAX;
  return value < -2147483648.0f ? INT32_MIN
                                : static_cast<int>(nearbyintf(value));
}
inline float __int_as_float(int bits) {
  return __uint_as_float(static_cast<unsigned>(bits));
}
inline unsigned __byte_perm(unsigned a, unsigned b, unsigned selector) {
  const uint64_t bytes = uint64_t(b) << 32 | a;
  unsigned result = 0;
  for (int i = 0; i < 4; ++i)
    result |= unsigned(bytes >> (8 * (selector >> (4 * i) & 7)) & 255)
              << (8 * i);
  return result;
}
inline int min(int a, int b) { return a < b ? a : b; }
inline int max(int a, int b) { return a > b ? a : b; }

//===----------------------------------------------------------------------===//
// In place of Half.cuh
//===----------------------------------------------------------------------===//

#define QZC_KERNELS_HALF_CUH
#define QZC_DEVICE inline
#define QZC_DYNAMIC_SHARED(Name)                                               \
  float4 *Name = reinterpret_cast<float4 *>(qzc::emulator::sharedOfBlock())

namespace qzc::kernels {

struct Half {
  unsigned short bits;
};
struct BFloat16 {
  unsigned short bits;
};

inline float toFloat(Half h) { return emulator::halfValues()[h.bits]; }
inline float toFloat(BFloat16 b) {
  return __uint_as_float(unsigned(b.bits) << 16);
}
inline float toFloat(float f) { return f; }
inline Half toHalf(float f) {
  const auto value = static_cast<_Float16>(f);
  Half h;
  std::memcpy(&h, &value, 2);
  return h;
}
/// To nearest even; infinities and NaNs stay what they are.
inline BFloat16 toBFloat16(float f) {
  unsigned bits;
  std::memcpy(&bits, &f, 4);
  if (f == f)
    bits += 0x7fffu + (bits >> 16 & 1u);
  return {static_cast<unsigned short>(bits >> 16)};
}
inline unsigned permuteBytes(unsigned a, unsigned b, unsigned selectors) {
  const unsigned bytes = __byte_perm(a, b, selectors);
  unsigned signs = 0;
  unsigned replaced = 0;
  for (int i = 0; i < 4; ++i) {
    signs |= (bytes >> (8 * i + 7) & 1u) * 255u << (8 * i);
    replaced |= (selectors >> (4 * i + 3) & 1u) * 255u << (8 * i);
  }
  return (bytes & ~replaced) | (signs & replaced);
}
inline unsigned upperHalf(unsigned bits) { return bits >> 16; }
inline unsigned packHalves(float low, float high) {
  return toHalf(low).bits | unsigned(toHalf(high).bits) << 16;
}
inline float lowHalf(unsigned packed) {
  return toFloat(Half{static_cast<unsigned short>(packed)});
}
inline float highHalf(unsigned packed) {
  return toFloat(Half{static_cast<unsigned short>(packed >> 16)});
}
inline unsigned subtractHalves(unsigned a, unsigned b) {
  return packHalves(lowHalf(a) - lowHalf(b), highHalf(a) - highHalf(b));
}
/// Of numbers whose product and sum a float holds.
inline unsigned multiplyAddHalves(unsigned a, unsigned b, unsigned c) {
  return packHalves(lowHalf(a) * lowHalf(b) + lowHalf(c),
                    highHalf(a) * highHalf(b) + highHalf(c));
}
inline float reciprocal(float x) { return 1.0f / x; }
inline float reciprocalRoot(float x) { return 1.0f / sqrtf(x); }
inline float largerMagnitude(float a, float b) {
  b = fabsf(b);
  return a != a || b != b ? NAN : a < b ? b : a;
}
inline float powerOfTwo(float x) { return exp2f(x); }
inline uint4 loadStreaming(const void *address) {
  return *static_cast<const uint4 *>(address);
}
inline uint2 loadStreamingTwo(const void *address) {
  return *static_cast<const uint2 *>(address);
}
inline unsigned short loadNearHalf(const void *address) {
  return *static_cast<const unsigned short *>(address);
}
inline unsigned loadNearWord(const void *address) {
  return *static_cast<const unsigned *>(address);
}

inline void askCache(const void *, int) {}

/// Shared addresses: offsets from the dynamic array, wrapping around.
inline unsigned sharedAddress(const void *pointer) {
  return static_cast<unsigned>(static_cast<const char *>(pointer) -
                               emulator::dynamicShared);
}
inline char *sharedPointer(unsigned address) {
  return emulator::dynamicShared + static_cast<int>(address);
}
inline void copyAsync(unsigned shared, const void *global, bool valid) {
  const uint4 zero = {};
  const uint4 source = *static_cast<const uint4 *>(global);
  std::memcpy(sharedPointer(shared), valid ? &source : &zero, 16);
}
inline void copyCommit() {}
template <int Pending> void copyWait() {}

inline void loadMatricesAs(unsigned (&r)[4], unsigned shared, bool transposed) {
  const unsigned lane = threadIdx.x % 32;
  const char *slots = emulator::meetWarp(&shared, 4);
  for (unsigned m = 0; m < 4; ++m) {
    auto at = [&](unsigned row, unsigned column) {
      unsigned short bits;
      std::memcpy(
          &bits,
          sharedPointer(emulator::fromLane<unsigned>(slots, 8 * m + row)) +
              2 * column,
          2);
      return unsigned(bits);
    };
    const unsigned row = lane / 4;
    const unsigned column = lane % 4 * 2;
    r[m] = transposed ? at(column, row) | at(column + 1, row) << 16
                      : at(row, column) | at(row, column + 1) << 16;
  }
  // Nobody may overwrite the matrices before all lanes have read them.
  emulator::meetWarp(nullptr, 0);
}
inline void loadMatrices(unsigned (&r)[4], unsigned shared) {
  loadMatricesAs(r, shared, false);
}
inline void loadMatricesTransposed(unsigned (&r)[4], unsigned shared) {
  loadMatricesAs(r, shared, true);
}

/// Products of m16n8k(8 · PerWord); `value(packed, k)`: the number that a
/// register has of column k, its k % PerWord-th from the low bits up.
template <unsigned PerWord, class Sum, class Value>
void multiplyAccumulateAs(Sum (&c)[4], const unsigned (&a)[4], unsigned b0,
                          unsigned b1, Value value) {
  struct Fragments {
    unsigned a[4];
    unsigned b[2];
  } mine = {{a[0], a[1], a[2], a[3]}, {b0, b1}};
  constexpr unsigned half = 4 * PerWord; // of the columns: a register of a lane
  const unsigned lane = threadIdx.x % 32;
  const char *slots = emulator::meetWarp(&mine, sizeof(mine));
  for (unsigned e = 0; e < 4; ++e) {
    const unsigned row = lane / 4 + e / 2 * 8;
    const unsigned column = lane % 4 * 2 + e % 2;
    for (unsigned k = 0; k < 2 * half; ++k) {
      const unsigned word = k % half / PerWord;
      const auto fa = emulator::fromLane<Fragments>(slots, row % 8 * 4 + word);
      const auto fb = emulator::fromLane<Fragments>(slots, column * 4 + word);
      c[e] += value(fa.a[row / 8 + k / half * 2], k) * value(fb.b[k / half], k);
    }
  }
}
inline void multiplyAccumulate(float (&c)[4], const unsigned (&a)[4],
                               unsigned b0, unsigned b1) {
  multiplyAccumulateAs<2>(c, a, b0, b1, [](unsigned packed, unsigned k) {
    return k % 2 == 0 ? lowHalf(packed) : highHalf(packed);
  });
}
inline void multiplyAccumulateBFloat16(float (&c)[4], const unsigned (&a)[4],
                                       unsigned b0, unsigned b1) {
  multiplyAccumulateAs<2>(c, a, b0, b1, [](unsigned packed, unsigned k) {
    return __uint_as_float(k % 2 == 0 ? packed << 16 : packed & 0xffff0000u);
  });
}

inline void multiplyAccumulateBytes(int (&c)[4], const unsigned (&a)[4],
                                    unsigned b0, unsigned b1) {
  multiplyAccumulateAs<4>(c, a, b0, b1, [](unsigned packed, unsigned k) {
    return static_cast<int>(static_cast<int8_t>(packed >> (8 * (k % 4))));
  });
}

inline void launchDependents() {}
inline void waitForDependencies() { emulator::meetDependencies(); }
inline void touchEarly() { emulator::openMemory(); }
inline void waitInOneBlock() {
  if (blockIdx.x == 0)
    waitForDependencies();
}

} // namespace qzc::kernels

#include "EmulatedHopper.h"

#endif // QZC_TEST_KERNELS_EMULATOR_H
