//===- Hopper.cuh - Products of warpgroups, bulk copies: sm_90a -----------===//
//
// Four warps multiply tiles that stay in shared memory: no fragment is loaded,
// and the warps go on while the tensor cores work.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_KERNELS_HOPPER_CUH
#define QZC_KERNELS_HOPPER_CUH

#include "Half.cuh"

#ifdef __CUDA_ARCH_FEAT_SM90_ALL
#define QZC_HAS_WGMMA 1

namespace qzc::kernels {

/// A tile of rows of 64 halves, or 128 bytes, for the tensor cores: rows of 128
/// bytes whose 16-byte pieces p of row r lie at p ^ (r % 8), as PTX's 128-byte
/// swizzle has them; eight rows are 1,024 bytes, to a multiple of which the
/// tile is aligned. The next 16 columns (32 of bytes) are two further. Read by
/// columns, 16 rows are 128, and the next 64 columns are `panelBytes` away.
QZC_DEVICE unsigned long long matrixDescriptor(unsigned shared,
                                               int panelBytes = 16) {
  constexpr unsigned long long swizzle = 1ull << 62;
  constexpr unsigned long long groupStride = (1024ull >> 4) << 32;
  const unsigned long long panelStride =
      static_cast<unsigned long long>(panelBytes >> 4) << 16;
  return swizzle | groupStride | panelStride | ((shared & 0x3ffff) >> 4);
}

/// Around the products of a step: registers of sums may be used by them; the
/// products so far are one group; all groups but the last `Pending` are done.
QZC_DEVICE void beginProducts() {
  asm volatile("wgmma.fence.sync.aligned;" ::: "memory");
}
QZC_DEVICE void commitProducts() {
  asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory");
}
template <int Pending = 0> QZC_DEVICE void waitForProducts() {
  asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(Pending) : "memory");
}

/// Keeps the compiler from reading sums before the products are waited for.
QZC_DEVICE void changedByProducts(float (&c)[4]) {
  asm volatile("" : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])::"memory");
}
QZC_DEVICE void changedByProducts(int (&c)[4]) {
  asm volatile("" : "+r"(c[0]), "+r"(c[1]), "+r"(c[2]), "+r"(c[3])::"memory");
}

// Thread t of a warpgroup holds of c: rows 16(t / 32) + t % 32 / 4 (c[j][0],
// c[j][1]) and 8 further (c[j][2], c[j][3]), columns 8j + 2(t % 4) and the
// next. One instruction takes the sums of all its columns at once: registers of
// type T.
#define QZC_FOUR(T, J)                                                         \
  "+" T(c[J][0]), "+" T(c[J][1]), "+" T(c[J][2]), "+" T(c[J][3])
#define QZC_NAMES_32                                                           \
  "%0, %1, %2, %3, %4, %5, %6, %7"                                             \
  ", %8, %9, %10, %11, %12, %13, %14, %15"
#define QZC_SUMS_32(T)                                                         \
  QZC_FOUR(T, 0), QZC_FOUR(T, 1), QZC_FOUR(T, 2), QZC_FOUR(T, 3)
#define QZC_NAMES_64                                                           \
  "%0, %1, %2, %3, %4, %5, %6, %7"                                             \
  ", %8, %9, %10, %11, %12, %13, %14, %15"                                     \
  ", %16, %17, %18, %19, %20, %21, %22, %23"                                   \
  ", %24, %25, %26, %27, %28, %29, %30, %31"
#define QZC_SUMS_64(T)                                                         \
  QZC_FOUR(T, 0), QZC_FOUR(T, 1), QZC_FOUR(T, 2), QZC_FOUR(T, 3),              \
      QZC_FOUR(T, 4), QZC_FOUR(T, 5), QZC_FOUR(T, 6), QZC_FOUR(T, 7)
#define QZC_NAMES_128                                                          \
  QZC_NAMES_64                                                                 \
  ", %32, %33, %34, %35, %36, %37, %38, %39"                                   \
  ", %40, %41, %42, %43, %44, %45, %46, %47"                                   \
  ", %48, %49, %50, %51, %52, %53, %54, %55"                                   \
  ", %56, %57, %58, %59, %60, %61, %62, %63"
#define QZC_SUMS_128(T)                                                        \
  QZC_SUMS_64(T), QZC_FOUR(T, 8), QZC_FOUR(T, 9), QZC_FOUR(T, 10),             \
      QZC_FOUR(T, 11), QZC_FOUR(T, 12), QZC_FOUR(T, 13), QZC_FOUR(T, 14),      \
      QZC_FOUR(T, 15)
#define QZC_NAMES_192                                                          \
  QZC_NAMES_128                                                                \
  ", %64, %65, %66, %67, %68, %69, %70, %71"                                   \
  ", %72, %73, %74, %75, %76, %77, %78, %79"                                   \
  ", %80, %81, %82, %83, %84, %85, %86, %87"                                   \
  ", %88, %89, %90, %91, %92, %93, %94, %95"
#define QZC_SUMS_192(T)                                                        \
  QZC_SUMS_128(T), QZC_FOUR(T, 16), QZC_FOUR(T, 17), QZC_FOUR(T, 18),          \
      QZC_FOUR(T, 19), QZC_FOUR(T, 20), QZC_FOUR(T, 21), QZC_FOUR(T, 22),      \
      QZC_FOUR(T, 23)
#define QZC_NAMES_256                                                          \
  QZC_NAMES_192                                                                \
  ", %96, %97, %98, %99, %100, %101, %102, %103"                               \
  ", %104, %105, %106, %107, %108, %109, %110, %111"                           \
  ", %112, %113, %114, %115, %116, %117, %118, %119"                           \
  ", %120, %121, %122, %123, %124, %125, %126, %127"
#define QZC_SUMS_256(T)                                                        \
  QZC_SUMS_192(T), QZC_FOUR(T, 24), QZC_FOUR(T, 25), QZC_FOUR(T, 26),          \
      QZC_FOUR(T, 27), QZC_FOUR(T, 28), QZC_FOUR(T, 29), QZC_FOUR(T, 30),      \
      QZC_FOUR(T, 31)
/// c[64 x Columns] += a[64 x 16] · b[Columns x 16]ᵀ; A and B: the numbers of
/// the descriptors, behind those of the sums.
#define QZC_PRODUCT(Columns, A, B)                                             \
  QZC_DEVICE void multiplyGroup(float(&c)[Columns / 8][4],                     \
                                unsigned long long a, unsigned long long b) {  \
    asm volatile(                                                              \
        "{\n.reg .pred p;\nsetp.eq.u32 p, 0, 0;\n"                             \
        "wgmma.mma_async.sync.aligned.m64n" #Columns "k16.f32.f16.f16 "        \
        "{" QZC_NAMES_##Columns "}, %" #A ", %" #B ", p, 1, 1, 0, 0;\n}"       \
        : QZC_SUMS_##Columns("f")                                              \
        : "l"(a), "l"(b));                                                     \
  }

/// The same of bytes, c[64 x Columns] += a[64 x 32] · b[Columns x 32]ᵀ.
#define QZC_BYTE_PRODUCT(Columns, A, B)                                        \
  QZC_DEVICE void multiplyGroup(int(&c)[Columns / 8][4], unsigned long long a, \
                                unsigned long long b) {                        \
    asm volatile("{\n.reg .pred p;\nsetp.eq.u32 p, 0, 0;\n"                    \
                 "wgmma.mma_async.sync.aligned.m64n" #Columns                  \
                 "k32.s32.s8.s8 {" QZC_NAMES_##Columns "}, %" #A ", %" #B      \
                                                       ", p;\n}"               \
                 : QZC_SUMS_##Columns("r")                                     \
                 : "l"(a), "l"(b));                                            \
  }
#define QZC_PRODUCTS(Columns, A, B)                                            \
  QZC_PRODUCT(Columns, A, B)                                                   \
  QZC_BYTE_PRODUCT(Columns, A, B)

QZC_PRODUCTS(64, 32, 33)
QZC_PRODUCTS(128, 64, 65)
QZC_PRODUCTS(192, 96, 97)
QZC_PRODUCTS(256, 128, 129)

/// c[64 x Columns] += a[64 x 16] · b[16 x Columns], where a is in registers: of
/// each warp's 16 rows as multiplyAccumulate has them. They are to be written
/// anew before each product: ptxas (12.9) has taken operands that a loop only
/// reads for dead behind their first use. A0 to A3, B: numbers of operands.
#define QZC_REGISTER_PRODUCT(Columns, A0, A1, A2, A3, B)                       \
  QZC_DEVICE void multiplyRegisters(float(&c)[Columns / 8][4],                 \
                                    const unsigned(&a)[4],                     \
                                    unsigned long long b) {                    \
    asm volatile(                                                              \
        "{\n.reg .pred p;\nsetp.eq.u32 p, 0, 0;\n"                             \
        "wgmma.mma_async.sync.aligned.m64n" #Columns "k16.f32.f16.f16 "        \
        "{" QZC_NAMES_##Columns "}, {%" #A0 ", %" #A1 ", %" #A2 ", %" #A3      \
                                "}, %" #B ", p, 1, 1, 1;\n}"                   \
        : QZC_SUMS_##Columns("f")                                              \
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b));                 \
  }

QZC_REGISTER_PRODUCT(64, 32, 33, 34, 35, 36)
QZC_REGISTER_PRODUCT(128, 64, 65, 66, 67, 68)

/// c[64 x 32] += a[64 x 16] · b[32 x 16]ᵀ, a in registers as there; without
/// Adds the first of a sum's products.
template <bool Adds>
QZC_DEVICE void multiplyRows(float (&c)[4][4], const unsigned (&a)[4],
                             unsigned long long b) {
  asm volatile("{\n.reg .pred p;\nsetp.ne.u32 p, %21, 0;\n"
               "wgmma.mma_async.sync.aligned.m64n32k16.f32.f16.f16 "
               "{" QZC_NAMES_32 "}, {%16, %17, %18, %19}, %20, p, 1, 1, 0;\n}"
               : QZC_SUMS_32("f")
               : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b), "n"(Adds));
}

/// c[64 x 64] = a[64 x 16] · b[64 x 16]ᵀ: the first of a sum's products.
#define QZC_NEW_FOUR(J)                                                        \
  "=f"(c[J][0]), "=f"(c[J][1]), "=f"(c[J][2]), "=f"(c[J][3])
QZC_DEVICE void firstProduct(float (&c)[8][4], unsigned long long a,
                             unsigned long long b) {
  asm volatile("{\n.reg .pred p;\nsetp.ne.u32 p, 0, 0;\n"
               "wgmma.mma_async.sync.aligned.m64n64k16.f32.f16.f16 "
               "{" QZC_NAMES_64 "}, %32, %33, p, 1, 1, 0, 0;\n}"
               : QZC_NEW_FOUR(0), QZC_NEW_FOUR(1), QZC_NEW_FOUR(2),
                 QZC_NEW_FOUR(3), QZC_NEW_FOUR(4), QZC_NEW_FOUR(5),
                 QZC_NEW_FOUR(6), QZC_NEW_FOUR(7)
               : "l"(a), "l"(b));
}

#undef QZC_NEW_FOUR
#undef QZC_REGISTER_PRODUCT
#undef QZC_PRODUCTS
#undef QZC_BYTE_PRODUCT
#undef QZC_PRODUCT
#undef QZC_NAMES_32
#undef QZC_SUMS_32
#undef QZC_NAMES_64
#undef QZC_SUMS_64
#undef QZC_NAMES_128
#undef QZC_SUMS_128
#undef QZC_NAMES_192
#undef QZC_SUMS_192
#undef QZC_NAMES_256
#undef QZC_SUMS_256
#undef QZC_FOUR

//===----------------------------------------------------------------------===//
// Bulk copies, and barriers that count their bytes
//===----------------------------------------------------------------------===//

// Barriers are 8 bytes of shared memory, given by their address. A phase is
// complete when all arrivals and all expected bytes have come.

QZC_DEVICE void initBarrier(unsigned barrier, int arrivals) {
  asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(barrier),
               "r"(arrivals)
               : "memory");
}
/// Makes initialised barriers known to copies.
QZC_DEVICE void publishBarriers() {
  asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
}
/// Arrives, and expects that many bytes more in this phase.
QZC_DEVICE void expectBytes(unsigned barrier, unsigned bytes) {
  asm volatile(
      "mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(barrier),
      "r"(bytes)
      : "memory");
}
QZC_DEVICE void arrive(unsigned barrier) {
  asm volatile("mbarrier.arrive.shared::cta.b64 _, [%0];" ::"r"(barrier)
               : "memory");
}
/// Waits for the end of the phase of this parity; what was done before the
/// arrivals, and what copies brought, is seen.
QZC_DEVICE void waitBarrier(unsigned barrier, unsigned parity) {
  asm volatile("{\n.reg .pred done;\nagain:\n"
               "mbarrier.try_wait.parity.shared::cta.b64 done, [%0], %1;\n"
               "@!done bra again;\n}" ::"r"(barrier),
               "r"(parity)
               : "memory");
}

/// Before an arrival: what this thread wrote to shared memory, also by
/// copyAsync, is there for the products of who waits.
QZC_DEVICE void publishTiles() {
  asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
}

/// All warps of a warpgroup: its threads have `Count` registers from here on,
/// fewer or more than before. More are waited for.
template <int Count> QZC_DEVICE void keepRegisters() {
  asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;" ::"n"(Count));
}
template <int Count> QZC_DEVICE void takeRegisters() {
  asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;" ::"n"(Count));
}

/// Starts the copy of `bytes`, a multiple of 16, to shared memory; they count
/// for the barrier.
QZC_DEVICE void copyBulk(unsigned shared, const void *global, unsigned bytes,
                         unsigned barrier) {
  asm volatile("cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::"
               "bytes [%0], [%1], %2, [%3];" ::"r"(shared),
               "l"(global), "r"(bytes), "r"(barrier)
               : "memory");
}
/// The first `Warps` warps of the block meet, as at __syncthreads().
template <int Warps> QZC_DEVICE void meetWarps() {
  asm volatile("bar.sync 1, %0;" ::"n"(Warps * 32) : "memory");
}

//===----------------------------------------------------------------------===//
// Blocks of a cluster
//===----------------------------------------------------------------------===//

QZC_DEVICE int blockOfCluster() {
  unsigned rank;
  asm("mov.u32 %0, %%cluster_ctarank;" : "=r"(rank));
  return static_cast<int>(rank);
}
/// All threads of a cluster arrive, then wait for each other: published
/// barriers are there for all blocks.
QZC_DEVICE void arriveCluster() {
  asm volatile("barrier.cluster.arrive.relaxed.aligned;" ::: "memory");
}
QZC_DEVICE void waitCluster() {
  asm volatile("barrier.cluster.wait.aligned;" ::: "memory");
}
/// The same, where others wait for what was put there before.
QZC_DEVICE void releaseCluster() {
  asm volatile("barrier.cluster.arrive.release.aligned;" ::: "memory");
}
/// Puts 16 bytes, aligned so, to where `block` has what is `mine` here.
QZC_DEVICE void putFourInCluster(float4 *mine, const float4 &v, int block) {
  asm volatile("{\n.reg .b32 there;\n"
               "mapa.shared::cluster.u32 there, %0, %1;\n"
               "st.shared::cluster.v4.f32 [there], {%2, %3, %4, %5};\n}" ::"r"(
                   sharedAddress(mine)),
               "r"(block), "f"(v.x), "f"(v.y), "f"(v.z), "f"(v.w)
               : "memory");
}
/// The same of one float.
QZC_DEVICE void putInCluster(float *mine, float value, int block) {
  asm volatile(
      "{\n.reg .b32 there;\n"
      "mapa.shared::cluster.u32 there, %0, %1;\n"
      "st.shared::cluster.f32 [there], %2;\n}" ::"r"(sharedAddress(mine)),
      "r"(block), "f"(value)
      : "memory");
}
/// Stores to where `block` has what is `mine` here, in dynamic shared memory;
/// the four bytes count for its barrier, which is here at `barrier`.
QZC_DEVICE void storeInCluster(float *mine, float value, int block,
                               unsigned barrier) {
  asm volatile("{\n.reg .b32 there, signal;\n"
               "mapa.shared::cluster.u32 there, %0, %2;\n"
               "mapa.shared::cluster.u32 signal, %1, %2;\n"
               "st.async.weak.shared::cluster.mbarrier::complete_tx::bytes.f32 "
               "[there], %3, [signal];\n}" ::"r"(sharedAddress(mine)),
               "r"(barrier), "r"(block), "f"(value)
               : "memory");
}
/// The same of 16 bytes, aligned so.
QZC_DEVICE void storeFourInCluster(float4 *mine, const float4 &v, int block,
                                   unsigned barrier) {
  asm volatile(
      "{\n.reg .b32 there, signal;\n"
      "mapa.shared::cluster.u32 there, %0, %2;\n"
      "mapa.shared::cluster.u32 signal, %1, %2;\n"
      "st.async.weak.shared::cluster.mbarrier::complete_tx::bytes.v4.f32 "
      "[there], {%3, %4, %5, %6}, [signal];\n}" ::"r"(sharedAddress(mine)),
      "r"(barrier), "r"(block), "f"(v.x), "f"(v.y), "f"(v.z), "f"(v.w)
      : "memory");
}
/// As waitBarrier, where other blocks of the cluster store what is waited for.
QZC_DEVICE void waitForCluster(unsigned barrier, unsigned parity) {
  asm volatile("{\n.reg .pred done;\nagain:\n"
               "mbarrier.try_wait.parity.acquire.cluster.shared::cta.b64 done, "
               "[%0], %1;\n"
               "@!done bra again;\n}" ::"r"(barrier),
               "r"(parity)
               : "memory");
}

//===----------------------------------------------------------------------===//
// Words that say themselves that they are there: they are not zero
//===----------------------------------------------------------------------===//

/// What is left of a value.
QZC_DEVICE float asWord(float value) { return value == 0.0f ? -0.0f : value; }
/// Leaves a value for a block that waits for it, wherever it runs.
QZC_DEVICE void leaveWord(float *at, float value) {
  asm volatile("st.relaxed.gpu.f32 [%0], %1;" ::"l"(at), "f"(asWord(value))
               : "memory");
}
/// Four, each a word of its own.
QZC_DEVICE void leaveWords(float4 *at, const float4 &v) {
  asm volatile("st.relaxed.gpu.v4.f32 [%0], {%1, %2, %3, %4};" ::"l"(at),
               "f"(asWord(v.x)), "f"(asWord(v.y)), "f"(asWord(v.z)),
               "f"(asWord(v.w))
               : "memory");
}
/// What was left, or zero.
QZC_DEVICE float wordLeft(const float *at) {
  float value;
  asm volatile("ld.relaxed.gpu.f32 %0, [%1];"
               : "=f"(value)
               : "l"(at)
               : "memory");
  return value;
}
QZC_DEVICE float4 wordsLeft(const float4 *at) {
  float4 v;
  asm volatile("ld.relaxed.gpu.v4.f32 {%0, %1, %2, %3}, [%4];"
               : "=f"(v.x), "=f"(v.y), "=f"(v.z), "=f"(v.w)
               : "l"(at)
               : "memory");
  return v;
}
QZC_DEVICE bool isWord(float value) { return __float_as_int(value) != 0; }
QZC_DEVICE bool areWords(const float4 &v) {
  return isWord(v.x) && isWord(v.y) && isWord(v.z) && isWord(v.w);
}

} // namespace qzc::kernels

#endif // __CUDA_ARCH_FEAT_SM90_ALL

#endif // QZC_KERNELS_HOPPER_CUH
