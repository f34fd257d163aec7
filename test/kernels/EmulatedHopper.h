//===- EmulatedHopper.h - In place of Hopper.cuh ----------------*- C++ -*-===//
//
// Included by Emulator.h. Copies are complete, and products computed, when they
// are asked for.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_TEST_KERNELS_EMULATEDHOPPER_H
#define QZC_TEST_KERNELS_EMULATEDHOPPER_H

#define QZC_KERNELS_HOPPER_CUH
#define QZC_HAS_WGMMA 1

namespace qzc::kernels {

/// Of the memory of this block, whose addresses an instruction knows.
inline unsigned blockShared() {
  return emulator::blockOfCluster() *
         static_cast<unsigned>(emulator::kSharedBytes);
}
/// The address and the distance of panels in 16-byte units, as on the device.
inline unsigned long long matrixDescriptor(unsigned shared,
                                           int panelBytes = 16) {
  return static_cast<unsigned long long>(panelBytes >> 4) << 16 |
         ((shared - blockShared()) & 0x3ffff) >> 4;
}
inline void beginProducts() {}
inline void commitProducts() {}
template <int Pending = 0> void waitForProducts() {}
inline void changedByProducts(float (&)[4]) {}
inline void changedByProducts(int (&)[4]) {}

/// Byte `k` of row `row`: rows of 128, their address bits 4 to 6 mixed with the
/// three above; further ones are in further panels.
inline const char *groupByte(unsigned long long descriptor, unsigned row,
                             unsigned k) {
  const auto panelBytes = static_cast<unsigned>(descriptor >> 16 & 0x3fff) << 4;
  const unsigned straight = (static_cast<unsigned>(descriptor & 0x3fff) << 4) +
                            k / 128 * panelBytes + 128 * row + k % 128;
  return sharedPointer(blockShared() + (straight ^ (straight >> 7 & 7) << 4));
}
inline float groupElement(unsigned long long descriptor, unsigned row,
                          unsigned k) {
  Half value;
  std::memcpy(&value, groupByte(descriptor, row, 2 * k), 2);
  return toFloat(value);
}
inline int groupCode(unsigned long long descriptor, unsigned row, unsigned k) {
  return static_cast<signed char>(*groupByte(descriptor, row, k));
}

/// c += a · bᵀ of `Steps` columns; element(descriptor, row, k) of either.
template <unsigned Steps, class Number, int Tiles, class Element>
void multiplyTiles(Number (&c)[Tiles][4], unsigned long long a,
                   unsigned long long b, const Element &element) {
  const unsigned thread = threadIdx.x % 128;
  for (unsigned h = 0; h < 2; ++h) {
    Number left[Steps];
    for (unsigned k = 0; k < Steps; ++k)
      left[k] = element(a, thread / 32 * 16 + thread % 32 / 4 + 8 * h, k);
    for (unsigned j = 0; j < Tiles; ++j)
      for (unsigned e = 0; e < 2; ++e)
        for (unsigned k = 0; k < Steps; ++k)
          c[j][2 * h + e] +=
              left[k] * element(b, 8 * j + thread % 4 * 2 + e, k);
  }
}
template <int Tiles>
void multiplyGroup(float (&c)[Tiles][4], unsigned long long a,
                   unsigned long long b) {
  multiplyTiles<16>(c, a, b, groupElement);
}
template <int Tiles>
void multiplyGroup(int (&c)[Tiles][4], unsigned long long a,
                   unsigned long long b) {
  multiplyTiles<32>(c, a, b, groupCode);
}

/// c += a · b, a in registers; element(column, k) of b.
template <int Tiles, class Element>
void multiplyFragments(float (&c)[Tiles][4], const unsigned (&a)[4],
                       const Element &element) {
  const unsigned thread = threadIdx.x % 128;
  const char *slots = emulator::meetWarp(&a, sizeof(a));
  for (unsigned h = 0; h < 2; ++h) {
    float left[16];
    for (unsigned k = 0; k < 16; ++k) {
      const unsigned lane = thread % 32 / 4 * 4 + k % 8 / 2;
      unsigned fragment[4];
      std::memcpy(fragment, slots + 64 * lane, sizeof(fragment));
      const unsigned pair = fragment[h + k / 8 * 2];
      left[k] = k % 2 == 0 ? lowHalf(pair) : highHalf(pair);
    }
    for (unsigned j = 0; j < Tiles; ++j)
      for (unsigned e = 0; e < 2; ++e)
        for (unsigned k = 0; k < 16; ++k)
          c[j][2 * h + e] += left[k] * element(8 * j + thread % 4 * 2 + e, k);
  }
}
template <int Tiles>
void multiplyRegisters(float (&c)[Tiles][4], const unsigned (&a)[4],
                       unsigned long long b) {
  multiplyFragments(c, a, [&](unsigned column, unsigned k) {
    return groupElement(b, k, column);
  });
}
template <bool Adds>
void multiplyRows(float (&c)[4][4], const unsigned (&a)[4],
                  unsigned long long b) {
  if (!Adds)
    for (float(&four)[4] : c)
      for (float &sum : four)
        sum = 0.0f;
  multiplyFragments(c, a, [&](unsigned column, unsigned k) {
    return groupElement(b, column, k);
  });
}
inline void firstProduct(float (&c)[8][4], unsigned long long a,
                         unsigned long long b) {
  for (float(&four)[4] : c)
    for (float &sum : four)
      sum = 0.0f;
  multiplyGroup(c, a, b);
}

/// What 8 bytes of a barrier are.
struct EmulatedBarrier {
  unsigned char expected, pending, phase, unused;
  int bytes; ///< expected and not there yet
};
inline EmulatedBarrier &barrierAt(unsigned barrier) {
  return *reinterpret_cast<EmulatedBarrier *>(sharedPointer(barrier));
}
inline void settleBarrier(EmulatedBarrier &barrier) {
  if (barrier.pending > 0 || barrier.bytes != 0)
    return;
  barrier.pending = barrier.expected;
  barrier.phase ^= 1;
  emulator::noteProgress();
}
inline void initBarrier(unsigned barrier, int arrivals) {
  const auto count = static_cast<unsigned char>(arrivals);
  barrierAt(barrier) = {count, count, 0, 0, 0};
}
inline void publishBarriers() {}
inline void expectBytes(unsigned barrier, unsigned bytes) {
  EmulatedBarrier &at = barrierAt(barrier);
  at.bytes += static_cast<int>(bytes);
  --at.pending;
  settleBarrier(at);
}
inline void arrive(unsigned barrier) {
  EmulatedBarrier &at = barrierAt(barrier);
  --at.pending;
  settleBarrier(at);
}
inline void waitBarrier(unsigned barrier, unsigned parity) {
  while (barrierAt(barrier).phase == parity)
    emulator::yieldThread();
}
inline void publishTiles() {}
template <int Count> void keepRegisters() {}
template <int Count> void takeRegisters() {}
inline void copyBulk(unsigned shared, const void *global, unsigned bytes,
                     unsigned barrier) {
  std::memcpy(sharedPointer(shared), global, bytes);
  EmulatedBarrier &at = barrierAt(barrier);
  at.bytes -= static_cast<int>(bytes);
  settleBarrier(at);
}
template <int Warps> void meetWarps() { emulator::meetThreads(32 * Warps); }

inline int blockOfCluster() {
  return static_cast<int>(emulator::blockOfCluster());
}
inline void arriveCluster() { emulator::arriveCluster(); }
inline void waitCluster() { emulator::waitCluster(); }
inline void releaseCluster() { emulator::arriveCluster(); }
template <class T> void putThere(T *mine, const T &value, int block) {
  const int there =
      (block - blockOfCluster()) * static_cast<int>(emulator::kSharedBytes);
  *reinterpret_cast<T *>(reinterpret_cast<char *>(mine) + there) = value;
}
inline void putInCluster(float *mine, float value, int block) {
  putThere(mine, value, block);
}
inline void putFourInCluster(float4 *mine, const float4 &v, int block) {
  putThere(mine, v, block);
}
template <class T>
void sendInCluster(T *mine, const T &value, int block, unsigned barrier) {
  const int distance =
      (block - blockOfCluster()) * static_cast<int>(emulator::kSharedBytes);
  std::memcpy(reinterpret_cast<char *>(mine) + distance, &value, sizeof(value));
  EmulatedBarrier &at = barrierAt(barrier + distance);
  at.bytes -= static_cast<int>(sizeof(value));
  settleBarrier(at);
}
inline void storeInCluster(float *mine, float value, int block,
                           unsigned barrier) {
  sendInCluster(mine, value, block, barrier);
}
inline void storeFourInCluster(float4 *mine, const float4 &v, int block,
                               unsigned barrier) {
  sendInCluster(mine, v, block, barrier);
}
inline void waitForCluster(unsigned barrier, unsigned parity) {
  waitBarrier(barrier, parity);
}

inline bool isWord(float value) { return __float_as_int(value) != 0; }
inline void leaveWord(float *at, float value) {
  *at = value == 0.0f ? -0.0f : value;
  emulator::noteProgress();
}
inline void leaveWords(float4 *at, const float4 &v) {
  for (int i = 0; i < 4; ++i)
    leaveWord(&at->x + i, (&v.x)[i]);
}
inline float wordLeft(const float *at) {
  if (!isWord(*at))
    emulator::yieldThread();
  return *at;
}
inline bool areWords(const float4 &v) {
  return isWord(v.x) && isWord(v.y) && isWord(v.z) && isWord(v.w);
}
inline float4 wordsLeft(const float4 *at) {
  if (!areWords(*at))
    emulator::yieldThread();
  return *at;
}

} // namespace qzc::kernels

#endif // QZC_TEST_KERNELS_EMULATEDHOPPER_H
