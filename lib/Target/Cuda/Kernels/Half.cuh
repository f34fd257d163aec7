//===- Half.cuh - 16-bit floats, tensor cores, asynchronous copies --------===//
//
// The few PTX instructions the kernels need, so that NVRTC has no toolkit
// header to look for. Everything here exists from sm_80 on.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_KERNELS_HALF_CUH
#define QZC_KERNELS_HALF_CUH

#define QZC_DEVICE __device__ __forceinline__
/// The block's dynamic shared memory as an array of 16-byte quads.
#define QZC_DYNAMIC_SHARED(Name) extern __shared__ float4 Name[]

namespace qzc::kernels {

struct Half {
  unsigned short bits;
};
struct BFloat16 {
  unsigned short bits;
};

QZC_DEVICE float toFloat(Half h) {
  float f;
  asm("cvt.f32.f16 %0, %1;" : "=f"(f) : "h"(h.bits));
  return f;
}
QZC_DEVICE float toFloat(BFloat16 b) {
  return __uint_as_float(static_cast<unsigned>(b.bits) << 16);
}
QZC_DEVICE float toFloat(float f) { return f; }

/// Rounds to nearest even; values outside the range become infinite.
QZC_DEVICE Half toHalf(float f) {
  Half h;
  asm("cvt.rn.f16.f32 %0, %1;" : "=h"(h.bits) : "f"(f));
  return h;
}
QZC_DEVICE BFloat16 toBFloat16(float f) {
  BFloat16 b;
  asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(b.bits) : "f"(f));
  return b;
}
/// Two floats as packed halves, `low` in the low 16 bits.
QZC_DEVICE unsigned packHalves(float low, float high) {
  unsigned packed;
  asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(packed) : "f"(high), "f"(low));
  return packed;
}
QZC_DEVICE float lowHalf(unsigned packed) {
  return toFloat(Half{static_cast<unsigned short>(packed)});
}
QZC_DEVICE float highHalf(unsigned packed) {
  return toFloat(Half{static_cast<unsigned short>(packed >> 16)});
}

/// a − b of two packed halves each.
QZC_DEVICE unsigned subtractHalves(unsigned a, unsigned b) {
  unsigned difference;
  asm("sub.rn.f16x2 %0, %1, %2;" : "=r"(difference) : "r"(a), "r"(b));
  return difference;
}

/// a · b + c of two packed halves each, rounded once.
QZC_DEVICE unsigned multiplyAddHalves(unsigned a, unsigned b, unsigned c) {
  unsigned sum;
  asm("fma.rn.f16x2 %0, %1, %2, %3;" : "=r"(sum) : "r"(a), "r"(b), "r"(c));
  return sum;
}

/// Byte i is the one of a and b that the lower three bits of nibble i of
/// `selectors` select, or eight times its sign where the upper one is set.
QZC_DEVICE unsigned permuteBytes(unsigned a, unsigned b, unsigned selectors) {
  unsigned bytes;
  asm("prmt.b32 %0, %1, %2, %3;"
      : "=r"(bytes)
      : "r"(a), "r"(b), "r"(selectors));
  return bytes;
}

/// bits >> 16 by the pipe of multiplications, which leaves shifts' pipe to
/// permutations.
QZC_DEVICE unsigned upperHalf(unsigned bits) {
  unsigned half;
  asm("dp2a.hi.u32.u32 %0, %1, %2, %3;"
      : "=r"(half)
      : "r"(bits), "r"(1 << 24), "r"(0));
  return half;
}

/// 1/x within 2^-23 of it.
QZC_DEVICE float reciprocal(float x) {
  float y;
  asm("rcp.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
}

/// 1/√x within 2^-22 of it.
QZC_DEVICE float reciprocalRoot(float x) {
  float y;
  asm("rsqrt.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
}

/// The larger of a and |b|, NaN where one is.
QZC_DEVICE float largerMagnitude(float a, float b) {
  float y;
  asm("max.NaN.f32 %0, %1, %2;" : "=f"(y) : "f"(a), "f"(fabsf(b)));
  return y;
}

/// 2^x within 2^-22 of it; results below 2^-126 are 0.
QZC_DEVICE float powerOfTwo(float x) {
  float y;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
}

/// 16 bytes that are read once: past the L1 cache. The L2 cache fetches the
/// whole line of 128, the rest of which another load takes soon. Weights are
/// not read by way of .nc (so not by __ldg): ptxas moves such loads behind
/// waits and barriers, where their time is no longer hidden.
QZC_DEVICE uint4 loadStreaming(const void *address) {
  uint4 v;
  asm("ld.global.L1::no_allocate.L2::128B.v4.u32 {%0, %1, %2, %3}, [%4];"
      : "=r"(v.x), "=r"(v.y), "=r"(v.z), "=r"(v.w)
      : "l"(address));
  return v;
}

/// 8 bytes of the same.
QZC_DEVICE uint2 loadStreamingTwo(const void *address) {
  uint2 v;
  asm("ld.global.L1::no_allocate.L2::128B.v2.u32 {%0, %1}, [%2];"
      : "=r"(v.x), "=r"(v.y)
      : "l"(address));
  return v;
}

/// Two bytes, and four, of which others load what is beside them: they stay in
/// the L1 cache.
QZC_DEVICE unsigned short loadNearHalf(const void *address) {
  unsigned short v;
  asm("ld.global.L2::128B.u16 %0, [%1];" : "=h"(v) : "l"(address));
  return v;
}
QZC_DEVICE unsigned loadNearWord(const void *address) {
  unsigned v;
  asm("ld.global.L2::128B.u32 %0, [%1];" : "=r"(v) : "l"(address));
  return v;
}

/// Asks the L2 cache for some bytes, both multiples of 16: sm_90 and later.
QZC_DEVICE void askCache(const void *address, int bytes) {
  asm volatile("cp.async.bulk.prefetch.L2.global [%0], %1;" ::"l"(address),
               "r"(bytes));
}

QZC_DEVICE unsigned sharedAddress(const void *pointer) {
  return static_cast<unsigned>(__cvta_generic_to_shared(pointer));
}

/// Copies 16 bytes to shared memory; zeros where not `valid` (the source must
/// be a readable address all the same).
QZC_DEVICE void copyAsync(unsigned shared, const void *global, bool valid) {
  int bytes = valid ? 16 : 0;
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(shared),
               "l"(global), "r"(bytes)
               : "memory");
}
QZC_DEVICE void copyCommit() {
  asm volatile("cp.async.commit_group;" ::: "memory");
}
template <int Pending> QZC_DEVICE void copyWait() {
  asm volatile("cp.async.wait_group %0;" ::"n"(Pending) : "memory");
}

/// Four 8x8 matrices of halves; lane l gives the address of row l % 8 of
/// matrix l / 8.
QZC_DEVICE void loadMatrices(unsigned (&r)[4], unsigned shared) {
  asm volatile(
      "ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
      : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
      : "r"(shared)
      : "memory");
}
/// The same, each matrix transposed.
QZC_DEVICE void loadMatricesTransposed(unsigned (&r)[4], unsigned shared) {
  asm volatile(
      "ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
      : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
      : "r"(shared)
      : "memory");
}

/// c[16x8] += a[16x16] · b[16x8] with f32 accumulation. Lane l holds of c:
/// rows l/4 (c[0], c[1]) and l/4 + 8 (c[2], c[3]), columns 2(l%4) and the next.
QZC_DEVICE void multiplyAccumulate(float (&c)[4], const unsigned (&a)[4],
                                   unsigned b0, unsigned b1) {
  asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 "
               "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
               "{%0, %1, %2, %3};"
               : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
               : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

/// The same of bf16.
QZC_DEVICE void multiplyAccumulateBFloat16(float (&c)[4],
                                           const unsigned (&a)[4], unsigned b0,
                                           unsigned b1) {
  asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 "
               "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
               "{%0, %1, %2, %3};"
               : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
               : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

/// c[16x8] += a[16x32] · b[32x8] of signed bytes. Lane l has of a: bytes 4(l%4)
/// and the next three of rows l/4 and l/4 + 8, then the same 16 bytes on; of b
/// these bytes of column l/4; of c what multiplyAccumulate has.
QZC_DEVICE void multiplyAccumulateBytes(int (&c)[4], const unsigned (&a)[4],
                                        unsigned b0, unsigned b1) {
  asm volatile("mma.sync.aligned.m16n8k32.row.col.s32.s8.s8.s32 "
               "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
               "{%0, %1, %2, %3};"
               : "+r"(c[0]), "+r"(c[1]), "+r"(c[2]), "+r"(c[3])
               : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

/// Programmatic dependent launch: lets the next kernel's blocks start, and
/// waits until the kernels before are complete. Nothing where a launch does not
/// ask for it.
QZC_DEVICE void launchDependents() {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.launch_dependents;" ::: "memory");
#endif
}
QZC_DEVICE void waitForDependencies() {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.wait;" ::: "memory");
#endif
}
/// In place of waiting: what this kernel writes is touched by no launch before
/// that may still run. When a block is done it calls waitInOneBlock().
QZC_DEVICE void touchEarly() {}
/// The launch is complete only when those before it are, so that who waits for
/// it waits for them. Blocks that all waited would keep others from beginning.
QZC_DEVICE void waitInOneBlock() {
  if (blockIdx.x == 0)
    waitForDependencies();
}

} // namespace qzc::kernels

#endif // QZC_KERNELS_HALF_CUH
