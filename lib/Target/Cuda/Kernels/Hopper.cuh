//===- Hopper.cuh - Products of warpgroups on sm_90a ------------*- C++ -*-===//
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

/// A tile of rows of 64 halves for the tensor cores: rows of 128 bytes whose
/// 16-byte pieces p of row r lie at p ^ (r % 8), as PTX's 128-byte swizzle has
/// them; eight rows are 1,024 bytes, to a multiple of which the tile is
/// aligned. The next 16 columns are two further.
QZC_DEVICE unsigned long long matrixDescriptor(unsigned shared) {
  constexpr unsigned long long swizzle = 1ull << 62;
  constexpr unsigned long long groupStride = (1024ull >> 4) << 32;
  constexpr unsigned long long unused = 1ull << 16;
  return swizzle | groupStride | unused | ((shared & 0x3ffff) >> 4);
}

/// What this thread wrote to shared memory, or had copied there, is visible to
/// the tensor cores of who passes the next barrier.
QZC_DEVICE void publishToTensorCores() {
  asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
}

/// Around the products of a step: registers of sums may be used by them; the
/// products so far are one group; all groups are done.
QZC_DEVICE void beginProducts() {
  asm volatile("wgmma.fence.sync.aligned;" ::: "memory");
}
QZC_DEVICE void commitProducts() {
  asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory");
}
QZC_DEVICE void waitForProducts() {
  asm volatile("wgmma.wait_group.sync.aligned 0;" ::: "memory");
}

/// Keeps the compiler from reading sums before the products are waited for.
QZC_DEVICE void changedByProducts(float (&c)[4]) {
  asm volatile("" : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])::"memory");
}

// Thread t of a warpgroup holds of c: rows 16(t / 32) + t % 32 / 4 (c[j][0],
// c[j][1]) and 8 further (c[j][2], c[j][3]), columns 8j + 2(t % 4) and the
// next. One instruction takes the sums of all its columns at once.
#define QZC_FOUR(J) "+f"(c[J][0]), "+f"(c[J][1]), "+f"(c[J][2]), "+f"(c[J][3])

/// c[64x64] += a[64x16] · b[64x16]ᵀ.
QZC_DEVICE void multiplyGroup(float (&c)[8][4], unsigned long long a,
                              unsigned long long b) {
  asm volatile("{\n.reg .pred p;\nsetp.eq.u32 p, 0, 0;\n"
               "wgmma.mma_async.sync.aligned.m64n64k16.f32.f16.f16 "
               "{%0, %1, %2, %3, %4, %5, %6, %7,"
               " %8, %9, %10, %11, %12, %13, %14, %15,"
               " %16, %17, %18, %19, %20, %21, %22, %23,"
               " %24, %25, %26, %27, %28, %29, %30, %31}, "
               "%32, %33, p, 1, 1, 0, 0;\n}"
               : QZC_FOUR(0), QZC_FOUR(1), QZC_FOUR(2), QZC_FOUR(3),
                 QZC_FOUR(4), QZC_FOUR(5), QZC_FOUR(6), QZC_FOUR(7)
               : "l"(a), "l"(b));
}

/// c[64x128] += a[64x16] · b[128x16]ᵀ.
QZC_DEVICE void multiplyGroup(float (&c)[16][4], unsigned long long a,
                              unsigned long long b) {
  asm volatile("{\n.reg .pred p;\nsetp.eq.u32 p, 0, 0;\n"
               "wgmma.mma_async.sync.aligned.m64n128k16.f32.f16.f16 "
               "{%0, %1, %2, %3, %4, %5, %6, %7,"
               " %8, %9, %10, %11, %12, %13, %14, %15,"
               " %16, %17, %18, %19, %20, %21, %22, %23,"
               " %24, %25, %26, %27, %28, %29, %30, %31,"
               " %32, %33, %34, %35, %36, %37, %38, %39,"
               " %40, %41, %42, %43, %44, %45, %46, %47,"
               " %48, %49, %50, %51, %52, %53, %54, %55,"
               " %56, %57, %58, %59, %60, %61, %62, %63}, "
               "%64, %65, p, 1, 1, 0, 0;\n}"
               : QZC_FOUR(0), QZC_FOUR(1), QZC_FOUR(2), QZC_FOUR(3),
                 QZC_FOUR(4), QZC_FOUR(5), QZC_FOUR(6), QZC_FOUR(7),
                 QZC_FOUR(8), QZC_FOUR(9), QZC_FOUR(10), QZC_FOUR(11),
                 QZC_FOUR(12), QZC_FOUR(13), QZC_FOUR(14), QZC_FOUR(15)
               : "l"(a), "l"(b));
}

#undef QZC_FOUR

} // namespace qzc::kernels

#endif // __CUDA_ARCH_FEAT_SM90_ALL

#endif // QZC_KERNELS_HOPPER_CUH
