//===- Main.cpp - The command line on the real image and devices ----------===//

#include "qzc/Runtime/App/App.h"

#include "qzc/Support/Process.h"

namespace qzc::runtime {

int runApp(int argc, char **argv) {
  prepareProcess();
  AppEnvironment environment;
  environment.openImage = [](bool fullCheck, int threads) {
    return Image::open("/proc/self/exe", fullCheck, threads);
  };
  environment.createCpu = createCpuEngine;
  environment.createCuda = createCudaEngine;
  environment.cudaPresent = cudaDevicePresent;
  return runApp(argc, const_cast<const char *const *>(argv), environment);
}

} // namespace qzc::runtime
