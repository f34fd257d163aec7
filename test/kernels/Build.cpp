//===- Build.cpp - Compiles the kernels of all test models ----------------===//
//
// kernel-test-build FOLDER [ARCH]: writes <case>.cubin and <case>.ptx for every
// random case and timing shape, to be run where there is a GPU.
//
//===----------------------------------------------------------------------===//

#include "Model.h"

#include "qzc/Support/AtomicFile.h"
#include "qzc/Support/Error.h"
#include "qzc/Target/Cuda/Compile.h"
#include "qzc/Target/Cuda/Emit.h"

#include <cstdio>

using namespace qzc;
using namespace qzc::kernel_test;

static void build(const Model &model, const std::string &stem,
                  const std::vector<cuda::Arch> &archs) {
  const cuda::CudaCompiler compiler(QZC_NVRTC_PROGRAM);
  const cuda::CudaLowering lowering =
      cuda::lowerToCuda(model.manifest, model.gpu);
  const std::string source = cuda::emitCuda(lowering.kernels);
  for (const cuda::CompiledCode &code : compiler.compile(source, archs)) {
    AtomicFile file(stem + (code.arch.ptx ? ".ptx" : ".cubin"));
    file.append(code.bytes);
    file.commit();
  }
  AtomicFile text(stem + ".cu");
  text.append(source);
  text.commit();
  std::printf("%s: %zu kernels\n", stem.c_str(), lowering.kernels.size());
}

int main(int argc, char **argv) {
  if (argc < 2) {
    std::fprintf(stderr, "kernel-test-build FOLDER [ARCH]\n");
    return 2;
  }
  try {
    const std::string folder = argv[1];
    const std::string arch = argc > 2 ? argv[2] : "sm_90a";
    const std::vector<cuda::Arch> archs =
        cuda::parseArchs(arch + ",compute_80");
    for (int i = 0; i < kCases; ++i)
      build(makeCase(i), folder + "/case" + std::to_string(i), archs);
    for (const BenchShape &shape : benchShapes())
      build(makeBench(shape), folder + "/" + shape.name, archs);
  } catch (const Error &error) {
    std::fprintf(stderr, "kernel-test-build: %s\n", error.what());
    return 1;
  }
  return 0;
}
