//===- Build.cpp - Compiles the kernels of all test models ----------------===//
//
// kernel-test-build FOLDER [ARCH [WORD]]: writes NAME.ARCH (sm_90a) and
// NAME.compute_80 for every random case and timing shape, or those whose names
// hold WORD, to be run where there is a GPU; and as NAME.ARCH.json the model's
// manifest with the program that launches the code.
//
//===----------------------------------------------------------------------===//

#include "Lowered.h"
#include "Model.h"

#include "qzc/Support/AtomicFile.h"
#include "qzc/Support/Error.h"
#include "qzc/Target/Cuda/Compile.h"
#include "qzc/Target/Cuda/Emit.h"

#include <cstdio>

using namespace qzc;
using namespace qzc::kernel_test;

static void writeFile(const std::string &path, const std::string &text) {
  AtomicFile file(path);
  file.append(text);
  file.commit();
}

static void build(const Model &model, const std::string &stem,
                  const std::vector<cuda::Arch> &archs) {
  const cuda::CudaCompiler compiler(QZC_NVRTC_PROGRAM);
  std::vector<cuda::CompileUnit> units;
  for (const cuda::Arch &arch : archs) {
    Lowered lowered = lower(model.manifest, model.gpuOf(arch));
    units.push_back({cuda::emitCuda(*lowered.ir), arch});
    format::Manifest manifest = model.manifest;
    manifest.cuda = {lowered.program};
    writeFile(stem + "." + arch.name() + ".json", toJson(manifest));
  }
  for (const cuda::CompiledCode &code : compiler.compile(units))
    writeFile(stem + "." + code.arch.name(), code.bytes);
  writeFile(stem + ".cu", units[0].source);
  std::printf("%s\n", stem.c_str());
}

int main(int argc, char **argv) {
  if (argc < 2) {
    std::fprintf(stderr, "kernel-test-build FOLDER [ARCH [WORD]]\n");
    return 2;
  }
  try {
    const std::string folder = argv[1];
    const std::string arch = argc > 2 ? argv[2] : "sm_90a";
    const std::vector<cuda::Arch> archs =
        cuda::parseArchs(arch + ",compute_80");
    const std::string word = argc > 3 ? argv[3] : "";
    const auto isWanted = [&](const std::string &name) {
      return name.find(word) != std::string::npos;
    };
    for (int i = 0; i < kCases; ++i)
      if (const std::string name = "case" + std::to_string(i); isWanted(name))
        build(makeCase(i), folder + "/" + name, archs);
    for (const BenchShape &shape : benchShapes())
      if (isWanted(shape.name))
        build(makeBench(shape), folder + "/" + shape.name, archs);
  } catch (const Error &error) {
    std::fprintf(stderr, "kernel-test-build: %s\n", error.what());
    return 1;
  }
  return 0;
}
