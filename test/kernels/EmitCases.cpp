//===- EmitCases.cpp - Emitted kernels for the emulator -------------------===//
//
// kernel-test-emit FIRST LAST > file.cpp: the emitted code of cases FIRST to
// LAST, each in a namespace, with a table of entry points.
//
//===----------------------------------------------------------------------===//

#include "Lowered.h"
#include "Model.h"

#include "qzc/Support/Error.h"
#include "qzc/Target/Cuda/Emit.h"

#include <cstdio>
#include <cstdlib>

using namespace qzc;
using namespace qzc::kernel_test;

static void replaceAll(std::string &text, const std::string &from,
                       const std::string &to) {
  for (size_t at = text.find(from); at != std::string::npos;
       at = text.find(from, at + to.size()))
    text.replace(at, from.size(), to);
}

static void emitCase(int number) {
  const Model model = makeCase(number);
  Lowered lowered = lower(model.manifest, model.gpuOf(model.emulated));
  std::string text = cuda::emitCuda(*lowered.ir);
  // The includes stay outside the namespace; the symbols must differ by case.
  const size_t body = text.find("using namespace");
  std::string includes = text.substr(0, body);
  text.erase(0, body);
  replaceAll(text, "extern \"C\" ", "static ");
  std::printf("%snamespace case%d {\n%s", includes.c_str(), number,
              text.c_str());
  std::string table;
  for (cuda::KernelOp kernel : lowered.kernels)
    for (const char *suffix : {"_f16", "_f32", "_q8"}) {
      const std::string symbol =
          kernel.getSymName().str() + (kernel.getPerCacheType() ? suffix : "");
      std::string call =
          "static void call_" + symbol + "(void **a) {\n  " + symbol + "(";
      int count = 0;
      for (llvm::StringRef type :
           kernel.getParameters().getAsValueRange<mlir::StringAttr>()) {
        call += (count ? ", *(" : "*(") + type.str() + " *)a[" +
                std::to_string(count) + "]";
        ++count;
      }
      std::printf("%s);\n}\n", call.c_str());
      table += "    {\"" + symbol + "\", &call_" + symbol + ", " +
               std::to_string(kernel.getClusterBlocks()) + "},\n";
      if (!kernel.getPerCacheType())
        break;
    }
  std::printf("static const qzc::emulator::Registration registration(%d, {\n"
              "%s});\n} // namespace case%d\n",
              number, table.c_str(), number);
}

int main(int argc, char **argv) {
  if (argc != 3) {
    std::fprintf(stderr, "kernel-test-emit FIRST LAST\n");
    return 2;
  }
  try {
    for (int i = std::atoi(argv[1]); i <= std::atoi(argv[2]); ++i)
      emitCase(i);
  } catch (const Error &error) {
    std::fprintf(stderr, "kernel-test-emit: %s\n", error.what());
    return 1;
  }
  return 0;
}
